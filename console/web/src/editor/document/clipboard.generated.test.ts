/** Nodes as people write them are copied, pasted and deleted, and each says what it said. */

import { expect, it } from "vitest";
import { aPipeline, aText, TYPES } from "./building";
import { copyNodes, duplicateNodes, pasteNodes } from "./clipboard";
import { EditRefused } from "./edits";
import { Writer } from "./generating";
import { deleteNodes } from "./nodes";
import { readSource } from "./source";
import type { Fields } from "./values";

const EMPTY = aPipeline(aText(" []\n").replace("nodes:\n", "nodes:"));
const JSON_TARGET = aPipeline('{"apiVersion": "flume/v1", "nodes": []}');

function aNode(writer: Writer, id: string): string {
  if (writer.below(3) > 0) return `  - id: ${id}\n    type: log\n${writer.map(4, 2)}`;
  return `  - {id: ${id}, # flow\n     type: log,\n     config: {a: [1,\n       2]}} # behind\n`;
}

function allOf(text: string): readonly unknown[] {
  return aPipeline(text).view.nodes.map((node) => node.fields);
}

function duplicated(fields: Fields): Fields {
  return { ...fields, id: `${fields.id}-2` };
}

/** What an edit gives; null where it is refused. */
function given(edit: () => string | undefined): string | null {
  try {
    return edit() ?? "";
  } catch (error) {
    if (error instanceof EditRefused) return null;
    throw error;
  }
}

it.each([1, 2, 3])("they say what they said, here and elsewhere (%i)", (seed) => {
  let done = 0;
  for (let round = 0; round < 25; round += 1) {
    const writer = new Writer(seed * 1000 + round);
    const text = aText(Array.from({ length: 1 + writer.below(4) }, (_, place) => aNode(writer, `n${place}`)).join(""));
    if (readSource(text).faults.length > 0) continue;
    const pipeline = aPipeline(text);
    const chosen = pipeline.view.nodes.filter(() => writer.below(2) === 0);
    const ids = new Set(chosen.map((node) => node.id));
    if (ids.size === 0) continue;
    const copied = chosen.map((node) => node.fields);
    const rest = pipeline.view.nodes.filter((node) => !ids.has(node.id)).map((node) => node.fields);
    const all = pipeline.view.nodes.map((node) => node.fields);
    const results: readonly (readonly [after: string | null, nodes: readonly unknown[]])[] = [
      [given(() => deleteNodes(pipeline, ids)), rest],
      [given(() => pasteNodes(EMPTY, TYPES, copyNodes(pipeline, ids), null, null)?.text), copied],
      [given(() => pasteNodes(JSON_TARGET, TYPES, copyNodes(pipeline, ids), null, null)?.text), copied],
      [given(() => duplicateNodes(pipeline, TYPES, ids)?.text), [...all, ...copied.map(duplicated)]],
    ];
    for (const [after, nodes] of results) {
      if (after === null) continue;
      done += 1;
      expect(allOf(after), `${text}--- becomes\n${after}`).toEqual(nodes);
    }
  }
  expect(done).toBeGreaterThan(30);
});
