/** For tests of forms: draws them on a page of their own, and does what hands do there. */

import { act, type ReactNode } from "react";
import { beforeEach, vi } from "vitest";
import { Api } from "../../api/client";
import * as page from "../../testing/page";
import { TYPES } from "../document/building";
import type { NodeTypes } from "../document/connecting";
import { createEditorStore, EditorContext, type EditorParts } from "../store";

/** A page for each test of the file, from which nothing is sent. */
export function onAPage(): void {
  page.onAPage();
  beforeEach(() => {
    vi.stubGlobal(
      "fetch",
      vi.fn(() => Promise.reject(new Error("nothing is to be sent"))),
    );
  });
}

/** An editor of a text that is saved as `p`. */
export function anEditor(text: string, types: NodeTypes = TYPES): EditorParts {
  const store = createEditorStore({ name: "p", text, etag: "" });
  return { store, api: new Api("/api/v1", "default"), types, namespace: "default", mayChange: true, schema: {} };
}

export function draw(parts: EditorParts, content: ReactNode): void {
  page.draw(<EditorContext value={parts}>{content}</EditorContext>);
}

/** What short messages say. */
export function told(): string {
  return [...document.querySelectorAll(".flash")].map((each) => each.textContent).join("\n");
}

/** The control with this label. */
export function field(name: string): HTMLInputElement {
  const label = [...document.querySelectorAll("label")].find((each) => each.textContent?.replace("*", "") === name);
  const found = label ? document.getElementById(label.htmlFor) : document.querySelector(`[aria-label="${name}"]`);
  if (found === null) throw new Error(`there is no field ${name}`);
  return found as HTMLInputElement;
}

export function type(into: HTMLElement, value: string): void {
  act(() => {
    into.focus();
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(into), "value")?.set?.call(into, value);
    into.dispatchEvent(new Event(into instanceof HTMLSelectElement ? "change" : "input", { bubbles: true }));
  });
}

export function click(name: string): void {
  const button = [...document.querySelectorAll("button")].find(
    (each) => each.textContent?.trim() === name || each.getAttribute("aria-label") === name,
  );
  if (button === undefined) throw new Error(`there is no button ${name}`);
  act(() => button.click());
}
