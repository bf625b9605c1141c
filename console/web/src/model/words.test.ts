import { expect, test } from "vitest";
import { aNode, at } from "./building";
import { elapsed, formatClock, formatDuration, formatSize } from "./duration";
import { isIdle, lookOf } from "./look";
import { payloadOf, preview, tooLargeOf } from "./value";

test.each([
  [-5, "0 ms"],
  [321, "321 ms"],
  [10_400, "10.4 s"],
  [59_949, "59.9 s"],
  [59_951, "1 m 00 s"],
  [242_000, "4 m 02 s"],
  [11_100_000, "3 h 05 m"],
  [187_200_000, "2 d 04 h"],
])("%i ms is read as %s", (length, text) => {
  expect(formatDuration(length)).toBe(text);
});

test("what has begun lasts until its end or until now, and never less than nothing", () => {
  expect(elapsed({ startedAt: at(0), completedAt: at(700) }, Date.parse(at(9000)))).toBe(700);
  expect(elapsed({ startedAt: at(0), completedAt: null }, Date.parse(at(900)))).toBe(900);
  expect(elapsed({ startedAt: at(500), completedAt: null }, Date.parse(at(0)))).toBe(0);
  expect(elapsed({ startedAt: null, completedAt: null }, 0)).toBeNull();
});

test("phases and results of earlier runs have looks of their own", () => {
  expect(lookOf(aNode({ status: "running", phase: "queued" }))).toBe("queued");
  expect(lookOf(aNode({ status: "running", phase: "starting" }))).toBe("starting");
  expect(lookOf(aNode({ status: "running", phase: "executing" }))).toBe("running");
  expect(lookOf(aNode({ status: "completed", completedAt: at(-1) }), at(0))).toBe("reused");
  expect(lookOf(aNode({ status: "completed", completedAt: at(1) }), at(0))).toBe("completed");
  expect(isIdle("skipped")).toBe(true);
  expect(isIdle("failed")).toBe(false);
});

test("sizes are told in bytes, thousands and millions", () => {
  expect([812, 12_400, 3_400_000].map(formatSize)).toEqual(["812 bytes", "12 kB", "3.4 MB"]);
});

test("references to large values are known, and look-alikes are not", () => {
  const payload = { id: "p", size: 5, url: "/api/v1/payloads/p" };
  expect(payloadOf({ $payload: payload })).toEqual(payload);
  expect(payloadOf({ $payload: payload, more: 1 })).toBeNull();
  expect(payloadOf({ $payload: 3 })).toBeNull();
  for (const url of ["/logout", "https://evil.example/", "/api/v1/../../logout", "/api/v1/%2e%2e/%2e%2e/logout", 7]) {
    expect(payloadOf({ $payload: { ...payload, url } })).toBeNull();
  }
  expect(payloadOf({ $payload: { ...payload, size: "5" } })).toBeNull();
  expect(tooLargeOf({ $tooLarge: { size: "7" } })).toBeNull();
  expect(tooLargeOf({ $tooLarge: { size: 7 } })).toBe(7);
  expect(tooLargeOf(null)).toBeNull();
});

test("a preview is short, however large the value is", () => {
  expect(preview({ name: "Mira", tags: ["a", "b"] })).toBe('{name: "Mira", tags: ["a", "b"]}');
  expect(preview(Array.from({ length: 100_000 }, (_, n) => n)).length).toBeLessThanOrEqual(72);
});

test("a moment is told in UTC wherever the reader is", () => {
  expect(formatClock("2026-11-24T08:06:56.120+09:00")).toBe("23:06:56.120");
});
