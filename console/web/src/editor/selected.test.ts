// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Api } from "../api/client";
import { commandsOf, runKey } from "./commands";
import { aText, TYPES } from "./document/building";
import { cutSelected, duplicateSelected, pasteFromClipboard, pasteText } from "./selected";
import { createEditorStore, type EditorParts, select, selectEdge, setText } from "./store";

const TEXT = aText("  - {id: a, type: log}\n  - {id: b, type: log}\n", "edges:\n  - {from: a, to: b}\n");
const BROKEN = `${TEXT}  - {from: [\n`;

let parts: EditorParts;

beforeEach(() => {
  document.body.replaceChildren();
  const store = createEditorStore({ name: "", text: TEXT, etag: "" });
  parts = { store, api: {} as Api, types: TYPES, namespace: "default", mayChange: true, schema: {} };
});

afterEach(() => vi.unstubAllGlobals());

const text = () => parts.store.getState().text;
const told = () => [...document.querySelectorAll(".flash")].map((each) => each.textContent);

/** A browser that lets pages copy by themselves, by selecting only, or not at all. */
function browser({ clipboard, selecting }: { readonly clipboard: boolean; readonly selecting: boolean }): string[] {
  const written: string[] = [];
  const writeText = async (each: string) => void written.push(each);
  vi.stubGlobal("navigator", clipboard ? { clipboard: { writeText } } : {});
  document.execCommand = () => {
    if (selecting) written.push((document.activeElement as HTMLTextAreaElement).value);
    return selecting;
  };
  return written;
}

describe("over YAML that can't be read", () => {
  it.each([
    ["pasted", () => pasteText(parts, "nodes:\n  - {id: c, type: log}\n")],
    ["duplicated", () => duplicateSelected(parts)],
  ])("nothing is %s, and why is told", (_, act) => {
    select(parts.store, ["a"]);
    setText(parts.store, BROKEN, { label: "Type YAML" });
    act();
    expect(text()).toBe(BROKEN);
    expect(told().join()).toContain("Mend the YAML first");
  });
});

describe("what is pasted", () => {
  it("is selected", () => {
    pasteText(parts, "nodes:\n  - {id: a, type: log}\n  - {id: c, type: log}\n");
    expect([...parts.store.getState().selected]).toEqual(["a-2", "c"]);
  });

  it("has to hold nodes", () => {
    pasteText(parts, "hello");
    expect(text()).toBe(TEXT);
    expect(told().join()).toContain("holds no nodes");
  });

  it("comes by the key where pages can't read the clipboard, which is told", async () => {
    browser({ clipboard: false, selecting: true });
    await pasteFromClipboard(parts);
    expect(told().join()).toContain("press Ctrl V");
  });
});

describe("cutting", () => {
  it.each([
    ["by itself", { clipboard: true, selecting: false }],
    ["by selecting, where the page is not served over HTTPS", { clipboard: false, selecting: true }],
  ])("copies and deletes: %s", async (_, given) => {
    const written = browser(given);
    select(parts.store, ["b"]);
    await cutSelected(parts);
    expect(written).toEqual(["nodes:\n  - {id: b, type: log}\n"]);
    expect(text()).toBe(aText("  - {id: a, type: log}\n"));
    expect(document.querySelector("textarea")).toBeNull();
  });

  it("deletes nothing that could not be copied", async () => {
    browser({ clipboard: false, selecting: false });
    select(parts.store, ["b"]);
    await cutSelected(parts);
    expect(text()).toBe(TEXT);
    expect(told().join()).toContain("does not let the page copy");
  });

  it("leaves an edge, which can't be copied", async () => {
    browser({ clipboard: true, selecting: true });
    selectEdge(parts.store, "a/out/b");
    await cutSelected(parts);
    expect(text()).toBe(TEXT);
    expect(told().join()).toContain("Delete removes it");
  });
});

describe("a key", () => {
  const nothing = () => undefined;
  const page = { yaml: nothing, commands: nothing, add: nothing, chooseLoop: nothing, fit: nothing };
  const press = (key: string, on: string, ctrlKey = false) => {
    document.body.innerHTML = `<div class="canvas"><button id="card"></button></div>
      <aside class="inspector" tabindex="-1"><button id="button"></button></aside>`;
    const event = new KeyboardEvent("keydown", { key, ctrlKey, bubbles: true });
    document.querySelector(on)?.dispatchEvent(event);
    return runKey(commandsOf(parts, page), event);
  };

  it.each([
    ["Backspace", false],
    ["Delete", false],
    ["x", true],
  ])("of a button beside the canvas takes no node away: %s", (key, withCtrl) => {
    browser({ clipboard: true, selecting: true });
    select(parts.store, ["b"]);
    expect(press(key, "#button", withCtrl)).toBe(false);
    expect(text()).toBe(TEXT);
  });

  it("of a card takes it away", () => {
    select(parts.store, ["b"]);
    expect(press("Backspace", "#card")).toBe(true);
    expect(text()).toBe(aText("  - {id: a, type: log}\n"));
  });
});
