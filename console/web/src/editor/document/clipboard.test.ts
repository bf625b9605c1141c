import { describe, expect, it, vi } from "vitest";
import { ARTICLE, aPipeline, aText, TYPES } from "./building";
import { copyNodes, duplicateNodes, pasteNodes } from "./clipboard";
import { readSource } from "./source";

vi.mock("./source", async (original) => {
  const source = await original<typeof import("./source")>();
  return { ...source, readSource: vi.fn(source.readSource) };
});

describe("copying", () => {
  it("gives a text of the nodes and the edges between them", () => {
    const clip = copyNodes(aPipeline(), new Set(["fetch-topic", "generate-article"]));
    expect(clip).toContain(
      '  - id: fetch-topic\n    type: http-request\n    config:\n      method: GET\n      url: "https://api.example.com/topics"\n',
    );
    expect(clip).toContain("runOn: gpu # GPU Pod에서 실행\n");
    expect(clip.endsWith("edges:\n  - {from: fetch-topic, to: generate-article}\n")).toBe(true);
  });

  it("is pasted into another pipeline as it was, comments and blocks of text included", () => {
    const clip = copyNodes(aPipeline(), new Set(["fetch-topic", "generate-article"]));
    const pasted = pasteNodes(aPipeline(aText("  - {id: a, type: log}\n")), TYPES, clip, null, null);
    expect(pasted?.ids).toEqual(["fetch-topic", "generate-article"]);
    expect(pasted?.text).toContain("        주제: {{fetch-topic.output.topic}}\n        위 주제로");
    expect(pasted?.text).toContain("runOn: gpu # GPU Pod에서 실행");
    expect(pasted?.text).toContain("edges:\n  - {from: fetch-topic, to: generate-article}\n");
  });

  it("gets new ids where they are taken, in its own templates too", () => {
    const pasted = pasteNodes(
      aPipeline(),
      TYPES,
      copyNodes(aPipeline(), new Set(["fetch-topic", "generate-article"])),
      null,
      null,
    );
    expect(pasted?.ids).toEqual(["fetch-topic-2", "generate-article-2"]);
    expect(pasted?.text).toContain("주제: {{fetch-topic-2.output.topic}}");
    expect(pasted?.text).toContain("  - {from: fetch-topic-2, to: generate-article-2}\n");
    expect(pasted?.text.startsWith(ARTICLE.slice(0, ARTICLE.indexOf("edges:")).trimEnd())).toBe(true);
  });

  it("duplicates, and takes no text that holds no nodes", () => {
    expect(duplicateNodes(aPipeline(), TYPES, new Set(["save-article"]))?.ids).toEqual(["save-article-2"]);
    expect(pasteNodes(aPipeline(), TYPES, "hello", null, null)).toBeNull();
    expect(pasteNodes(aPipeline(), TYPES, "a: [", null, null)).toBeNull();
  });
});

describe("a node in flow over several lines", () => {
  it.each([
    ["without comments", "{id: a,\n     type: log,\n\n     inputs: {message: x}}", ""],
    [
      "with comments",
      "{id: a, # first\n     type: log, # second\n     inputs: {\n       message: x # third\n     }} # last",
      "#",
    ],
    ["on a line of its own", "{\n      id: a,\n      type: log, inputs: {message: x}\n    }", ""],
  ])("is duplicated so that it can be read: %s", (_, written, mark) => {
    const text = aText(`  - ${written}\n  - {id: b, type: log}\n`);
    const made = duplicateNodes(aPipeline(text), TYPES, new Set(["a"]))?.text ?? "";
    expect(aPipeline(made).view.byId.get("a-2")?.fields).toEqual({
      id: "a-2",
      type: "log",
      inputs: { message: "x" },
    });
    expect(made.startsWith(text.trimEnd())).toBe(true);
    for (const comment of ["# first", "# second", "# third", "# last"])
      expect(made.split(comment)).toHaveLength(mark === "" ? 1 : 3);
  });

  it("is pasted where all is in flow, and where nothing is", () => {
    const clip = copyNodes(aPipeline(aText("  - {id: a, # first\n     type: log # last\n     }\n")), new Set(["a"]));
    const json = '{"apiVersion": "flume/v1", "kind": "Pipeline", "metadata": {"name": "p"}, "nodes": [{"id": "b"}]}';
    for (const target of [json, json.replace('{"id": "b"}', ""), aText("  - id: b\n    type: log\n")]) {
      const pasted = pasteNodes(aPipeline(target), TYPES, clip, null, null);
      expect(aPipeline(pasted?.text).view.byId.get("a")?.type).toBe("log");
      if (target.startsWith("{")) expect(JSON.parse(pasted?.text ?? "")).toHaveProperty("nodes");
    }
  });
});

it("of what is pasted nothing but ids and references is renamed", () => {
  const clip = "nodes:\n  - {id: a, type: log, inputs: {to: a, id: a, from: a}}\n";
  const pasted = pasteNodes(aPipeline(aText("  - {id: a, type: log}\n")), TYPES, clip, null, null);
  expect(pasted?.text).toContain("  - {id: a-2, type: log, inputs: {to: a, id: a, from: a}}\n");
});

it("many nodes are pasted with as few readings as one", () => {
  const nodes = (count: number) =>
    Array.from({ length: count }, (_, place) => `  - {id: n${place}, type: log}\n`).join("");
  const reading = vi.mocked(readSource);
  const readings = (count: number) => {
    const pipeline = aPipeline(aText(nodes(count)));
    reading.mockClear();
    duplicateNodes(pipeline, TYPES, new Set(pipeline.view.byId.keys()));
    return reading.mock.calls.length;
  };
  expect(readings(40)).toBe(readings(1));
});

it("nothing, and what an alias stands for, is written out where all is JSON", () => {
  const nodes =
    "  - id: a\n    type: log\n    config: &c\n      k:\n      l:\n        -\n        - ~\n    inputs: {x: *c}\n";
  const target = '{"apiVersion": "flume/v1", "nodes": []}';
  const pasted = pasteNodes(aPipeline(target), TYPES, copyNodes(aPipeline(aText(nodes)), new Set(["a"])), null, null);
  const config = { k: null, l: [null, null] };
  expect(JSON.parse(pasted?.text ?? "").nodes).toEqual([{ id: "a", type: "log", config, inputs: { x: config } }]);
  const flow = pasteNodes(aPipeline("{nodes: [{id: b}]}"), TYPES, `nodes:\n${nodes}`, null, null)?.text;
  expect(aPipeline(flow).view.byId.get("a")?.config).toEqual(config);
});

describe("the port of an edge that is copied", () => {
  it("is written as a person writes it", () => {
    const nodes = "  - {id: is-new, type: condition, config: {expression: a}}\n  - {id: tell, type: log}\n";
    const pipeline = aPipeline(aText(nodes, "edges:\n  - {from: is-new, to: tell, port: true}\n"));
    expect(copyNodes(pipeline, new Set(["is-new", "tell"]))).toContain("{from: is-new, to: tell, port: true}");
  });
});
