import { expect, it } from "vitest";
import { ARTICLE, aPipeline, aText } from "./document/building";
import { nodeOfPointer } from "./document/view";
import { problemsByNode, problemsOf } from "./problems";

const item = (pointer: string) => ({
  pointer,
  line: null,
  column: null,
  code: "wrong-type",
  message: "expected text",
  hint: "",
});

it("finds the node, the field and the characters of each problem", () => {
  const state = {
    text: ARTICLE,
    pipeline: aPipeline(),
    faults: [],
    problems: [item("/nodes/0/config/url"), item("/nodes/2/config/nothing"), item("/metadata/name")],
  };
  const [url, nothing, name] = problemsOf(state);
  expect(url).toMatchObject({ node: "fetch-topic", field: "/config/url", line: 15 });
  expect(ARTICLE.slice(url?.from, url?.to)).toBe('"https://api.example.com/topics"');
  expect(nothing).toMatchObject({ node: "save-article" });
  expect(ARTICLE.slice(nothing?.from, nothing?.to)).toBe("{database: flume, collection: articles}");
  expect(name).toMatchObject({ node: null, line: 5 });
  expect([...problemsByNode(state).keys()]).toEqual(["fetch-topic", "save-article"]);
});

it("tells only what is no YAML while the text can't be read", () => {
  const state = {
    text: "a: [",
    pipeline: aPipeline(),
    faults: [{ from: 3, to: 4, message: "not closed" }],
    problems: [item("/nodes/0")],
  };
  expect(problemsOf(state)).toMatchObject([{ message: "not closed", from: 3, line: 1, node: null }]);
});

it("finds the innermost node of a pointer, and what of it is behind the node", () => {
  const body = "config: {body: {nodes: [{id: in, type: log}, {id: out, type: log}]}}";
  const { view } = aPipeline(aText(`  - {id: a, type: log}\n  - {id: each, type: loop, ${body}}\n`));
  expect(nodeOfPointer(view, "/nodes/1/config/body/nodes/1/type")).toEqual({ id: "out", rest: "/type" });
  expect(nodeOfPointer(view, "/nodes/1/config/body/nodes")).toEqual({ id: "each", rest: "/config/body/nodes" });
  expect(nodeOfPointer(view, "/nodes/1")).toEqual({ id: "each", rest: "" });
  for (const pointer of ["", "/", "/nodes", "/nodes/10", "/metadata/name"])
    expect(nodeOfPointer(view, pointer)).toBeNull();
});

it("finds the node of each problem without a look at the others", () => {
  const { view } = aPipeline();
  let looks = 0;
  const counted = new Proxy(view.nodes, {
    get: (nodes, key) => {
      looks += 1;
      return Reflect.get(nodes, key);
    },
  });
  expect(nodeOfPointer({ ...view, nodes: counted }, "/nodes/2/config")?.id).toBe("save-article");
  expect(looks).toBe(0);
});

it("marks what the server names where a problem is of the document as a whole", () => {
  const at = (line: number | null, column: number | null) => ({ ...item(""), line, column });
  const problems = [at(2, 3), at(900, 2), at(null, null)];
  const state = { text: ARTICLE, pipeline: aPipeline(), faults: [], problems };
  expect(problemsOf(state).map(({ from, to, line }) => [ARTICLE.slice(from, to), line])).toEqual([
    ["iVersion: flume/v1", 2],
    ["", ARTICLE.split("\n").length],
    ["apiVersion: flume/v1", 2],
  ]);
});
