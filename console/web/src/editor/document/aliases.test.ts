import { describe, expect, it } from "vitest";
import { MAX_DEPTH, MAX_VALUES } from "./aliases";
import { aText } from "./building";
import { readSource } from "./source";
import { viewOf } from "./view";

const faultsOf = (text: string) => readSource(text).faults;
const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

describe("an alias", () => {
  it.each(["a: *txt\n", "a: *txt\nb: &txt 1\n", "*txt : 1\n", "a: {b: [*txt]}\n"])(
    "without its anchor before it is a fault where it stands: %j",
    (text) => {
      const [fault, ...more] = faultsOf(text);
      expect(more).toEqual([]);
      expect(fault?.message).toContain("*txt stands for a part of the document that does not exist");
      expect(text.slice(fault?.from, fault?.to)).toBe("*txt");
    },
  );

  it("inside of what it stands for is a fault", () => {
    expect(faultsOf("a: &x [1, *x]\n")).toMatchObject([
      { from: 10, to: 12, message: "*x stands inside of what it stands for; write it out" },
    ]);
  });

  it("of the name is the last before it", () => {
    expect(faultsOf("a: &x 1\nb: *x\nc: &x 2\nd: [*x]\n")).toEqual([]);
    expect(faultsOf("&k a: 1\nb: *k\n")).toEqual([]);
  });

  it("may be used as often as the server takes it", () => {
    const list = Array.from({ length: 500 }, () => "*c").join(", ");
    const source = readSource(aText(`  - {id: a, type: log, config: &c {x: [1, 2, 3]}, inputs: {all: [${list}]}}\n`));
    expect(source.faults).toEqual([]);
    expect(viewOf(source).byId.get("a")?.inputs.all).toHaveLength(500);
  });

  it("counts for all that it stands for", () => {
    const doubling = Array.from({ length: 20 }, (_, step) => `a${step + 1}: &a${step + 1} [*a${step}, *a${step}]\n`);
    const [fault] = faultsOf(`a0: &a0 [1]\n${doubling.join("")}`);
    expect(fault?.message).toBe(
      "More than 100,000 values, aliases counted in full; split the pipeline, or load the data in a node",
    );
    const of = (values: number) => `a: &ten [1, 2, 3, 4, 5, 6, 7, 8, 9]\nb: [${"*ten,".repeat(values / 10)}1]\n`;
    expect(faultsOf(of(MAX_VALUES - 20))).toEqual([]);
    expect(faultsOf(of(MAX_VALUES))).toHaveLength(1);
  });
});

it("what is nested deeper than the server takes it is a fault, also by an alias", () => {
  expect(faultsOf(`a: ${nested(MAX_DEPTH - 1)}\n`)).toEqual([]);
  expect(faultsOf(`a: ${nested(MAX_DEPTH)}\n`)[0]?.message).toBe("Nested deeper than 64 levels; flatten the document");
  expect(faultsOf(`a: &x ${nested(MAX_DEPTH - 1)}\nb: *x\n`)).toEqual([]);
  expect(faultsOf(`a: &x ${nested(MAX_DEPTH - 1)}\nb: [*x]\n`)).toHaveLength(1);
  expect(faultsOf("- ".repeat(3000))[0]?.message).toBe("Nested deeper than 64 levels; flatten the document");
});
