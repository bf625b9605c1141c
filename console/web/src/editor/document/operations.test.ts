import { describe, expect, it } from "vitest";
import { ARTICLE, aPipeline, aText, TYPES } from "./building";
import { copyNodes, duplicateNodes, pasteNodes } from "./clipboard";
import { objectionTo, openEnds, portsOf, upstreamOf } from "./connecting";
import { EditRefused } from "./edits";
import {
  addNode,
  addTrigger,
  connect,
  deleteNodes,
  disconnect,
  freeId,
  place,
  reconnect,
  renameKey,
  renameNode,
  setField,
  tidy,
} from "./operations";

/** The lines that are only in one of two texts, as a diff has them. */
function changes(before: string, after: string): string[] {
  const [old, fresh] = [before.split("\n"), after.split("\n")];
  return [
    ...old.filter((line) => !fresh.includes(line)).map((line) => `-${line}`),
    ...fresh.filter((line) => !old.includes(line)).map((line) => `+${line}`),
  ];
}

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

describe("connecting", () => {
  it("refuses circles, itself, what is there already, and ports that are none", () => {
    const { view } = aPipeline();
    const refusal = (from: string, port: string, to: string) => objectionTo(view, TYPES, { from, port, to });
    expect(refusal("save-article", "out", "fetch-topic")).toContain("circle");
    expect(refusal("save-article", "out", "save-article")).toContain("itself");
    expect(refusal("fetch-topic", "out", "generate-article")).toContain("already");
    expect(refusal("fetch-topic", "true", "save-article")).toContain("no port true");
    expect(refusal("fetch-topic", "out", "save-article")).toBeNull();
    expect(refusal("fetch-topic", "error", "generate-article")).toBeNull();
  });

  it("lists all that could be connected, which is what is not refused", () => {
    const { view } = aPipeline();
    for (const { id } of view.nodes) {
      for (const ends of [...openEnds(view, TYPES, id, "to"), ...openEnds(view, TYPES, id, "from")]) {
        expect(objectionTo(view, TYPES, ends)).toBeNull();
      }
    }
    expect(openEnds(view, TYPES, "save-article", "to").map(({ from, port }) => `${from} ${port}`)).toEqual([
      "fetch-topic out",
      "fetch-topic error",
      "generate-article error",
    ]);
    expect(openEnds(view, TYPES, "save-article", "from")).toEqual([]);
  });

  it("takes the ports of a switch from its cases", () => {
    const { view } = aPipeline(aText("  - {id: s, type: switch, config: {value: x, cases: {big: 1, small: 2}}}\n"));
    const node = view.byId.get("s");
    expect(node && portsOf(node, TYPES)).toEqual(["big", "small", "default"]);
  });

  it("stays within a body", () => {
    const body =
      "  - id: each\n    type: loop\n    config:\n      body:\n        nodes:\n          - {id: in, type: log}\n  - {id: out-side, type: log}\n";
    const { view } = aPipeline(aText(body));
    expect(objectionTo(view, TYPES, { from: "out-side", port: "out", to: "in" })).toContain("same body");
  });

  it("adds and removes an edge", () => {
    const ends = { from: "fetch-topic", port: "out", to: "save-article" };
    const connected = connect(aPipeline(), TYPES, ends);
    expect(changes(ARTICLE, connected)).toEqual(["+  - {from: fetch-topic, to: save-article}"]);
    expect(disconnect(aPipeline(connected), ends)).toBe(ARTICLE);
  });

  it("knows what comes before a node, and before the loop around it", () => {
    const body =
      "  - {id: a, type: log}\n  - id: each\n    type: loop\n    config:\n      body:\n        nodes:\n          - {id: b, type: log}\n          - {id: c, type: log}\n        edges: [{from: b, to: c}]\n";
    const { view } = aPipeline(aText(body, "edges: [{from: a, to: each}]\n"));
    expect(upstreamOf(view, "c").map((node) => node.id)).toEqual(["b", "a"]);
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

describe("fields", () => {
  it("sets and removes one, and what gets empty by it", () => {
    const text = setField(aPipeline(), ["nodes", 0, "retry", "attempts"], 3);
    expect(changes(ARTICLE, text)).toEqual(["+    retry:", "+      attempts: 3"]);
    expect(text).toContain('topics"\n    retry:\n      attempts: 3\n\n  - id: generate');
    expect(setField(aPipeline(text), ["nodes", 0, "retry", "attempts"], undefined)).toBe(ARTICLE);
  });

  it("puts a part of the document where it belongs", () => {
    const text = setField(aPipeline(), ["inputs", "topic"], { type: "string" });
    expect(text).toContain("trigger: {type: webhook}\ninputs:\n  topic:\n    type: string\nvariables:\n");
  });

  it("renames a key in its place", () => {
    expect(renameKey(aPipeline(), ["variables", "model"], "llm")).toContain("variables:\n  llm: llama3.1-70b\n");
  });

  it("works on the resource of a cluster as well", () => {
    const text =
      "apiVersion: flume.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n  nodes:\n    - {id: a, type: log}\n";
    const { view } = aPipeline(text);
    expect(view.name).toBe("p");
    expect(addNode(aPipeline(text), TYPES, { type: "log", after: { from: "a", port: "out" } }).text).toBe(
      `${text}    - id: log\n      type: log\n  edges:\n    - {from: a, to: log}\n`,
    );
  });
});

describe("places", () => {
  it("change the layout and nothing else", () => {
    const text = place(aPipeline(), new Map([["fetch-topic", { x: 10.6, y: -4 }]]));
    expect(text).toBe(`${ARTICLE}layout:\n  fetch-topic: {x: 11, y: -4}\n`);
    const moved = place(
      aPipeline(text),
      new Map([
        ["fetch-topic", { x: 0, y: 0 }],
        ["save-article", { x: 5, y: 5 }],
      ]),
    );
    expect(moved).toBe(`${ARTICLE}layout:\n  fetch-topic: {x: 0, y: 0}\n  save-article: {x: 5, y: 5}\n`);
    expect(tidy(aPipeline(moved))).toBe(ARTICLE);
  });
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

describe("triggers", () => {
  it("are added beside the one that is there", () => {
    const text = addTrigger(aPipeline(), { type: "cron", schedule: "0 7 * * *" });
    expect(aPipeline(text).view.triggers.map((trigger) => trigger.type)).toEqual(["webhook", "cron"]);
    expect(text).not.toContain("trigger: {");
    const third = addTrigger(aPipeline(text), { type: "webhook", path: "b" });
    expect(aPipeline(third).view.triggers.map((trigger) => trigger.id)).toEqual(["webhook", "cron", "webhook-2"]);
  });
});

describe("a key of a map", () => {
  it("gets another name and keeps all that is written around it", () => {
    const text = aText(
      '  - id: a\n    type: log\n    inputs:\n      # about one\n      one: 1 # why\n      "two": |\n        x\n',
    );
    const path = ["nodes", 0, "inputs"];
    expect(renameKey(aPipeline(text), [...path, "one"], "first")).toBe(text.replace("one: 1", "first: 1"));
    expect(renameKey(aPipeline(text), [...path, "two"], "second")).toBe(text.replace('"two"', '"second"'));
    expect(renameKey(aPipeline(text), [...path, "one"], "a: b")).toBe(text.replace("one: 1", '"a: b": 1'));
    expect(() => renameKey(aPipeline(text), [...path, "one"], "two")).toThrow(EditRefused);
  });
});

describe("an edge led elsewhere", () => {
  const nodes = "  - {id: a, type: condition}\n  - {id: b, type: log}\n  - {id: c, type: log}\n";
  const edges = "edges:\n  - {from: a, to: b, port: true} # yes\n  - {from: b, to: c}\n";

  it("stays in its place, with its comment", () => {
    const to = { from: "a", port: "false", to: "c" };
    expect(reconnect(aPipeline(aText(nodes, edges)), TYPES, { from: "a", port: "true", to: "b" }, to)).toBe(
      aText(nodes, edges.replace("{from: a, to: b, port: true} # yes", "{from: a, to: c, port: false} # yes")),
    );
  });

  it("loses its port where the new beginning has only one, and gets one where it has several", () => {
    const pipeline = aPipeline(aText(nodes, edges));
    expect(reconnect(pipeline, TYPES, { from: "a", port: "true", to: "b" }, { from: "c", port: "out", to: "b" })).toBe(
      aText(nodes, edges.replace("{from: a, to: b, port: true}", "{from: c, to: b}")),
    );
    expect(reconnect(pipeline, TYPES, { from: "b", port: "out", to: "c" }, { from: "a", port: "error", to: "c" })).toBe(
      aText(nodes, edges.replace("{from: b, to: c}", "{from: a, to: c, port: error}")),
    );
  });
});
