/** A document that is JSON stays JSON, whatever is done to it. */

import { expect, it } from "vitest";
import { aPipeline, TYPES } from "./building";
import { pasteNodes } from "./clipboard";
import { nestNodes } from "./nesting";
import { addNode, renameNode } from "./nodes";
import { addItem, type Pipeline, renameKey, setField } from "./pipeline";
import { place } from "./places";
import { addTrigger } from "./triggers";

const BEFORE = `{
  "apiVersion": "flume/v1", "kind": "Pipeline", "metadata": {"name": "p"},
  "trigger": {"type": "webhook"},
  "nodes": [
    {"id": "a", "type": "log", "inputs": {"message": "x", "count": 1}},
    {"id": "each", "type": "loop", "config": {}}
  ]
}
`;

it.each<[string, (pipeline: Pipeline) => string | undefined]>([
  ["adding a node", (p) => addNode(p, TYPES, { type: "log", after: { from: "a", port: "out" } }).text],
  ["adding a trigger", (p) => addTrigger(p, { type: "cron", schedule: "0 7 * * *" })],
  ["setting a number to a text", (p) => setField(p, ["nodes", 0, "inputs", "count"], "007 # \n\u0007")],
  ["setting what is not there", (p) => setField(p, ["nodes", 1, "config", "times"], "{{ inputs.n }}")],
  ["setting an object", (p) => setField(p, ["nodes", 0, "inputs"], { "a b": [true, null, 1.5, "y"] })],
  ["adding to a list", (p) => addItem(p, ["nodes", 0, "tags"], "yes")],
  ["renaming a key", (p) => renameKey(p, ["nodes", 0, "inputs", "count"], "total")],
  ["renaming a node", (p) => renameNode(p, TYPES, "a", "true-one")],
  ["placing", (p) => place(p, new Map([["a", { x: 1, y: 2 }]]))],
  ["pasting YAML", (p) => pasteNodes(p, TYPES, "nodes:\n  - id: b # why\n    type: log\n", null, null)?.text],
  ["moving into a loop", (p) => nestNodes(p, new Set(["a"]), "each").text],
])("%s", (_, change) => {
  const after = change(aPipeline(BEFORE)) ?? "";
  expect(after).not.toBe(BEFORE);
  expect(JSON.parse(after)).toEqual(aPipeline(after).source.document.toJS());
});

it("is written with the spaces that people put into it", () => {
  expect(setField(aPipeline(BEFORE), ["nodes", 0, "inputs"], { "a b": [1, "y"] })).toContain(
    '"inputs": {"a b": [1, "y"]}',
  );
});
