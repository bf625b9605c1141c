import { describe, expect, it } from "vitest";
import { ARTICLE, aPipeline, aText, changes, TYPES } from "./building";
import { EditRefused } from "./edits";
import { addNode } from "./nodes";
import { renameKey, setField } from "./pipeline";

describe("fields", () => {
  it("sets and removes one, and what gets empty by it", () => {
    const text = setField(aPipeline(), ["nodes", 0, "retry", "attempts"], 3);
    expect(changes(ARTICLE, text)).toEqual(["+    retry:", "+      attempts: 3"]);
    expect(text).toContain('topics"\n    retry:\n      attempts: 3\n\n  - id: generate');
    expect(setField(aPipeline(text), ["nodes", 0, "retry", "attempts"], undefined)).toBe(ARTICLE);
  });

  it("puts a part of the document where it belongs", () => {
    const text = setField(aPipeline(), ["inputs", "topic"], { type: "string" });
    expect(text).toContain("trigger: {type: webhook}\ninputs:\n  topic:\n    type: string\nvariables:\n");
  });

  it("renames a key in its place", () => {
    expect(renameKey(aPipeline(), ["variables", "model"], "llm")).toContain("variables:\n  llm: llama3.1-70b\n");
  });

  it("works on the resource of a cluster as well", () => {
    const text =
      "apiVersion: flume.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n  nodes:\n    - {id: a, type: log}\n";
    const { view } = aPipeline(text);
    expect(view.name).toBe("p");
    expect(addNode(aPipeline(text), TYPES, { type: "log", after: { from: "a", port: "out" } }).text).toBe(
      `${text}    - id: log\n      type: log\n  edges:\n    - {from: a, to: log}\n`,
    );
  });
});

describe("a key of a map", () => {
  it("gets another name and keeps all that is written around it", () => {
    const text = aText(
      '  - id: a\n    type: log\n    inputs:\n      # about one\n      one: 1 # why\n      "two": |\n        x\n',
    );
    const path = ["nodes", 0, "inputs"];
    expect(renameKey(aPipeline(text), [...path, "one"], "first")).toBe(text.replace("one: 1", "first: 1"));
    expect(renameKey(aPipeline(text), [...path, "two"], "second")).toBe(text.replace('"two"', '"second"'));
    expect(renameKey(aPipeline(text), [...path, "one"], "a: b")).toBe(text.replace("one: 1", '"a: b": 1'));
    expect(() => renameKey(aPipeline(text), [...path, "one"], "two")).toThrow(EditRefused);
  });
});
