import { describe, expect, it } from "vitest";
import { ARTICLE, aPipeline, aText } from "./building";
import { aloneWith, failuresReadBy, firstItem, readBy, textUpTo } from "./trial";

const LOOP = aPipeline(
  aText(`  - {id: list, type: http-request}
  - id: each
    type: loop
    inputs: {items: "{{ list.output.found }}"}
    config:
      body:
        nodes:
          - {id: look, type: http-request, config: {url: "{{ item }}"}}
          - {id: say, type: log, inputs: {message: "{{ look.output }} of {{ list.output }}, not listing"}}
        edges:
          - {from: look, to: say}
edges:
  - {from: list, to: each}
`),
).view;

describe("all up to a node", () => {
  it("is the text without what comes later, whatever state that is in", () => {
    const text = textUpTo(aPipeline(), "generate-article");
    expect(text).not.toContain("save-article");
    expect(aPipeline(text).view.nodes.map((node) => node.id)).toEqual(["fetch-topic", "generate-article"]);
    expect(text).toContain("# Where topics come from.");
  });

  it("is the text itself for the last node", () => {
    expect(textUpTo(aPipeline(), "save-article")).toBe(ARTICLE);
  });
});

describe("what a node reads", () => {
  it("is what its expressions name, the nearest first", () => {
    expect(readBy(aPipeline().view, "save-article")).toEqual(["generate-article", "fetch-topic"]);
    expect(readBy(aPipeline().view, "fetch-topic")).toEqual([]);
  });

  it("includes nodes before the loop around it, and not what only begins with their names", () => {
    expect(readBy(LOOP, "say")).toEqual(["look", "list"]);
    expect(readBy(LOOP, "look")).toEqual([]);
  });

  it("is known also where an id is none that the server would take", () => {
    const nodes = '  - {id: c++, type: log}\n  - {id: "(", type: log}\n  - {id: b, type: log}\n';
    const last = '  - {id: d, type: log, inputs: {message: "{{ b.output }} of c++ ("}}\n';
    const edges = "edges:\n  - {from: c++, to: b}\n  - {from: (, to: b}\n  - {from: b, to: d}\n";
    expect(readBy(aPipeline(aText(nodes + last, edges)).view, "d")).toEqual(["b"]);
  });
});

describe("a failure that a node is for", () => {
  const nodes = "  - {id: a, type: log}\n  - {id: b, type: log}\n  - {id: c, type: log}\n";
  const last =
    '  - {id: d, type: log, inputs: {message: "{{ a.error.message }} {{ c.errors }} {{ c.output.error }}"}}\n';
  const edges = "edges:\n  - {from: a, to: d}\n  - {from: b, to: d, port: error}\n  - {from: c, to: d}\n";
  const { view } = aPipeline(aText(nodes + last, edges));

  it("is one that it reads, or that leads to it", () => {
    expect([...failuresReadBy(view, "d")]).toEqual([
      ["a", false],
      ["b", true],
    ]);
  });

  it("is had by a stand-in that fails with the message as it is", () => {
    const { definition, pins } = aloneWith(view, "d", { outputs: { c: 1 }, errors: { b: '{{ "no" }}' }, item: null });
    expect(pins).toEqual({ c: 1 });
    const made = JSON.parse(definition);
    expect(made.nodes[1]).toEqual({ id: "b", type: "error", config: { message: '{{ "{{ \\"no\\" }}" }}' } });
    expect(made.edges).toEqual([
      { from: "c", to: "d" },
      { from: "b", to: "d", port: "error" },
    ]);
  });
});

describe("a node alone", () => {
  it("runs behind stand-ins whose outputs are given", () => {
    const { definition, pins } = aloneWith(aPipeline().view, "generate-article", {
      outputs: { "fetch-topic": { topic: "{{ not a template }}" } },
      item: null,
    });
    expect(pins).toEqual({ "fetch-topic": { topic: "{{ not a template }}" } });
    const made = JSON.parse(definition);
    expect(made.nodes.map((node: { id: string }) => node.id)).toEqual(["fetch-topic", "generate-article"]);
    expect(made.nodes[1].config).toEqual({ model: "{{variables.model}}", maxTokens: 4096 });
    expect(made.variables).toEqual({ model: "llama3.1-70b" });
    expect(made.edges).toEqual([{ from: "fetch-topic", to: "generate-article" }]);
  });

  it("of a loop's body runs in that loop with the one item that is given", () => {
    const { definition, pins } = aloneWith(LOOP, "say", { outputs: { look: 1, list: 2 }, item: "x" });
    expect(pins).toEqual({ look: 1, list: 2, "given-items": ["x"] });
    const each = JSON.parse(definition).nodes.at(-1);
    expect(each.id).toBe("each");
    expect(each.inputs.items).toBe("{{ given-items.output }}");
    expect(each.config.body.nodes.map((node: { id: string }) => node.id)).toEqual(["say"]);
  });

  it("is offered the first item that the last run gave its loop", () => {
    expect(firstItem(LOOP, "look", new Map([["list", { found: ["a", "b"] }]]))).toBe("a");
    expect(firstItem(LOOP, "look", new Map())).toBeNull();
  });
});
