import { describe, expect, it } from "vitest";
import { addAt, EditRefused, type KeyOrder, removeAt, setAt } from "./edits";
import { type Path, readSource, spanAt } from "./source";
import { applySplices } from "./splices";
import { inFlow } from "./writing";

const ORDER = () => ["id", "name", "type", "config", "inputs", "retry"];

function set(text: string, path: Path, value: unknown, order: KeyOrder = ORDER): string {
  return applySplices(text, setAt(readSource(text), path, value, order));
}

function add(text: string, path: Path, value: unknown): string {
  return applySplices(text, addAt(readSource(text), path, value, ORDER));
}

function remove(text: string, above: Path, ...keys: (string | number)[]): string {
  return applySplices(text, removeAt(readSource(text), above, keys));
}

describe("setting a value", () => {
  it("changes nothing but the value, with the comment behind it", () => {
    const text = "# head\na:   1   # one\n\nb: 2\n";
    expect(set(text, ["a"], 7)).toBe("# head\na:   7   # one\n\nb: 2\n");
  });

  it("keeps quotes as they were", () => {
    expect(set(`url: "https://a"\n`, ["url"], "https://b")).toBe(`url: "https://b"\n`);
    expect(set("url: 'a'\n", ["url"], "b")).toBe("url: 'b'\n");
    expect(set("url: a\n", ["url"], "{{ x }}")).toBe('url: "{{ x }}"\n');
    expect(set("on: a\n", ["on"], "true")).toBe('on: "true"\n');
  });

  it.each([
    ...["one\ntwo", "one\n", "one\n\n", "\n", "  one\n two\n\n", "one\n \n", "\n\tone\n", "# one\n# two\n"],
    ...["one\u2028two", "one\u2028two\nthree\n", "one\u2029\ntwo", "one\u0085two\n", "one\u00a0", "\u00a0\nx\u00a0\n"],
    ...["one\r\ntwo\r\n", "one\rtwo", "one\n\u2028", "\ufeffone\n", "---\none\n...\n", "- one\n? two\n", "\u0000\n"],
  ])("writes text of lines so that it is read back: %j", (value) => {
    const texts = ["a:\n  b: x\n  c: 1\n", "a: {b: x, c: 1}\n", "a: {c: 1}\n", "a:\n  b: >\n    x\n  c: 1\n"];
    for (const text of [...texts, "a:\n  b: x # why\n  c: 1\n", "a:\n  b: y\u00a0\n  c: 1\n", "a:\n  c: 1\n"]) {
      expect(readSource(set(text, ["a", "b"], value)).document.toJS()).toEqual({ a: { b: value, c: 1 } });
    }
    const inLists = ["a:\n  - x # why\n  - 1\n", "a: [x, 1]\n", "a:\n  - |\n    x\n  - 1\n"];
    for (const text of inLists)
      expect(readSource(set(text, ["a", 0], value)).document.toJS()).toEqual({ a: [value, 1] });
    const deep = set("a: {}\nc: 1\n", ["a"], { b: [{ d: value }, value] });
    expect(readSource(deep).document.toJS()).toEqual({ a: { b: [{ d: value }, value] }, c: 1 });
  });

  it("writes text of several lines as a block, and back", () => {
    expect(set("a:\n  b: x\n  c: 1\n", ["a", "b"], "one\ntwo\n")).toBe("a:\n  b: |\n    one\n    two\n  c: 1\n");
    expect(set("a:\n  b: |\n    one\n    two\n  c: 1\n", ["a", "b"], "one\n\nthree\n")).toBe(
      "a:\n  b: |\n    one\n\n    three\n  c: 1\n",
    );
    expect(set("a:\n  b: x\n", ["a", "b"], "  one\ntwo")).toBe("a:\n  b: |2-\n      one\n    two\n");
    expect(set("a:\n  b: |\n    one\n    two\n\n  c: 1\n", ["a", "b"], "one")).toBe("a:\n  b: one\n\n  c: 1\n");
  });

  it.each([
    ["a: x # ours\nb: 1\n", "a: | # ours\n  one\n  two\nb: 1\n"],
    ["a: 'x'   # ours\nb: 1\n", "a: |   # ours\n  one\n  two\nb: 1\n"],
    ["a: | # ours\n  x\n\nb: 1\n", "a: | # ours\n  one\n  two\n\nb: 1\n"],
    ["a: # ours\nb: 1\n", "a: | # ours\n  one\n  two\nb: 1\n"],
    ["a: &x y # ours\nb: 1\n", "a: &x | # ours\n  one\n  two\nb: 1\n"],
  ])("takes no comment into a text of several lines: %j", (text, wanted) => {
    const lines = "one\ntwo\n";
    const written = set(text, ["a"], lines);
    expect(written).toBe(wanted);
    expect(readSource(written).document.toJS()).toEqual({ a: lines, b: 1 });
  });

  it("takes no comment into a text of several lines in a list", () => {
    const written = set("l:\n  - x # ours\n  - y\n", ["l", 0], "one\ntwo\n");
    expect(written).toBe("l:\n  - | # ours\n    one\n    two\n  - y\n");
    expect(set(written, ["l", 0], "x")).toBe("l:\n  - x # ours\n  - y\n");
    expect(set(written, ["l", 0], { b: 1, c: 2 })).toBe("l:\n  - b: 1 # ours\n    c: 2\n  - y\n");
  });

  it("keeps the comment and the anchor of a value that becomes one of another kind", () => {
    expect(set("a: | # ours\n  one\n  two\nb: 1\n", ["a"], "x")).toBe("a: x # ours\nb: 1\n");
    expect(set("a: x # ours\nb: 1\n", ["a"], { c: 1, d: 2 })).toBe("a: # ours\n  c: 1\n  d: 2\nb: 1\n");
    expect(set("a: # ours\n  c: 1\nb: 1\n", ["a"], "x")).toBe("a: x # ours\nb: 1\n");
    expect(set("a: &x # ours\n  c: 1\nb: *x\n", ["a"], { c: 2 })).toBe("a: &x # ours\n  c: 2\nb: *x\n");
    expect(set("l:\n  - &x {c: 1} # ours\n  - *x\n", ["l", 0], { c: 2 })).toBe("l:\n  - &x {c: 2} # ours\n  - *x\n");
  });

  it("keeps an anchor where it was", () => {
    expect(set("a: &x\nb: *x\n", ["a"], 1)).toBe("a: &x 1\nb: *x\n");
    expect(set("l:\n  - &x one\n  - *x\n", ["l", 0], { c: 1, d: 2 })).toBe("l:\n  - &x\n    c: 1\n    d: 2\n  - *x\n");
  });

  it("keeps a comment that is alone in a list or map", () => {
    expect(set("a: { # none yet\n  }\nb: 1\n", ["a", "c"], 2)).toBe("a: {c: 2 # none yet\n  }\nb: 1\n");
    expect(set("a: [ # none yet\n  ]\nb: 1\n", ["a"], [2])).toBe("a: # none yet\n  - 2\nb: 1\n");
    const nested = set("a: [[ # none yet\n  ], 1]\nb: 1\n", ["a", 0], "x");
    expect(readSource(nested).document.toJS()).toEqual({ a: ["x", 1], b: 1 });
  });

  it("leaves blank lines to the text that they belong to", () => {
    const text = "a: |+\n  one\n\nb: 1\n";
    expect(set(text, ["c"], 2, () => ["a", "c", "b"])).toBe("a: |+\n  one\n\nc: 2\nb: 1\n");
    expect(remove(text, [], "a")).toBe("b: 1\n");
  });

  it("refuses a key without a colon, and adds behind it", () => {
    expect(() => set("a: {b, c: 1}\n", ["a", "b"], 2)).toThrow(EditRefused);
    expect(set("a: {c: 1, b}\nd: 2\n", ["a", "e"], 2)).toBe("a: {c: 1, b, e: 2}\nd: 2\n");
  });

  it("writes into flow what stands in flow", () => {
    expect(set("a: {b: 1, c: x}\n", ["a", "b"], "{{ y }}")).toBe('a: {b: "{{ y }}", c: x}\n');
    expect(set("a: {b: 1}\n", ["a", "c"], [1, { d: 2 }])).toBe("a: {b: 1, c: [1, {d: 2}]}\n");
    expect(set('{"a": {"b": 1}}', ["a", "b"], 2)).toBe('{"a": {"b": 2}}');
  });

  it("makes what is missing above it", () => {
    expect(set("- id: a\n  type: t\n- id: b\n", [0, "config", "url"], "x")).toBe(
      "- id: a\n  type: t\n  config:\n    url: x\n- id: b\n",
    );
    expect(set("a:\nb: 1\n", ["a", "c", "d"], 1)).toBe("a:\n  c:\n    d: 1\nb: 1\n");
    expect(set("a: {}\nb: 1\n", ["a"], { c: 1 })).toBe("a:\n  c: 1\nb: 1\n");
  });

  it("puts a new key where its order says", () => {
    expect(set("id: a\ntype: t\ninputs: {x: 1}\n", ["config"], { y: 1 })).toBe(
      "id: a\ntype: t\nconfig:\n  y: 1\ninputs: {x: 1}\n",
    );
    expect(set("- type: t\n", [0, "id"], "a")).toBe("- id: a\n  type: t\n");
    expect(set("id: a # first\ninputs: {}\n", ["name"], "A")).toBe("id: a # first\nname: A\ninputs: {}\n");
  });

  it("works without a line break at the end and behind blocks of text", () => {
    expect(set("a: 1", ["b"], 2)).toBe("a: 1\nb: 2");
    expect(set("a: |\n  x\n  y\n", ["b"], 2)).toBe("a: |\n  x\n  y\nb: 2\n");
  });

  it("keeps Korean text as it is", () => {
    expect(set("a: 바다\n", ["a"], "기사 생성")).toBe("a: 기사 생성\n");
  });

  it("refuses what an alias stands for", () => {
    expect(() => set("a: &x {b: 1}\nc: *x\n", ["c", "b"], 2)).toThrow(EditRefused);
  });
});

