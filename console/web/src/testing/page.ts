/** For tests of what is drawn: a page of their own. */

import { act, type ReactNode } from "react";
import { createRoot, type Root, type RootOptions } from "react-dom/client";
import { afterEach, beforeEach, vi } from "vitest";

let root: Root;

/** An empty page for each test of the file. */
export function onAPage(options: RootOptions = {}): void {
  beforeEach(() => {
    vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
    const place = document.createElement("div");
    document.body.replaceChildren(place);
    root = createRoot(place, options);
  });
  afterEach(() => {
    act(() => root.unmount());
    vi.unstubAllGlobals();
  });
}

/** Draw it there. */
export function draw(content: ReactNode): void {
  act(() => root.render(content));
}

/** Draw it there, and wait for what it does at once. */
export async function drawAndWait(content: ReactNode): Promise<void> {
  await act(async () => root.render(content));
}
