// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LiveStream, type StreamState } from "./stream";

type Answer = (signal: AbortSignal) => Response;

/** A server that answers one connection after the other, and notes behind which event each began. */
function serve(...answers: Answer[]) {
  const begun: (string | null)[] = [];
  vi.stubGlobal("fetch", async (_url: string, init: { headers: Record<string, string>; signal: AbortSignal }) => {
    const after = init.headers["Last-Event-ID"] ?? null;
    begun.push(after);
    const answer = answers[begun.length - 1];
    if (answer === undefined) throw new TypeError("no further connection was expected");
    return answer(init.signal);
  });
  return begun;
}

const streams: LiveStream[] = [];

function follow(after = "") {
  const ids: (string | null)[] = [];
  const states: StreamState[] = [];
  const stream = new LiveStream({
    url: "/events",
    after,
    onEvents: (events) => ids.push(...events.map((event) => event.id)),
    onState: (state) => states.push(state),
  });
  streams.push(stream);
  stream.start();
  return { ids, states, stream };
}

const told =
  (...ids: string[]) =>
  () =>
    new Response(ids.map((id) => `id: ${id}\ndata: {}\n\n`).join(""));
const status = (code: number) => () => new Response(null, { status: code });

/** Says something, and then nothing until it is aborted, as a browser ends a body. */
const endless =
  (text = ""): Answer =>
  (signal) =>
    new Response(
      new ReadableStream({
        start: (controller) => {
          controller.enqueue(new TextEncoder().encode(text));
          signal.addEventListener("abort", () => controller.error(new Error("aborted")));
        },
      }),
    );

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a stream that is cut goes on behind the last event, also over a 503", async () => {
  const begun = serve(told("1.1", "1.2"), status(503), told("1.3"), status(204));
  const { ids, states } = follow("0.5");
  await vi.advanceTimersByTimeAsync(20_000);
  expect(begun).toEqual(["0.5", "1.2", "1.2", "1.3"]);
  expect(ids).toEqual(["1.1", "1.2", "1.3"]);
  expect(states.at(-1)).toBe("finished");
});

test("a first connection that fails is tried again", async () => {
  const begun = serve(status(503), status(204));
  follow();
  await vi.advanceTimersByTimeAsync(2000);
  expect(begun).toHaveLength(2);
});

test.each([401, 403, 404])("%i is final", async (code) => {
  const begun = serve(status(code));
  const { states } = follow();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(begun).toHaveLength(1);
  expect(states.at(-1)).toBe("refused");
});

test("a connection that says nothing for 35 s is given up and made anew", async () => {
  const begun = serve(endless(), status(204));
  follow();
  await vi.advanceTimersByTimeAsync(34_000);
  expect(begun).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(4000);
  expect(begun).toHaveLength(2);
});

test("a hidden tab has no connection, and a shown one goes on behind the last event", async () => {
  const begun = serve(endless("id: 7.1\ndata: 1\n\n"), status(204));
  const { states } = follow();
  await vi.advanceTimersByTimeAsync(10);
  show("hidden");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(states.at(-1)).toBe("paused");
  expect(begun).toEqual([null]);
  show("visible");
  await vi.advanceTimersByTimeAsync(10);
  expect(begun).toEqual([null, "7.1"]);
});

function show(state: "hidden" | "visible"): void {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}

test("after closing nothing is connected any more", async () => {
  const begun = serve(status(503));
  const { stream } = follow();
  await vi.advanceTimersByTimeAsync(10);
  stream.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(begun).toHaveLength(1);
});
