/** Nodes as people write them are moved into loops and out again: each says what it said, and no comment is lost. */

import { expect, it } from "vitest";
import { aPipeline, aText } from "./building";
import { EditRefused } from "./edits";
import { commentsIn, Writer } from "./generating";
import { nestNodes } from "./nesting";
import { readSource } from "./source";
import type { PipelineView } from "./view";

const LOOPS = [
  "  - {id: loop, type: loop}\n",
  "  - id: loop\n    type: loop\n    config: {body: {nodes: [{id: in, type: log}]}}\n",
  "  - id: loop # ours\n    type: loop\n    config:\n      body:\n        nodes:\n        - id: in\n          type: log\n",
  "  - id: loop\n    type: loop\n    config:\n        body:\n            nodes: []\n",
];

function aNode(writer: Writer, id: string): string {
  if (writer.below(3) > 0) return `  # of ${id}\n  - id: ${id}\n    type: log\n${writer.map(4, 2)}`;
  return `  - {id: ${id}, # flow\n     type: log,\n     config: {a: [1,\n       2]}} # behind\n`;
}

/** What every node says, but loops, whose bodies change. */
function saidIn(view: PipelineView): unknown {
  return Object.fromEntries(view.nodes.filter((node) => !node.isLoop).map((node) => [node.id, node.fields]));
}

/** What an edit gives; null where it is refused. */
function given(edit: () => string): string | null {
  try {
    return edit();
  } catch (error) {
    if (error instanceof EditRefused) return null;
    throw error;
  }
}

it.each([1, 2, 3])("they say what they said (%i)", (seed) => {
  let done = 0;
  for (let round = 0; round < 15; round += 1) {
    const writer = new Writer(seed * 1000 + round);
    const nodes = Array.from({ length: 1 + writer.below(4) }, (_, place) => aNode(writer, `n${place}`));
    const loop = writer.pick(LOOPS);
    nodes.splice(writer.below(nodes.length + 1), 0, loop);
    const text = aText(nodes.join(""));
    if (readSource(text).faults.length > 0) continue;
    const { view } = aPipeline(text);
    const ids = new Set(
      view.nodes.filter((node) => node.id.startsWith("n") && writer.below(2) === 0).map(({ id }) => id),
    );
    if (ids.size === 0) continue;
    const there = given(() => nestNodes(aPipeline(text), ids, "loop").text);
    const back = there === null ? null : given(() => nestNodes(aPipeline(there), ids, null).text);
    for (const [after, parent] of [
      [there, "loop"],
      [back, null],
    ] as const) {
      if (after === null) continue;
      done += 1;
      const now = aPipeline(after).view;
      const says = `${text}--- becomes\n${after}`;
      expect(saidIn(now), says).toEqual(saidIn(view));
      expect(
        [...ids].map((id) => now.byId.get(id)?.parent),
        says,
      ).toEqual([...ids].map(() => parent));
      expect([...commentsIn(after)].sort(), says).toEqual([...commentsIn(text)].sort());
    }
  }
  expect(done).toBeGreaterThan(5);
});
