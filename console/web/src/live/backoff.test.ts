import { expect, test } from "vitest";
import { backoffMs } from "./backoff";

test("waits double up to half a minute", () => {
  expect([0, 1, 2, 3, 4, 5, 50].map((tries) => backoffMs(tries, 0.5))).toEqual([
    1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
  ]);
});

test("no two browsers need to come back in the same moment", () => {
  expect(backoffMs(0, 0)).toBe(700);
  expect(backoffMs(0, 1)).toBe(1300);
});
