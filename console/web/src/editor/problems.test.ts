import { expect, it } from "vitest";
import { ARTICLE, aPipeline } from "./document/building";
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
