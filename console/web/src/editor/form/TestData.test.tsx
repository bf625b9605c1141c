// @vitest-environment happy-dom
import { act } from "react";
import { describe, expect, it } from "vitest";
import { aText } from "../document/building";
import type { EditorParts } from "../store";
import { anEditor, click, draw, field, onAPage, type } from "./building";
import { readData, renameIn, setIn } from "./data";
import { TestData } from "./TestData";

const INPUTS = `inputs:
  topic: {type: string}
  count: {type: integer, default: 3}
  loud: {type: boolean, default: false}
  constructor: {type: string, default: ""}
  tags: {type: array, items: {type: string}, default: []}
`;

onAPage();

function open(more: string, testData = "{}"): EditorParts {
  const parts = anEditor(aText("  - {id: a, type: log}\n", more));
  parts.store.setState({ testData });
  draw(parts, <TestData />);
  return parts;
}

const dataOf = ({ store }: EditorParts) => JSON.parse(store.getState().testData);

describe("the data of test runs", () => {
  it("is a form of the inputs, which leaves all else of it and the pipeline alone", () => {
    const parts = open(INPUTS, '{"other": {"x": 1}, "topic": "old"}');
    expect(field("Topic").value).toBe("old");
    type(field("Topic"), "the sea");
    type(field("Count"), "7");
    type(field("Loud"), "true");
    click("Add to tags");
    type(field("Value of 1"), "007");
    expect(dataOf(parts)).toEqual({ other: { x: 1 }, topic: "the sea", count: 7, loud: true, tags: ["007"] });
    expect(document.body.textContent).toContain("Under JSON there is more: other.");
    type(field("Count"), "");
    click("Remove item 1");
    expect(dataOf(parts)).toEqual({ other: { x: 1 }, topic: "the sea", loud: true, tags: [] });
    expect(parts.store.getState().history.past).toEqual([]);
    expect(field("Constructor").value).toBe("");
  });

  it("offers no expressions, which are nothing in data", () => {
    open(INPUTS);
    expect(field("Loud").textContent).not.toContain("expression");
    type(field("Topic"), "{{ ");
    expect(document.querySelector(".offers [role=option]")).toBeNull();
  });

  it("is JSON as well, and only that where it is no object or nothing is declared", () => {
    const parts = open(INPUTS);
    click("JSON");
    type(field("Started with"), "[1]");
    click("Form");
    expect(document.body.textContent).toContain("no form can show it");
    expect(dataOf(parts)).toEqual([1]);
    open("");
    expect(field("Started with").value).toBe("{}");
  });

  it("has also what can't be read, marked in its field, so that no run goes without it", () => {
    const parts = open(INPUTS);
    type(field("Count"), "many");
    act(() => field("Count").blur());
    expect(field("Count").value).toBe("many");
    expect(field("Count").getAttribute("aria-invalid")).toBe("true");
    expect(dataOf(parts)).toEqual({ count: "many" });
    expect(document.body.textContent).not.toContain("template in");
  });
});

describe("a part of the data", () => {
  it("is set, added, removed and renamed where it is", () => {
    expect(setIn({}, ["a", "b"], 1)).toEqual({ a: { b: 1 } });
    expect(setIn({ a: [1, 2, 3] }, ["a", 1], undefined)).toEqual({ a: [1, 3] });
    expect(setIn({ a: [1] }, ["a", Number.POSITIVE_INFINITY], 2)).toEqual({ a: [1, 2] });
    expect(setIn({ a: "text" }, ["a", "b"], 1)).toEqual({ a: { b: 1 } });
    expect(setIn({ a: 1, b: 2 }, ["a"], undefined)).toEqual({ b: 2 });
    expect(Object.entries(renameIn({ x: { a: 1, b: 2 } }, ["x", "a"], "c") as object)).toEqual([["x", { c: 1, b: 2 }]]);
    expect(renameIn({ a: 1, b: 2 }, ["a"], "b")).toEqual({ a: 1, b: 2 });
    expect(readData(" ")).toEqual({});
    expect(readData("{")).toBeUndefined();
  });
});
