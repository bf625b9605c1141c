/** Tells lists on the page that something changed: `flume:changed` on the body, on which htmx loads them again. */

import type { ServerEvent } from "../live/parser";
import { LiveStream, type StreamState } from "../live/stream";

export const CHANGED = "flume:changed";

/** A busy namespace changes many times a second; the page is made anew no more often than this. */
const PAUSE_MS = 2000;

const ENDED = new Set(["completed", "failed", "cancelled"]);

const WORDS: Record<StreamState, string> = {
  connecting: "Connecting",
  open: "Live",
  waiting: "Reconnecting",
  paused: "Paused",
  finished: "Finished",
  refused: "Not live",
};

/** Follow the stream that the first element with `data-live` names. Nothing happens on a page without one. */
export function followLive(): void {
  const element = document.querySelector<HTMLElement>("[data-live]");
  const url = element?.dataset.live;
  if (element === null || !url) return;
  const isWanted = filterOf(element.dataset);
  const change = new Coalesced(() => document.body.dispatchEvent(new CustomEvent(CHANGED)));
  let hasEnded = false;
  new LiveStream({
    url,
    onEvents: (events) => {
      if (events.some(isWanted)) change.notice();
      hasEnded ||= events.some(isEndOfStream);
    },
    onState: (state) => {
      // The stream of a run ends with it: that is no break, though the next connection is what learns of it.
      showState(hasEnded ? "finished" : state);
      // The stream has no history: what changed before it opened, since the page was made or while it was away, is not told.
      if (state === "open") change.notice();
    },
  }).start();
}

function showState(state: StreamState): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-live-state]")) {
    element.dataset.state = state;
    element.textContent = WORDS[state];
  }
}

export function wordOf(state: StreamState): string {
  return WORDS[state];
}

/** What the page wants to hear of: kinds of events in `data-live-of`, states of runs in `data-live-status`; neither: all. */
function filterOf({ liveOf, liveStatus }: DOMStringMap): (event: ServerEvent) => boolean {
  const kinds = liveOf?.split(" ");
  const statuses = liveStatus ? liveStatus.split(" ") : null;
  return (event) => {
    if (event.name === "reload") return true;
    if (kinds !== undefined && !kinds.includes(event.name)) return false;
    return event.name !== "run" || statuses === null || concerns(runIn(event), statuses);
  };
}

/** A run concerns a list of some states if it comes into one of them, or is shown there and may leave. */
function concerns(run: RunInShort, statuses: readonly string[]): boolean {
  return statuses.includes(run.status) || document.getElementById(`run-${run.id}`) !== null;
}

interface RunInShort {
  readonly id: string;
  readonly status: string;
}

function runIn(event: ServerEvent): RunInShort {
  return JSON.parse(event.data) as RunInShort;
}

/** Only the stream of one run gives its events ids, and ends. */
function isEndOfStream(event: ServerEvent): boolean {
  return event.name === "run" && event.id !== null && ENDED.has(runIn(event).status);
}

/** At most one call in `PAUSE_MS`, the first at once, and always one after the last notice. */
export class Coalesced {
  readonly #call: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isDue = false;

  constructor(call: () => void) {
    this.#call = call;
  }

  notice(): void {
    if (this.#timer !== undefined) {
      this.#isDue = true;
      return;
    }
    this.#call();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#isDue) return;
      this.#isDue = false;
      this.notice();
    }, PAUSE_MS);
  }
}
