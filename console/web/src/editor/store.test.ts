import { describe, expect, it, vi } from "vitest";
import { flash } from "../shell/flash";
import { aText } from "./document/building";
import { EditRefused } from "./document/edits";
import { setField } from "./document/pipeline";
import { viewOf } from "./document/view";
import { change, createEditorStore, isUnsaved, setText, undo } from "./store";

vi.mock("../shell/flash", () => ({ flash: vi.fn() }));
vi.mock("./document/view", async (original) => {
  const view = await original<typeof import("./document/view")>();
  return { ...view, viewOf: vi.fn(view.viewOf) };
});

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

describe("a text that can't be read", () => {
  const before = aText("  - {id: a, type: log, inputs: {message: text}}\n");
  const excessive = `${before}x0: &x0 [1]\n${Array.from({ length: 20 }, (_, step) => `x${step + 1}: &x${step + 1} [*x${step}, *x${step}]\n`).join("")}`;

  it.each([
    ["an alias of nothing", before.replace("text", "*txt")],
    ["an alias in itself", before.replace("text", "&x [*x]")],
    ["aliases beyond all bounds", excessive],
    ["no YAML", before.replace("text", "[")],
    ["lists beyond all bounds", "- ".repeat(3000)],
  ])("is kept as it was typed, with its fault and the graph from before: %s", (_, text) => {
    const store = createEditorStore({ name: "p", text: before, etag: '"1"' });
    const { pipeline } = store.getState();
    setText(store, text, { label: "Type YAML", of: "yaml" });
    expect(store.getState().text).toBe(text);
    expect(store.getState().faults).not.toEqual([]);
    expect(store.getState().pipeline).toBe(pipeline);
    expect(isUnsaved(store.getState())).toBe(true);
    expect(createEditorStore({ name: "p", text, etag: '"1"' }).getState().text).toBe(text);
  });

  it("that the reader does not foresee is kept, and that it can't be read is told", () => {
    const store = createEditorStore({ name: "p", text: before, etag: '"1"' });
    vi.mocked(viewOf).mockImplementationOnce(() => {
      throw new RangeError("too much of it");
    });
    setText(store, `${before}# more\n`, { label: "Type YAML", of: "yaml" });
    expect(store.getState().text).toBe(`${before}# more\n`);
    expect(store.getState().faults).toMatchObject([{ message: "The editor can't read this text (too much of it)" }]);
  });
});

describe("a change that can't be made", () => {
  const before = aText("  - {id: a, type: log}\n");

  it.each([
    ["is refused", new EditRefused("there is a node b already"), "there is a node b already."],
    ["fails", new Error("two changes overlap at 7"), "two changes overlap at 7. Do it in the YAML."],
  ])("because it %s is told and changes nothing", (_, error, reason) => {
    const store = createEditorStore({ name: "p", text: before, etag: '"1"' });
    const done = change(store, { label: "Rename" }, () => {
      throw error;
    });
    expect(done).toBe(false);
    expect(store.getState()).toMatchObject({ text: before, history: { past: [] } });
    expect(flash).toHaveBeenLastCalledWith(`That can't be done: ${reason}`, "problem");
  });

  it("because nobody could read the text afterwards is told and changes nothing", () => {
    const store = createEditorStore({ name: "p", text: before, etag: '"1"' });
    expect(change(store, { label: "Break" }, () => before.replace("log", "*c"))).toBe(false);
    expect(store.getState()).toMatchObject({ text: before, faults: [], history: { past: [] } });
    expect(flash).toHaveBeenLastCalledWith(expect.stringContaining("*c stands for a part"), "problem");
  });
});
