import { expect, it } from "vitest";
import { aPipeline, aText, TYPES } from "../document/building";
import { complete, type Scope } from "./completion";

const { view } = aPipeline();
const scope: Scope = {
  view,
  types: TYPES,
  node: "save-article",
  outputs: new Map([["fetch-topic", { topic: "the sea", tags: [{ name: "x" }] }]]),
};

function offered(text: string, given: Scope = scope, isWhole = false): string[] {
  return complete(text, text.length, given, isWhole)?.suggestions.map((each) => each.text) ?? [];
}

it("offers the nodes before, inputs and the rest, inside of braces only", () => {
  expect(offered("{{ ")).toEqual([
    "generate-article",
    "fetch-topic",
    "variables",
    "trigger",
    "secrets",
    "run",
    "pipeline",
    "$now",
  ]);
  expect(offered("a {{ fe")).toEqual(["fetch-topic"]);
  expect(offered("fe")).toEqual([]);
  expect(offered("{{ a }} fe")).toEqual([]);
  expect(offered("fe", scope, true)).toEqual(["fetch-topic"]);
  expect(offered('{{ "fe')).toEqual([]);
});

it("offers what a node gives: what the last run gave, as deep as it goes", () => {
  expect(offered("{{ fetch-topic.")).toEqual(["output", "meta", "status", "error"]);
  expect(offered("{{ fetch-topic.output.")).toEqual(["topic", "tags"]);
  expect(offered("{{ fetch-topic.output.tags[0].")).toEqual(["name"]);
  expect(offered("{{ variables.m")).toEqual(["model"]);
});

it("replaces only what was begun", () => {
  const text = "x {{ fetch-topic.output.to";
  expect(complete(text, text.length, scope)?.from).toBe(text.length - 2);
});

it("offers the item in the body of a loop, and the nodes before the loop", () => {
  const body =
    "  - {id: a, type: log}\n  - id: each\n    type: loop\n    config:\n      body:\n        nodes:\n          - {id: b, type: log}\n";
  const inLoop = { ...scope, view: aPipeline(aText(body, "edges: [{from: a, to: each}]\n")).view, node: "b" };
  expect(offered("{{ ", inLoop).slice(0, 3)).toEqual(["item", "index", "a"]);
});

it("takes the name of something that every object has for any other name", () => {
  const nodes = "  - {id: constructor, type: log}\n  - {id: b, type: log}\n";
  const named = { ...scope, view: aPipeline(aText(nodes, "edges: [{from: constructor, to: b}]\n")).view, node: "b" };
  expect(offered("{{ constructor.", named)).toEqual(["output", "meta", "status", "error"]);
  expect(offered("{{ constructor.")).toEqual([]);
  expect(offered("{{ toString.valueOf.")).toEqual([]);
  expect(offered("{{ variables.constructor.")).toEqual([]);
  expect(offered("{{ fetch-topic.output.__proto__.")).toEqual([]);
});