describe("adding to a list", () => {
  it("follows how the other items are written", () => {
    expect(add("edges:\n  - {from: a, to: b}\n", ["edges"], inFlow({ from: "b", to: "c" }))).toBe(
      "edges:\n  - {from: a, to: b}\n  - {from: b, to: c}\n",
    );
    expect(add("edges:\n  - from: a\n    to: b # why\n", ["edges"], inFlow({ from: "b", to: "c" }))).toBe(
      "edges:\n  - from: a\n    to: b # why\n  - from: b\n    to: c\n",
    );
    expect(add("nodes:\n- id: a\n\n- id: b\nlast: 1\n", ["nodes"], { id: "c", type: "t" })).toBe(
      "nodes:\n- id: a\n\n- id: b\n\n- id: c\n  type: t\nlast: 1\n",
    );
    expect(add("l: [1, 2]\n", ["l"], 3)).toBe("l: [1, 2, 3]\n");
  });

  it("makes the list", () => {
    expect(add("nodes: []\nx: 1\n", ["nodes"], { id: "a" })).toBe("nodes:\n  - id: a\nx: 1\n");
    expect(add("nodes:\n", ["nodes"], { id: "a" })).toBe("nodes:\n  - id: a\n");
    expect(add("a: 1\n", ["edges"], inFlow({ from: "a", to: "b" }))).toBe("a: 1\nedges:\n  - {from: a, to: b}\n");
  });
});

