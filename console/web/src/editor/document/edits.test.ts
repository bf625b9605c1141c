import { describe, expect, it } from "vitest";
import { addAt, EditRefused, removeAt, setAt } from "./edits";
import { type Path, readSource } from "./source";
import { applySplices } from "./splices";
import { inFlow } from "./writing";

const ORDER = () => ["id", "name", "type", "config", "inputs", "retry"];

function set(text: string, path: Path, value: unknown): string {
  return applySplices(text, setAt(readSource(text), path, value, ORDER));
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

  it.each(["one\ntwo", "one\n", "one\n\n", "\n", "  one\n two\n\n"])(
    "writes text of lines so that it is read back: %j",
    (value) => {
      for (const text of ["a:\n  b: x\n  c: 1\n", "a: {b: x, c: 1}\n", "a: {c: 1}\n", "a:\n  b: >\n    x\n  c: 1\n"]) {
        expect(readSource(set(text, ["a", "b"], value)).document.toJS()).toEqual({ a: { b: value, c: 1 } });
      }
    },
  );

  it("writes text of several lines as a block, and back", () => {
    expect(set("a:\n  b: x\n  c: 1\n", ["a", "b"], "one\ntwo\n")).toBe("a:\n  b: |\n    one\n    two\n  c: 1\n");
    expect(set("a:\n  b: |\n    one\n    two\n  c: 1\n", ["a", "b"], "one\n\nthree\n")).toBe(
      "a:\n  b: |\n    one\n\n    three\n  c: 1\n",
    );
    expect(set("a:\n  b: x\n", ["a", "b"], "  one\ntwo")).toBe("a:\n  b: |2-\n      one\n    two\n");
    expect(set("a:\n  b: |\n    one\n    two\n\n  c: 1\n", ["a", "b"], "one")).toBe("a:\n  b: one\n\n  c: 1\n");
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
