import { describe, expect, it } from "vitest";
import { ARTICLE, aPipeline, aText, changes, TYPES } from "./building";
import { addNode, deleteNodes, freeId, renameNode } from "./nodes";

describe("adding a node", () => {
  it("writes what a person would have written, and nothing else", () => {
    const { text, id } = addNode(aPipeline(), TYPES, { type: "log", after: { from: "save-article", port: "out" } });
    expect(id).toBe("log");
    expect(changes(ARTICLE, text)).toEqual(["+  - id: log", "+    type: log", "+  - {from: save-article, to: log}"]);
    expect(text).toContain('| default("fetch-topic") }}\'\n\n  - id: log\n    type: log\nedges:\n');
  });

  it("goes between the two nodes of an edge", () => {
    const into = { from: "fetch-topic", port: "out", to: "generate-article" };
    const { view } = aPipeline(addNode(aPipeline(), TYPES, { type: "log", into }).text);
    expect(view.edges.map((edge) => `${edge.from}>${edge.to}`)).toEqual([
      "generate-article>save-article",
      "fetch-topic>log",
      "log>generate-article",
    ]);
  });

  it("names the port where there is a choice", () => {
    const pipeline = aPipeline(aText("  - {id: check, type: condition, config: {expression: x}}\n"));
    expect(addNode(pipeline, TYPES, { type: "log", after: { from: "check", port: "true" } }).text).toContain(
      "  - {from: check, to: log, port: true}",
    );
    expect(addNode(pipeline, TYPES, { type: "log", after: { from: "check", port: "error" } }).text).toContain(
      "  - {from: check, to: log, port: error}",
    );
  });

  it("goes into the body of a loop", () => {
    const loop = addNode(aPipeline(aText("  - id: a\n    type: log\n")), TYPES, { type: "loop" }).text;
    expect(loop).toContain("  - id: loop\n    type: loop\n    config:\n      body:\n        nodes: []\n");
    const { text } = addNode(aPipeline(loop), TYPES, { type: "log", parent: "loop" });
    expect(text).toContain("        nodes:\n          - id: log\n            type: log\n");
    const { view } = aPipeline(text);
    expect(view.byId.get("log")?.parent).toBe("loop");
  });

  it("gets an id that is free and that templates can use", () => {
    expect(freeId(new Set(["log", "log-2"]), "log")).toBe("log-3");
    expect(freeId(new Set(), "if")).toBe("if-node");
    expect(freeId(new Set(), "9 Lives")).toBe("ives");
  });

  it("gets a place where it was dropped", () => {
    const { text } = addNode(aPipeline(), TYPES, { type: "log", at: { x: 12.4, y: 8 } });
    expect(text.endsWith("layout:\n  log: {x: 12, y: 8}\n")).toBe(true);
  });
});

describe("deleting", () => {
  it("takes the node with its comment, its edges and its place", () => {
    const text = deleteNodes(
      aPipeline(`${ARTICLE}layout:\n  fetch-topic: {x: 0, y: 0}\n  save-article: {x: 8, y: 8}\n`),
      new Set(["fetch-topic"]),
    );
    expect(text).not.toContain("Where topics come from");
    expect(text).not.toContain("{from: fetch-topic");
    expect(text).toContain("layout:\n  save-article: {x: 8, y: 8}\n");
    expect(text).toContain("# Writes an article.");
    expect(text).toContain(
      "nodes:\n\n  - id: generate-article\n    type: llm-generate\n    runOn: gpu # GPU Pod에서 실행\n",
    );
  });

  it("takes all nodes and leaves an empty list", () => {
    const { view } = aPipeline();
    const text = deleteNodes(aPipeline(), new Set(view.byId.keys()));
    expect(text).toContain("nodes: []\n");
    expect(text).not.toContain("edges");
  });

  it("takes a loop with what is in it", () => {
    const body =
      "  - {id: a, type: log}\n  - id: each\n    type: loop\n    config:\n      body:\n        nodes:\n          - {id: b, type: log}\n";
    expect(deleteNodes(aPipeline(aText(body, "edges: [{from: a, to: each}]\n")), new Set(["each", "b"]))).toBe(
      aText("  - {id: a, type: log}\n"),
    );
  });
});

describe("renaming", () => {
  it("follows the id through edges, templates and places, and leaves texts alone", () => {
    const text = renameNode(
      aPipeline(`${ARTICLE}layout:\n  fetch-topic: {x: 0, y: 0}\n`),
      TYPES,
      "fetch-topic",
      "topic",
    );
    expect(text).toContain("  - id: topic\n");
    expect(text).toContain("주제: {{topic.output.topic}}");
    expect(text).toContain('title: "{{topic.output.topic}}"');
    expect(text).toContain('default("fetch-topic")');
    expect(text).toContain("{from: topic, to: generate-article} # first");
    expect(text).toContain("layout:\n  topic: {x: 0, y: 0}\n");
  });

  it("finds references in expressions without braces, and none in code, keys and arguments", () => {
    const nodes = [
      "  - {id: a, type: log}",
      "  - {id: c, type: condition, when: a.output, config: {expression: a.output.a > a-b and x.a}}",
      '  - {id: s, type: script, config: {code: "{{ a }}"}}',
      '  - {id: l, type: log, inputs: {m: "{{ a.output | map(a=a) }} a", n: [" {{a}} "]}}',
      "",
    ].join("\n");
    const text = renameNode(aPipeline(aText(nodes)), TYPES, "a", "z");
    expect(text).toContain("{id: c, type: condition, when: z.output, config: {expression: z.output.a > a-b and x.a}}");
    expect(text).toContain('code: "{{ a }}"');
    expect(text).toContain('m: "{{ z.output | map(a=z) }} a", n: [" {{z}} "]');
  });

  it("refuses an id that another node has", () => {
    expect(() => renameNode(aPipeline(), TYPES, "fetch-topic", "save-article")).toThrow(
      "there is a node save-article already",
    );
  });
});