describe("a document in JSON", () => {
  const written = '{\n  "a": {"b": 1},\n  "nodes": [\n    {"id": "a"}\n  ]\n}\n';
  const read = (text: string) => JSON.parse(text) as unknown;

  it("stays JSON, line by line where it is written so", () => {
    expect(set(written, ["a", "c"], "x")).toBe(written.replace('{"b": 1}', '{"b": 1, "c": "x"}'));
    expect(add(written, ["nodes"], { id: "b", on: [true, null, 1.5] })).toBe(
      written.replace('{"id": "a"}', '{"id": "a"},\n    {"id": "b", "on": [true, null, 1.5]}'),
    );
    expect(set(written, ["z"], { y: [] })).toBe(written.replace("  ]\n}", '  ],\n  "z": {"y": []}\n}'));
    expect(add(written, ["edges"], inFlow({ from: "a", to: "b" }))).toContain('"edges": [{"from": "a", "to": "b"}]');
  });

  it.each(["one\ntwo\n", 'a "quoted" \\ text', "\u2028\u0000\u007f\t", "한국어 ☃ 🙂"])(
    "can hold any text: %j",
    (value) => {
      expect(read(set('{"a": 1}', ["a"], value))).toEqual({ a: value });
      expect(read(set('{"a": {}}', ["a", value], [{ [value]: value }]))).toEqual({
        a: { [value]: [{ [value]: value }] },
      });
    },
  );

  it("takes keys at its beginning", () => {
    const ordered = applySplices(
      written,
      setAt(readSource(written), ["id"], 1, () => ["id", "a", "nodes"]),
    );
    expect(ordered).toBe(written.replace('  "a"', '  "id": 1,\n  "a"'));
  });
});

