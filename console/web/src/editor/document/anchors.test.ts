import { describe, expect, it } from "vitest";
import { aPipeline, aText, TYPES } from "./building";
import { copyNodes, duplicateNodes, pasteNodes } from "./clipboard";
import { EditRefused } from "./edits";
import { deleteNodes } from "./nodes";
import { setField } from "./pipeline";

const SHARED = aText(
  `  - id: a
    type: log
    config: &c # shared
      # why
      url: x
      on: [1, 2]
  - {id: b, type: log, config: *c} # second
  - id: d
    type: log
    config: *c
`,
  "edges:\n  - {from: a, to: b}\n",
);

const configsOf = (text: string) =>
  Object.fromEntries(aPipeline(text).view.nodes.map((node) => [node.id, node.config]));
const CONFIG = { url: "x", on: [1, 2] };

describe("a part that goes", () => {
  it("moves to the first of its aliases that stays", () => {
    expect(deleteNodes(aPipeline(SHARED), new Set(["a"]))).toBe(
      aText(
        "  - {id: b, type: log, config: &c {url: x, on: [1, 2]}} # second\n  - id: d\n    type: log\n    config: *c\n",
      ),
    );
    const text = deleteNodes(aPipeline(SHARED), new Set(["a", "b"]));
    expect(text).toBe(
      aText(
        "  - id: d\n    type: log\n    config:\n      # shared\n      # why\n      &c\n      url: x\n      on: [1, 2]\n",
      ),
    );
    expect(deleteNodes(aPipeline(SHARED), new Set(["a", "b", "d"]))).toBe(aText(" []\n").replace("nodes:\n", "nodes:"));
  });

  it("is a text, or a field, or a whole node likewise", () => {
    const text = aText(
      "  - &n {id: a, type: log, inputs: {x: &t 'one', y: *t}}\n  - {id: b, type: log, inputs: {x: *t}}\n",
    );
    expect(setField(aPipeline(text), ["nodes", 0, "inputs", "x"], undefined)).toBe(
      text.replace("x: &t 'one', y: *t", "y: &t 'one'"),
    );
    expect(deleteNodes(aPipeline(text), new Set(["a"]))).toBe(aText("  - {id: b, type: log, inputs: {x: &t 'one'}}\n"));
  });

  it("moves from a value that another takes the place of; its own anchor stays", () => {
    const text = aText(
      "  - {id: a, type: log, config: {on: &on [1]}, inputs: &i {x: 1}}\n  - {id: b, type: log, config: {on: *on}, inputs: *i}\n",
    );
    expect(setField(aPipeline(text), ["nodes", 0, "config"], { off: 2 })).toBe(
      text.replace("{on: &on [1]}", "{off: 2}").replace("*on", "&on [1]"),
    );
    expect(setField(aPipeline(text), ["nodes", 0, "inputs"], { x: 2 })).toBe(text.replace("{x: 1}", "{x: 2}"));
    const scalar = text.replace("&i {x: 1}", "&i one");
    expect(setField(aPipeline(scalar), ["nodes", 0, "inputs"], "two")).toBe(scalar.replace("one", "two"));
  });

  it("moves with its comments into a list", () => {
    const text = aText(
      "  - id: a\n    type: log\n    inputs: &i # first\n      # second\n      - 1\n",
      "variables:\n  all:\n    - *i\n",
    );
    const after = setField(aPipeline(text), ["nodes", 0, "inputs"], undefined);
    expect(after).toBe(
      aText(
        "  - id: a\n    type: log\n",
        "variables:\n  all:\n    -\n      # first\n      # second\n      &i\n      - 1\n",
      ),
    );
    expect(aPipeline(after).view.variables).toEqual({ all: [[1]] });
  });

  it("is refused where parts of it are used as well", () => {
    const text = aText(
      "  - {id: a, type: log, config: &c {x: &x [1]}}\n  - {id: b, type: log, config: *c, inputs: {x: *x}}\n",
    );
    expect(() => deleteNodes(aPipeline(text), new Set(["a"]))).toThrow(EditRefused);
  });

  it("is refused, and not passed over, where it is in what an alias stands for", () => {
    const body = "body: {nodes: [{id: i, type: log}]}";
    const text = aText(`  - {id: a, type: log, config: &c {${body}}}\n  - {id: b, type: loop, config: *c}\n`);
    expect(() => deleteNodes(aPipeline(text), new Set(["i"]))).toThrow("nodes.1.config is an alias");
  });
});

describe("a copy", () => {
  it("has no anchor twice", () => {
    const made = duplicateNodes(aPipeline(SHARED), TYPES, new Set(["a"]));
    expect(made?.text.match(/&c/g)).toHaveLength(1);
    expect(configsOf(made?.text ?? "")).toEqual({ a: CONFIG, b: CONFIG, d: CONFIG, "a-2": CONFIG });
  });

  it("keeps its own aliases, by another name where that is taken", () => {
    const made = duplicateNodes(aPipeline(SHARED), TYPES, new Set(["a", "b"]));
    expect(made?.text).toContain("      &c-2\n      url: x\n");
    expect(made?.text).toContain("  - id: b-2\n    type: log\n    config: *c-2\n    # second\n");
    expect(configsOf(made?.text ?? "")).toMatchObject({ "a-2": CONFIG, "b-2": CONFIG });
  });

  it("has written out what it needs from elsewhere", () => {
    const clip = copyNodes(aPipeline(SHARED), new Set(["b", "d"]));
    expect(clip).not.toContain("*");
    const pasted = pasteNodes(aPipeline(aText("  - {id: z, type: log}\n")), TYPES, clip, null, null);
    expect(configsOf(pasted?.text ?? "")).toEqual({ z: {}, b: CONFIG, d: CONFIG });
  });
});
