import { expect, test } from "vitest";
import { bounded, boundsOf, heightByKey } from "./panel";

test("the panel leaves room for the graph, and stays large enough to be found again", () => {
  const bounds = boundsOf(700);
  expect([bounded(9000, bounds), bounded(-5, bounds), bounded(300.4, bounds)]).toEqual([540, 96, 300]);
  expect(bounded(300, boundsOf(100))).toBe(96);
});

test("arrow keys move the border, Home and End as far as it goes, and other keys not at all", () => {
  const bounds = boundsOf(700);
  const after = (key: string) => heightByKey(key, 300, bounds);
  expect(["ArrowUp", "ArrowDown", "Home", "End", "a"].map(after)).toEqual([332, 268, 96, 540, null]);
});