describe("a part in flow with lines of its own", () => {
  it("gets one beside it that has, too, and keeps its comment", () => {
    expect(set("a: {\n  b: 1,\n  c: 2\n  }\n", ["a", "d"], 3)).toBe("a: {\n  b: 1,\n  c: 2,\n  d: 3\n  }\n");
    expect(set("a: {b: 1,\n    c: 2}\n", ["a", "d"], 3)).toBe("a: {b: 1,\n    c: 2,\n    d: 3}\n");
    const commented = set("a: {\n  b: 1 # why\n  }\n", ["a", "c"], 2);
    expect(commented).toBe("a: {\n  b: 1, c: 2 # why\n  }\n");
    expect(readSource(commented).document.toJS()).toEqual({ a: { b: 1, c: 2 } });
  });
});

describe("a comment below a key without a value", () => {
  const text = "- a: 1\n  b:\n# about the second\n- c: 1\n  d:\n  # about it all\n";

  it("stays with what follows it", () => {
    expect(remove(text, [], 0)).toBe("# about the second\n- c: 1\n  d:\n  # about it all\n");
    expect(set(text, [0, "e"], 2)).toBe(text.replace("  b:\n", "  b:\n  e: 2\n"));
    expect(spanAt(readSource(`x:\n${text}`), ["x", 0])?.[1]).toBe(`x:\n- a: 1\n  b:`.length);
  });
});

it("what stands in a value twice is written twice", () => {
  const shared = { x: [1] };
  expect(set("a: 1\n", ["b"], { one: shared, two: shared })).toBe(
    "a: 1\nb:\n  one:\n    x:\n      - 1\n  two:\n    x:\n      - 1\n",
  );
});

it("an item is added behind an empty one", () => {
  expect(add("l:\n  - a\n  -\nm: 1\n", ["l"], "b")).toBe("l:\n  - a\n  -\n  - b\nm: 1\n");
});

describe("removing", () => {
  it("takes the lines with the comment above them", () => {
    const text = "nodes:\n  # one\n  - id: a\n    type: t\n  # two\n  - id: b # b\n    type: t\n  - id: c\n";
    expect(remove(text, ["nodes"], 1)).toBe("nodes:\n  # one\n  - id: a\n    type: t\n  - id: c\n");
    expect(remove(text, ["nodes"], 0, 2)).toBe("nodes:\n  # two\n  - id: b # b\n    type: t\n");
  });

  it("takes the comma in flow", () => {
    expect(remove("a: {b: 1, c: 2, d: 3}\n", ["a"], "b")).toBe("a: {c: 2, d: 3}\n");
    expect(remove("a: {b: 1, c: 2, d: 3}\n", ["a"], "d")).toBe("a: {b: 1, c: 2}\n");
    expect(remove("a: {b: 1, c: 2, d: 3}\n", ["a"], "c", "d")).toBe("a: {b: 1}\n");
    expect(remove("a: [1, 2, 3]\n", ["a"], 0, 1)).toBe("a: [3]\n");
  });

  it("removes what gets empty by it, but for lists that a document must have", () => {
    expect(remove("a: 1\nedges:\n  - {from: a, to: b}\nb: 1\n", ["edges"], 0)).toBe("a: 1\nb: 1\n");
    expect(remove("nodes:\n  - id: a\nb: 1\n", ["nodes"], 0)).toBe("nodes: []\nb: 1\n");
    expect(remove("- id: a\n  config:\n    url: x\n", [0, "config"], "url")).toBe("- id: a\n");
  });

  it("keeps the dash when the first key of an item goes", () => {
    expect(remove("- id: a\n  name: n\n  type: t\n", [0], "id")).toBe("- name: n\n  type: t\n");
  });

  it("takes a block of text whole", () => {
    expect(remove("a: |\n  x\n\n  y\nb: 1\n", [], "a")).toBe("b: 1\n");
    expect(remove("b: 1\na: |\n  x\n", [], "a")).toBe("b: 1\n");
  });

  it("leaves alone what is not there", () => {
    expect(remove("a: 1\n", [], "b")).toBe("a: 1\n");
    expect(remove("a: 1\n", ["x"], "b")).toBe("a: 1\n");
  });
});
