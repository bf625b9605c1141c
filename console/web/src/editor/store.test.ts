import { describe, expect, it } from "vitest";
import { aText } from "./document/building";
import { setField } from "./document/operations";
import { change, createEditorStore, setText, undo } from "./store";

const URL_OF = ["nodes", 0, "config", "url"];

function typing(text: string, before = aText("  - {id: a, type: http-request}\n")): string {
  const store = createEditorStore({ name: "", text: before, etag: "" });
  for (let end = 1; end <= text.length; end += 1) type(store, text.slice(0, end));
  return store.getState().text;
}

function type(store: ReturnType<typeof createEditorStore>, value: string | undefined): void {
  change(store, { label: "Change url", of: "url" }, (pipeline) => setField(pipeline, URL_OF, value));
}

function pasted(text: string): string {
  const store = createEditorStore({ name: "", text: aText("  - {id: a, type: http-request}\n"), etag: "" });
  type(store, text);
  return store.getState().text;
}

describe("a field", () => {
  it.each(["http://a.example/x", "one\ntwo", "- a: b", "# no comment", "true story"])(
    "that is typed letter by letter is written as if it came at once: %j",
    (text) => {
      expect(typing(text)).toBe(pasted(text));
    },
  );

  it("that is emptied and filled again stays where it was, with its comment", () => {
    const before = aText("  - id: a\n    type: http-request\n    config:\n      url: x # ours\n      method: GET\n");
    const store = createEditorStore({ name: "", text: before, etag: "" });
    type(store, undefined);
    type(store, "y");
    expect(store.getState().text).toBe(before.replace("url: x", "url: y"));
  });

  it("follows what was changed elsewhere meanwhile", () => {
    const before = aText("  - {id: a, type: http-request, config: {url: x}}\n");
    const store = createEditorStore({ name: "", text: before, etag: "" });
    type(store, "y");
    setText(store, store.getState().text.replace("name: p", "name: q"), { label: "Type YAML", of: "yaml" });
    type(store, "z");
    expect(store.getState().text).toBe(before.replace("name: p", "name: q").replace("url: x", "url: z"));
    undo(store);
    undo(store);
    type(store, "w");
    expect(store.getState().text).toBe(before.replace("url: x", "url: w"));
  });
});
