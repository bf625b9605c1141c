import { expect, test } from "vitest";
import { aLine, at } from "./building";
import { filterLines, isWithin, withLines } from "./lines";

test("a line that comes twice is there once, and nothing new is the same object", () => {
  const lines = withLines([], [aLine(), aLine({ sequence: 1 })]);
  expect(withLines(lines, [aLine()])).toBe(lines);
  expect(withLines([], [aLine(), aLine()])).toHaveLength(1);
});

test("earlier lines that are loaded later come first", () => {
  const lines = withLines([aLine({ at: at(50), sequence: 5 })], [aLine({ at: at(10), sequence: 1 })]);
  expect(lines.map((line) => line.sequence)).toEqual([1, 5]);
});

test("lines of one node in one moment keep their order", () => {
  const lines = withLines([aLine({ sequence: 2 })], [aLine({ sequence: 1 }), aLine({ sequence: 3 })]);
  expect(lines.map((line) => line.sequence)).toEqual([1, 2, 3]);
});

test("lines of several nodes in one moment are each known again, in whatever order they came", () => {
  const all = ["c", "a", "b"].flatMap((node) => [2, 0, 1].map((sequence) => aLine({ node, sequence })));
  const lines = withLines(withLines([], all.slice(0, 4)), all.slice(4));
  expect(lines.map((line) => `${line.node}${line.sequence}`).join(" ")).toBe("a0 a1 a2 b0 b1 b2 c0 c1 c2");
  expect(withLines(lines, all.toReversed())).toBe(lines);
});

test("a line that comes does not cost a look at each of the 20,000 before it", () => {
  let reads = 0;
  const counted = (sequence: number) => ({
    ...aLine({ sequence }),
    get node() {
      reads += 1;
      return "fetch";
    },
  });
  const lines = withLines(
    [],
    Array.from({ length: 20_000 }, (_, sequence) => counted(sequence)),
  );
  reads = 0;
  expect(withLines(lines, [aLine({ sequence: 20_000 })])).toHaveLength(20_000);
  expect(reads).toBeLessThan(200);
});

test("a filter goes by node with its items, level and text", () => {
  const lines = [
    aLine({ node: "each", message: "begun" }),
    aLine({ node: "each[2].fetch", level: "error", message: "Refused" }),
    aLine({ node: "each-other", level: "debug" }),
  ];
  const count = (filter: Partial<Parameters<typeof filterLines>[1]>) =>
    filterLines(lines, { instance: null, level: "debug", text: "", ...filter }).length;
  expect(count({})).toBe(3);
  expect(count({ instance: "each" })).toBe(2);
  expect(count({ level: "warning" })).toBe(1);
  expect(count({ text: "refused" })).toBe(1);
});

test("an instance is within the loop that it runs in, and in no other", () => {
  expect(isWithin("each[2].fetch", "each")).toBe(true);
  expect(isWithin("each-other", "each")).toBe(false);
});
