/**
 * Reads one stream of Server-Sent Events and stays with it: over cut connections, restarts of the server and hidden tabs.
 *
 * The browser's EventSource gives up for ever at the first 503, as a rolling update sends it, so this reads by fetch. Every
 * connection begins behind the last event that had an id. The page keeps one stream at most: browsers allow six connections
 * to a host over HTTP/1.1, for all tabs together.
 */

import { backoffMs } from "./backoff";
import { EventParser, type ServerEvent } from "./parser";

/** `waiting` for the next try; `paused` in a hidden tab; `finished`: nothing will come; `refused`: not for this reader. */
export type StreamState = "connecting" | "open" | "waiting" | "paused" | "finished" | "refused";

export interface StreamOptions {
  readonly url: string;
  /** The id of the last event that the page knows; "" for none. */
  readonly after?: string;
  onEvents(events: readonly ServerEvent[]): void;
  /** `serverTime` is the server's clock when it answered, in milliseconds; null where it did not tell. */
  onState?(state: StreamState, serverTime: number | null): void;
}

/** The server sends a comment each 15 s: a connection without a byte for this long is dead, whatever the network says. */
const SILENCE_MS = 35_000;
const FINAL = new Set([401, 403, 404]);

export class LiveStream {
  readonly #options: StreamOptions;
  #after: string;
  #tries = 0;
  #isOver = false;
  #abort: AbortController | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#after = options.after ?? "";
  }

  /** Connect, and stay connected until the stream has finished or `close` is called. */
  start(): void {
    document.addEventListener("visibilitychange", this.#onVisibility);
    if (document.visibilityState === "hidden") this.#tell("paused");
    else void this.#connect();
  }

  close(): void {
    this.#isOver = true;
    document.removeEventListener("visibilitychange", this.#onVisibility);
    this.#disconnect();
  }

  #onVisibility = (): void => {
    if (this.#isOver) return;
    this.#disconnect();
    if (document.visibilityState === "hidden") {
      this.#tell("paused");
    } else {
      this.#tries = 0;
      void this.#connect();
    }
  };

  #disconnect(): void {
    clearTimeout(this.#retry);
    this.#abort?.abort();
    this.#abort = null;
  }

  async #connect(): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    this.#tell("connecting");
    let mayComeBack = true;
    try {
      mayComeBack = await this.#read(abort);
    } catch {
      // A network error, a cut stream or silence: all the same to us, the next connection goes on behind the last event.
    }
    if (this.#abort !== abort) return;
    this.#abort = null;
    if (!mayComeBack) return this.#finish();
    this.#tell("waiting");
    this.#retry = setTimeout(() => void this.#connect(), backoffMs(this.#tries, Math.random()));
    this.#tries += 1;
  }

  #finish(): void {
    this.#isOver = true;
    document.removeEventListener("visibilitychange", this.#onVisibility);
  }

  /** Read one connection to its end; false if no other one should follow. */
  async #read(abort: AbortController): Promise<boolean> {
    const watch = new Silence(() => abort.abort());
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (this.#after) headers["Last-Event-ID"] = this.#after;
      const response = await fetch(this.#options.url, { headers, signal: abort.signal, cache: "no-store" });
      if (response.status === 204) this.#tell("finished");
      if (FINAL.has(response.status)) this.#tell("refused");
      if (response.status === 204 || FINAL.has(response.status)) return false;
      if (!response.ok || response.body === null) return true;
      this.#tell("open", response.headers.get("Date"));
      await this.#readBody(response.body, watch);
      return true;
    } finally {
      watch.stop();
    }
  }

  async #readBody(body: ReadableStream<Uint8Array<ArrayBuffer>>, watch: Silence): Promise<void> {
    const parser = new EventParser();
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      watch.heard();
      // A server that accepts and then closes at once is no success: only what came counts.
      this.#tries = 0;
      const events = parser.push(piece.value);
      this.#after = events.findLast((event) => event.id !== null)?.id ?? this.#after;
      if (events.length) this.#options.onEvents(events);
    }
  }

  #tell(state: StreamState, date: string | null = null): void {
    this.#options.onState?.(state, date === null ? null : Date.parse(date));
  }
}

/** Calls out when nothing was heard for too long. */
class Silence {
  readonly #onSilence: () => void;
  #timer: ReturnType<typeof setTimeout>;

  constructor(onSilence: () => void) {
    this.#onSilence = onSilence;
    this.#timer = setTimeout(onSilence, SILENCE_MS);
  }

  heard(): void {
    this.stop();
    this.#timer = setTimeout(this.#onSilence, SILENCE_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
