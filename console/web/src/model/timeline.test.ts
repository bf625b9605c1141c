import { expect, test } from "vitest";
import { aNode, aRun, at } from "./building";
import { attemptsOf, barsOf, nodeElapsed, orderOf, scaleOf, sharesOf, spansOf, ticksOf } from "./timeline";

const T = (offset: number) => Date.parse(at(offset));
const error = { code: "raised", message: "no", node: null, retryable: true };
const timing = { queuedMs: 100, coldStartMs: 300, executeMs: 600 };

test("an attempt's time goes into waiting in the queue, the cold start and the work", () => {
  const attempts = [{ number: 1, startedAt: at(0), endedAt: at(1000), error: null, timing }];
  const node = aNode({ status: "completed", attempts, startedAt: at(0), completedAt: at(1000) });
  expect(spansOf(node, T(5000))).toEqual([
    { part: "queued", start: T(0), end: T(100), attempt: 1 },
    { part: "starting", start: T(100), end: T(400), attempt: 1 },
    { part: "completed", start: T(400), end: T(1000), attempt: 1 },
  ]);
});

test("between attempts a node waits, and the present one goes on until now", () => {
  const attempts = [{ number: 1, startedAt: at(0), endedAt: at(100), error, timing: null }];
  const retrying = aNode({ status: "retrying", attempts, startedAt: at(0), attempt: 1 });
  expect(spansOf(retrying, T(500)).map((span) => span.part)).toEqual(["failed", "waiting"]);
  const again = aNode({ status: "running", attempts, startedAt: at(300), attempt: 2 });
  expect(spansOf(again, T(500))).toEqual([
    { part: "failed", start: T(0), end: T(100), attempt: 1 },
    { part: "waiting", start: T(100), end: T(300), attempt: 1 },
    { part: "running", start: T(300), end: T(500), attempt: 2 },
  ]);
});

/** A node that failed at first, after a cold start, and completed at the second attempt. */
const RETRIED = aNode({
  status: "completed",
  attempt: 2,
  attempts: [
    { number: 1, startedAt: at(0), endedAt: at(1000), error, timing },
    { number: 2, startedAt: at(3000), endedAt: at(3500), error: null, timing: { queuedMs: 50, executeMs: 450 } },
  ],
  startedAt: at(3000),
  completedAt: at(3500),
});

test("a node that was tried again took as long as all its attempts, with the pauses between", () => {
  expect(nodeElapsed(RETRIED, T(9000))).toBe(3500);
  expect(nodeElapsed({ ...RETRIED, status: "retrying", completedAt: null }, T(9000))).toBe(9000);
  expect(nodeElapsed(aNode(), T(9000))).toBeNull();
});

test("the shares of all attempts add up to the whole time", () => {
  expect(sharesOf(spansOf(RETRIED, T(9000)))).toEqual([
    { part: "queued", length: 150 },
    { part: "starting", length: 300 },
    { part: "failed", length: 600 },
    { part: "waiting", length: 2000 },
    { part: "completed", length: 450 },
  ]);
});

test("each attempt has its own time and shares, the present one too", () => {
  const [first, second] = attemptsOf(RETRIED, T(9000));
  expect([first?.length, second?.length]).toEqual([1000, 500]);
  expect(second?.shares.map(({ part }) => part)).toEqual(["queued", "completed"]);
  const [, present] = attemptsOf(
    { ...RETRIED, status: "running", attempts: RETRIED.attempts.slice(0, 1), completedAt: null },
    T(3100),
  );
  expect(present).toEqual({ number: 2, length: 100, shares: [{ part: "running", length: 100 }], record: null });
});

test("a bar says what it is of, of which attempt, and how long that took", () => {
  const words = barsOf(RETRIED, "completed", { begin: T(0), length: 4000 }, T(9000)).map((bar) => bar.words);
  expect(words.slice(2, 4)).toEqual(["Failed, attempt 1: 600 ms", "Waiting: 2.0 s"]);
});

test("a cold start under way is shown as one", () => {
  const node = aNode({ status: "running", phase: "starting", startedAt: at(0) });
  expect(spansOf(node, T(500))).toEqual([{ part: "starting", start: T(0), end: T(500), attempt: 0 }]);
});

test("rows come in the order in which nodes first began, without those that nothing has reached", () => {
  const attempts = [{ number: 1, startedAt: at(0), endedAt: at(100), error, timing: null }];
  const nodes = {
    late: aNode({ status: "running", startedAt: at(600) }),
    early: aNode({ status: "running", attempts, startedAt: at(900) }),
    never: aNode(),
  };
  expect(orderOf(nodes)).toEqual(["early", "late"]);
});

test("bars are shares of the scale, and end with it", () => {
  const scale = scaleOf(aRun({ completedAt: at(1000) }), T(9000));
  expect(scale).toEqual({ begin: T(0), length: 1000 });
  const node = aNode({ status: "running", startedAt: at(600) });
  expect(barsOf(node, "running", scale, T(9000))).toMatchObject([{ part: "running", from: 0.6, to: 1 }]);
});

test("while a run goes on its scale reaches to a round moment ahead, and seldom changes", () => {
  const lengths = Array.from({ length: 100 }, (_, n) => scaleOf(aRun(), T(10_000 + n * 10)).length);
  expect(lengths.every((length, n) => length > 10_000 + n * 10 && length <= 12_000)).toBe(true);
  expect(new Set(lengths).size).toBe(1);
});

test("what an earlier run did has no bar", () => {
  const node = aNode({ status: "completed", startedAt: at(-9000), completedAt: at(-8000) });
  expect(barsOf(node, "reused", { begin: T(0), length: 1000 }, T(1000))).toEqual([]);
});

test.each([5, 90, 1000, 61_000, 3_600_000, 90_000_000, 5e9])(
  "a chart of %i ms has two to nine round ticks",
  (length) => {
    const ticks = ticksOf(length);
    expect(ticks.length).toBeGreaterThanOrEqual(2);
    expect(ticks.length).toBeLessThanOrEqual(9);
    expect(ticks.every((tick) => tick.at >= 0 && tick.at <= 0.9)).toBe(true);
  },
);
