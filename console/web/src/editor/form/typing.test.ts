import { describe, expect, it } from "vitest";
import { isTemplate, readInput, writeInput } from "./typing";

describe("what is typed", () => {
  it("becomes a value of its kind, and a template stays text", () => {
    expect(readInput("number", "4096")).toEqual({ value: 4096 });
    expect(readInput("number", "{{ inputs.n }}")).toEqual({ value: "{{ inputs.n }}" });
    expect(readInput("number", "many")).toHaveProperty("problem");
    expect(readInput("yaml", "a: {b: 1}")).toEqual({ value: { a: { b: 1 } } });
    expect(readInput("yaml", "a: [")).toHaveProperty("problem");
    expect(readInput("text", "12")).toEqual({ value: "12" });
    expect(readInput("text", "")).toEqual({ value: undefined });
    expect(isTemplate("a {{ b }}")).toBe(true);
  });

  it.each([
    ["4096", 4096],
    ["-1.5", -1.5],
    ["true", true],
    ["null", null],
    ["[1, a]", [1, "a"]],
    ["- 1\n- a", [1, "a"]],
    ["{a: {b: 1}}", { a: { b: 1 } }],
    ["a: 1\nb: 2", { a: 1, b: 2 }],
    ['"007"', "007"],
    ["'hello'", "hello"],
  ])("is a value where that is what is written: %j", (text, value) => {
    expect(readInput("loose", text)).toEqual({ value });
  });

  it.each([
    "Order #5 # urgent",
    "007",
    "1.10",
    "0x1F",
    "12345678901234567890",
    "True",
    "~",
    "two\nlines",
    "# a heading\nand more",
    "*bold*",
    "&c",
    "!important",
    "Dear Ann: note: this",
    '"quoted" at first',
    '"x" # y',
    "| x |",
  ])("is text, as it is, where YAML would make something else of it: %j", (text) => {
    expect(readInput("loose", text)).toEqual({ value: text });
    expect(writeInput("loose", text)).toBe(text);
  });

  it("is text also where one line could be a map or a list, and that is told", () => {
    expect(readInput("loose", "Total: 5")).toEqual({
      value: "Total: 5",
      note: "Taken as text. For a map write {name: value}",
    });
    expect(readInput("loose", "- 5 degrees")).toMatchObject({
      value: "- 5 degrees",
      note: expect.stringContaining("a list"),
    });
    expect(readInput("yaml", "Total: 5")).toEqual({ value: { Total: 5 } });
  });

  it("begins with a bracket and is unfinished: that is told, and how it would be text", () => {
    expect(readInput("loose", "[draft] of a report")).toMatchObject({
      problem: expect.stringContaining("In quotes it would be text"),
    });
    expect(readInput("loose", '"[draft] of a report"')).toEqual({ value: "[draft] of a report" });
    expect(readInput("loose", "[*nothing]")).toHaveProperty("problem");
  });

  it.each(["loose", "yaml"] as const)("reads back as it was: %s", (kind) => {
    const values = [4096, "text", "12", "true", "{{ a }}", [1, "a"], ["a"], { a: 1 }, { a: { b: [true] } }, {}, []];
    for (const value of [...values, true, null, "two\nlines\n", "[x", "- a\n- b", '"x"', " x", "a: b"]) {
      const reading = readInput(kind, writeInput(kind, value));
      expect("value" in reading && reading.value).toEqual(value);
    }
  });
});
