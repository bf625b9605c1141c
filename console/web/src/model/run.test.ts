import { expect, test } from "vitest";
import { aLine, aNode, anEvent, aRun } from "./building";
import { afterEvents, blamedNode, countDone, flowOf, itemAround, loopCount, topLevelOf, viewOf } from "./run";

const view = viewOf(aRun({ rev: 3, nodes: { fetch: aNode({ status: "running" }), parse: aNode() } }));

test("a node event replaces that node and leaves the others the same objects", () => {
  const after = afterEvents(view, [
    anEvent("node", { id: "fetch", instance: "fetch", ...aNode({ status: "completed" }) }),
  ]);
  expect(after.nodes.fetch?.status).toBe("completed");
  expect(after.nodes.parse).toBe(view.nodes.parse);
});

test("a settled node is not undone by an older event that comes again", () => {
  const done = afterEvents(view, [anEvent("node", { id: "fetch", ...aNode({ status: "completed" }) })]);
  const after = afterEvents(done, [anEvent("node", { id: "fetch", ...aNode({ status: "running" }) })]);
  expect(after.nodes.fetch?.status).toBe("completed");
});

test("a run event without nodes keeps them, and one with nodes brings them all", () => {
  const { nodes, ...head } = aRun({ rev: 4, status: "completed" });
  expect(nodes).toEqual({});
  const later = afterEvents(view, [anEvent("run", head)]);
  expect(later.run.status).toBe("completed");
  expect(later.nodes).toBe(view.nodes);
  const whole = afterEvents(view, [anEvent("run", aRun({ rev: 5, nodes: { fetch: aNode({ status: "failed" }) } }))]);
  expect(Object.keys(whole.nodes)).toEqual(["fetch"]);
});

test("an older revision of the run changes nothing", () => {
  expect(afterEvents(view, [anEvent("run", aRun({ rev: 2, status: "pending" }))]).run).toBe(view.run);
});

test("log lines and text of one batch are taken up together, and what the page does not know is passed over", () => {
  const after = afterEvents(view, [
    anEvent("log", aLine()),
    anEvent("progress", { instance: "fetch", attempt: 1, offset: 0, text: "Hel" }),
    anEvent("progress", { instance: "fetch", attempt: 1, offset: 3, text: "lo" }),
    anEvent("news", { of: "a newer server" }),
  ]);
  expect(after.lines).toHaveLength(1);
  expect(after.texts.get("fetch")?.text).toBe("Hello");
});

test("an edge shows what flows along it", () => {
  const edge = { from: "a", to: "b", port: "out" };
  const done = aNode({ status: "completed", port: "out" });
  expect(flowOf(edge, aNode({ status: "running" }), aNode())).toBe("open");
  expect(flowOf(edge, undefined, undefined)).toBe("open");
  expect(flowOf(edge, done, aNode())).toBe("taken");
  expect(flowOf(edge, done, aNode({ status: "running" }))).toBe("moving");
  expect(flowOf(edge, done, aNode({ status: "retrying" }))).toBe("moving");
  expect(flowOf(edge, done, aNode({ status: "completed" }))).toBe("taken");
  expect(flowOf(edge, done, aNode({ status: "failed" }))).toBe("broken");
  expect(flowOf({ ...edge, port: "error" }, done, aNode({ status: "skipped" }))).toBe("refused");
  expect(flowOf(edge, aNode({ status: "skipped" }), aNode({ status: "skipped" }))).toBe("refused");
});

test("the node to look at first is the one that the error names, wherever in it the error was", () => {
  const error = { code: "raised", message: "no", node: "each[3].fetch", retryable: false };
  const nodes = { first: aNode({ status: "failed" }), each: aNode({ status: "failed" }) };
  expect(blamedNode(viewOf(aRun({ status: "failed", error, nodes })))).toBe("each[3].fetch");
  expect(blamedNode(viewOf(aRun({ status: "failed", nodes })))).toBe("first");
  expect(blamedNode(viewOf(aRun()))).toBeNull();
});

test("instances are taken apart", () => {
  expect(topLevelOf("each[3].inner[0].fetch")).toBe("each");
  expect(itemAround("each[3].inner[0].fetch")).toEqual({ loop: "each[3].inner", index: 0 });
  expect(itemAround("fetch")).toBeNull();
});

test("a loop says how far it is, and of how many if that is known", () => {
  expect(loopCount({ succeeded: 840, failed: 2, total: 1000 })).toBe("842 of 1,000");
  expect(loopCount({ succeeded: 7, failed: 0, total: null })).toBe("7 done");
});

test("settled nodes are counted", () => {
  expect(countDone({ a: aNode({ status: "skipped" }), b: aNode({ status: "waiting" }) })).toEqual({ done: 1, all: 2 });
});
