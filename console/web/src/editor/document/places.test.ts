import { describe, expect, it } from "vitest";
import { ARTICLE, aPipeline, TYPES } from "./building";
import { renameNode } from "./nodes";
import { place, tidy } from "./places";

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

  it("follow a node to its new id, in their order and as they are written", () => {
    const layout = "layout:\n  # the first\n  fetch-topic: { x: 1, y: 2 } # here\n  save-article: {x: 5, y: 5}\n";
    expect(renameNode(aPipeline(ARTICLE + layout), TYPES, "fetch-topic", "topic")).toContain(
      layout.replace("fetch-topic", "topic"),
    );
    const left = "layout:\n  fetch-topic: {x: 1, y: 2}\n  topic: {x: 9, y: 9}\n";
    expect(renameNode(aPipeline(ARTICLE + left), TYPES, "fetch-topic", "topic")).toContain(
      "layout:\n  topic: {x: 1, y: 2}\n",
    );
  });
});
