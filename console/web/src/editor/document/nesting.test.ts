import { describe, expect, it } from "vitest";
import { aPipeline, aText } from "./building";
import { EditRefused } from "./edits";
import { nestNodes } from "./nesting";

const LOOP = `  - id: each
    type: loop
    config:
      body:
        nodes:
          # says it
          - id: say # loudly
            type: log
            inputs:
              message: |
                two
                  lines

          - {id: after, type: log}
        edges:
          - {from: say, to: after} # inner
`;

const NODES = `  # the first
  - id: first # of all
    type: log
    inputs: { message: 'hello' } # as it was

  - {id: second, type: log}
${LOOP}`;

const EDGES = `edges:
  - {from: first, to: second} # between
  - {from: second, to: each}
`;

const moved = (text: string, ids: readonly string[], parent: string | null) =>
  nestNodes(aPipeline(text), new Set(ids), parent);
const ends = (cut: readonly { from: string; to: string }[]) => cut.map(({ from, to }) => `${from}>${to}`);

describe("nodes moved into a loop", () => {
  it("come as they are written, with their comments and the edges between them", () => {
    const { text, cut } = moved(aText(NODES, EDGES), ["first", "second"], "each");
    expect(text).toBe(
      aText(
        LOOP.replace(
          "          - {id: after, type: log}\n",
          `          - {id: after, type: log}

          # the first
          - id: first # of all
            type: log
            inputs: { message: 'hello' } # as it was
          - {id: second, type: log}
`,
        ).replace("# inner\n", "# inner\n          - {from: first, to: second} # between\n"),
      ),
    );
    expect(ends(cut)).toEqual(["second>each"]);
  });

  it("lose the edges that would lead into the loop, and their places", () => {
    const layout = "layout:\n  first: {x: 1, y: 2}\n  each: {x: 300, y: 0}\n";
    const { text, cut } = moved(aText(NODES, EDGES + layout), ["first"], "each");
    expect(ends(cut)).toEqual(["first>second"]);
    expect(text).toContain("edges:\n  - {from: second, to: each}\nlayout:\n  each: {x: 300, y: 0}\n");
    expect(aPipeline(text).view.byId.get("first")?.parent).toBe("each");
  });

  it("make the body of one that has none yet, and leave an empty list", () => {
    const { text } = moved(aText("  - {id: each, type: loop}\n  - id: a\n    type: log\n"), ["a"], "each");
    expect(aPipeline(text).view.byId.get("a")?.parent).toBe("each");
    const inner = aText(LOOP.replace(/ {10}# says[\s\S]*?\n\n/, "").replace(/ {8}edges:[\s\S]*$/, ""));
    expect(moved(inner, ["after"], null).text).toContain("        nodes: []\n  - {id: after, type: log}\n");
  });

  it("put one that is in braces into lines, where comments can stand", () => {
    const body = "config: {body: {nodes: [{id: in, type: log}]}}";
    const text = aText(`  - {id: each, type: loop, ${body}} # ours\n  - id: a # first\n    type: log\n`);
    expect(moved(text, ["a"], "each").text).toBe(
      aText(`  - id: each
    type: loop
    config:
      body:
        nodes:
          - {id: in, type: log} # ours
          - id: a # first
            type: log
`),
    );
    const short = aText(`  - {id: each, type: loop, ${body}}\n  - {id: a, type: log}\n`);
    expect(moved(short, ["a"], "each").text).toBe(
      aText("  - {id: each, type: loop, config: {body: {nodes: [{id: in, type: log}, {id: a, type: log}]}}}\n"),
    );
    expect(moved(short, ["in"], null).text).toContain(
      "nodes: []}}}\n  - {id: a, type: log}\n  - {id: in, type: log}\n",
    );
  });
});

describe("nodes moved out of a loop", () => {
  it("come as they are written, texts of several lines included", () => {
    const { text, cut } = moved(aText(NODES, EDGES), ["say"], null);
    expect(ends(cut)).toEqual(["say>after"]);
    expect(text).toContain(`
  # says it
  - id: say # loudly
    type: log
    inputs:
      message: |
        two
          lines
edges:
`);
    expect(aPipeline(text).view.byId.get("say")?.inputs).toEqual({ message: "two\n  lines\n" });
  });

  it("and back again are where they were", () => {
    const there = moved(aText(NODES, EDGES), ["after"], null).text;
    expect(aPipeline(moved(there, ["after"], "each").text).view.byId.get("after")?.path).toEqual([
      "nodes",
      2,
      "config",
      "body",
      "nodes",
      1,
    ]);
  });
});

describe("what can't be moved", () => {
  it("is a loop into itself", () => {
    expect(() => moved(aText(NODES), ["each"], "each")).toThrow("into itself");
  });

  it("is what an alias before it would be left without", () => {
    const nodes = `  - {id: a, type: log, inputs: &i {message: x}}\n  - {id: b, type: log, inputs: *i}\n${LOOP}`;
    expect(() => moved(aText(nodes), ["a"], "each")).toThrow(EditRefused);
    expect(moved(aText(nodes), ["b"], "each").text).toContain("          - {id: b, type: log, inputs: *i}\n");
  });

  it("is what would stand for something else where it is then", () => {
    const named = (id: string, text: string) => `  - {id: ${id}, type: log, inputs: {message: &m ${text}}}\n`;
    const nodes = `${named("a", "one")}${LOOP}${named("b", "two")}  - {id: c, type: log, inputs: {message: *m}}\n`;
    expect(() => moved(aText(nodes), ["c"], "each")).toThrow("would not be the same there");
  });

  it("stays as it is: a node that is there already, and what is in a loop that is moved", () => {
    expect(moved(aText(NODES), ["first"], null).text).toBe(aText(NODES));
    expect(moved(aText(NODES), ["each", "say"], null).cut).toEqual([]);
  });
});
