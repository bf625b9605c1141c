import { expect, it } from "vitest";
import { aPipeline, aText, aType, TYPES } from "./building";
import { renameNode } from "./nodes";

const ALL = new Map([
  ...TYPES,
  ["variable-set", aType("variable-set")],
  ["loop", aType("loop", { renderings: { body: "verbatim", while: "deferred", max: "constant" } })],
  ["json-transform", aType("json-transform", { renderings: { expression: "verbatim", mapping: "scoped" } })],
  ["code", aType("code", { renderings: { "config.code": "verbatim" } })],
] as const);

/** The nodes with a renamed to z. */
function renamed(nodes: string): string {
  const before = `  - {id: a, type: log}\n${nodes}`;
  const after = renameNode(aPipeline(aText(before)), ALL, "a", "z");
  return after.slice(aText("  - {id: z, type: log}\n").length);
}

it.each([
  "  - {id: v, type: variable-set, inputs: {value: a, when: a, while: a, expression: a}}\n",
  "  - {id: l, type: log, inputs: {message: a, nested: {value: a.output}}}\n",
  "  - {id: j, type: json-transform, config: {expression: a.output}}\n",
  '  - {id: j, type: code, config: {code: ["{{ a }}", {deep: "{{ a.output }}"}]}}\n',
  "  - {id: s, type: switch, config: {value: b, cases: {one: a, value: a}}}\n",
  "  - {id: l, type: loop, config: {max: 3, body: {nodes: [{id: b, type: log, inputs: {value: a}}]}}}\n",
  "  - {id: u, type: not-known, config: {expression: a}}\n",
])("texts that are no expressions stay as they are: %s", (nodes) => {
  expect(renamed(nodes)).toBe(nodes);
});

it.each([
  ["  - {id: s, type: switch, config: {value: a.output}}\n", "value: z.output"],
  ["  - {id: c, type: condition, config: {expression: not a.output}}\n", "expression: not z.output"],
  ["  - {id: l, type: log, when: a.output}\n", "when: z.output"],
  ["  - {id: l, type: loop, config: {while: a.output > 1, max: 3}}\n", "while: z.output > 1"],
  ["  - {id: l, type: loop, config: {body: {nodes: [{id: b, type: log, when: a.output}]}}}\n", "when: z.output"],
  ['  - {id: j, type: code, inputs: {code: "{{ a.output }}"}}\n', "{{ z.output }}"],
  ['  - {id: v, type: variable-set, inputs: {value: "{{ a.output }}"}}\n', "{{ z.output }}"],
])("those that are follow: %s", (nodes, wanted) => {
  expect(renamed(nodes)).toContain(wanted);
});
