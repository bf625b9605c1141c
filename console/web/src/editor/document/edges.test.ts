import { describe, expect, it } from "vitest";
import { ARTICLE, aPipeline, aText, changes, TYPES } from "./building";
import { objectionTo, openEnds, portsOf, upstreamOf } from "./connecting";
import { connect, disconnect, reconnect } from "./edges";

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
