/** Keeps the problems of the text true: the server checks it, and while it does not, that is told. */

import { type Api, explain } from "../api/client";
import type { ValidationRecord } from "../api/schema";
import { backoffMs } from "../live/backoff";
import { Refusal, refusalOf, send } from "./sending";
import type { EditorStore } from "./store";

/** A text is checked when its writer pauses for so long. */
const PAUSE_MS = 300;

/** Checks the text now and after each change, and again where that failed. Returns how to stop. */
export function keepChecked(store: EditorStore, api: Api, random: () => number = Math.random): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: AbortController | null = null;
  let tries = 0;
  const check = async () => {
    running?.abort();
    const own = new AbortController();
    running = own;
    const { text } = store.getState();
    try {
      const { problems } = await checked(api, text, own.signal);
      store.setState({ problems, checkedText: text, unchecked: "" });
      tries = 0;
    } catch (error) {
      // A newer text is on its way, or the editor is gone.
      if (own.signal.aborted) return;
      store.setState({ unchecked: reasonOf(error) });
      if (mayGoBetter(error)) schedule(backoffMs(tries, random()));
      tries += 1;
    }
  };
  const schedule = (pause: number) => {
    clearTimeout(timer);
    timer = setTimeout(check, pause);
  };
  const stop = store.subscribe((state, before) => {
    if (state.text !== before.text) schedule(PAUSE_MS);
  });
  void check();
  return () => {
    stop();
    clearTimeout(timer);
    running?.abort();
  };
}

async function checked(api: Api, text: string, signal: AbortSignal): Promise<ValidationRecord> {
  const response = await send(api.address("/pipelines:validate"), { method: "POST", body: text, signal });
  if (!response.ok) throw await refusalOf(response);
  return (await response.json()) as ValidationRecord;
}

function reasonOf(error: unknown): string {
  return error instanceof Refusal && error.status === 401 ? "You are not logged in any more" : explain(error);
}

/** Whether the same text may be checked later: not, if it is the text that is refused, such as one that is too long. */
function mayGoBetter(error: unknown): boolean {
  if (!(error instanceof Refusal)) return true;
  return error.status >= 500 || error.status === 401 || error.status === 408 || error.status === 429;
}
