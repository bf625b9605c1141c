// @vitest-environment happy-dom
import { act, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Api } from "../../api/client";
import { aText, TYPES } from "../document/building";
import { createEditorStore, EditorContext, type EditorParts } from "../store";
import { Chooser } from "./Chooser";
import { Conflict } from "./Conflict";
import { Palette } from "./Palette";

let root: Root;
let parts: EditorParts;

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  document.body.innerHTML = '<main id="main" tabindex="-1"><button id="before"></button><div id="place"></div></main>';
  root = createRoot(document.querySelector("#place") as HTMLElement);
  const store = createEditorStore({ name: "p", text: aText("  - {id: a, type: log}\n"), etag: "" });
  parts = { store, api: new Api("/api/v1", "x"), types: TYPES, namespace: "x", mayChange: true, schema: {} };
});

afterEach(() => {
  act(() => root.unmount());
  vi.unstubAllGlobals();
});

function draw(content: ReactNode): void {
  act(() => root.render(<EditorContext value={parts}>{content}</EditorContext>));
}

function button(name: string): HTMLButtonElement {
  return [...document.querySelectorAll("button")].find((each) => each.textContent === name) as HTMLButtonElement;
}

describe("an entry of the palette", () => {
  it("that was dragged is added by the next key all the same, and not twice by the drag", () => {
    const dropped = vi.fn();
    draw(<Palette onDrop={dropped} />);
    const entry = button("log");
    entry.setPointerCapture = () => undefined;
    const point = (type: string, x: number) =>
      act(() => entry.dispatchEvent(new PointerEvent(type, { clientX: x, bubbles: true, pointerId: 1, button: 0 })));
    const count = () => parts.store.getState().pipeline.view.nodes.length;
    point("pointerdown", 0);
    point("pointermove", 60);
    point("pointerup", 60);
    act(() => entry.dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 1 })));
    expect(dropped).toHaveBeenCalledOnce();
    expect(count()).toBe(1);
    point("pointerdown", 0);
    point("pointermove", 60);
    point("pointerup", 60);
    act(() => entry.dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 0 })));
    expect(count()).toBe(2);
  });
});

describe("what somebody else saved", () => {
  it("is asked about again by the next save when the browser closed the dialog", () => {
    draw(<Conflict />);
    act(() => parts.store.setState({ theirs: { text: "", etag: "2", lineBreak: "\n" } }));
    act(() => document.querySelector("dialog")?.dispatchEvent(new Event("close")));
    expect(parts.store.getState().theirs).toBeNull();
    expect(document.querySelector("dialog")).toBeNull();
  });
});

describe("the focus", () => {
  const opener = () => document.querySelector<HTMLElement>("#before");
  const theirs = { text: aText("  - {id: b, type: log}\n"), etag: "2", lineBreak: "\n" as const };

  it.each(["Go on with theirs", "Keep mine, to be saved over theirs"])("is where it was after: %s", (choice) => {
    draw(<Conflict />);
    opener()?.focus();
    act(() => parts.store.setState({ theirs }));
    act(() => button(choice).focus());
    act(() => button(choice).click());
    expect(document.activeElement).toBe(opener());
  });

  it("is in the page's content where the place of before is gone", () => {
    draw(<Conflict />);
    opener()?.focus();
    act(() => parts.store.setState({ theirs }));
    opener()?.remove();
    act(() => button("Go on with theirs").click());
    expect(document.activeElement?.id).toBe("main");
  });

  it("is where it was also after a list that another one led to", () => {
    opener()?.focus();
    const list = (label: string) => <Chooser key={label} label={label} choices={[]} onClose={() => undefined} />;
    draw(list("one"));
    draw(list("two"));
    draw(null);
    expect(document.activeElement).toBe(opener());
  });

  it("is where it was after something was chosen from a list", () => {
    opener()?.focus();
    const choices = [{ key: "a", title: "Tidy up", detail: "", onChoose: () => undefined }];
    draw(<Chooser label="What shall be done?" choices={choices} onClose={() => draw(null)} />);
    act(() => document.querySelector<HTMLElement>(".chooser__choice")?.click());
    draw(null);
    expect(document.activeElement).toBe(opener());
  });
});
