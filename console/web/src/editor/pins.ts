/** Pins of a saved pipeline outlive the page: this browser keeps them until they are cleared. They are no part of the text. */

import { flash } from "../shell/flash";
import type { EditorStore } from "./store";

const NOT_KEPT =
  "This browser has no room to keep the pins: they count until you leave this page. Unpin large outputs to keep the others.";

/** Take up what this browser keeps for the pipeline, and keep what changes from now on. Returns how to stop. */
export function keepPins(store: EditorStore, namespace: string, storage: Storage | null): () => void {
  const key = () => `flume.editor.pins/${namespace}/${store.getState().saved.name}`;
  const kept = read(storage, key());
  if (kept.size > 0) store.setState({ pins: kept });
  return store.subscribe((state, before) => {
    const isOther = state.pins !== before.pins || state.saved.name !== before.saved.name;
    if (!isOther || state.saved.name === "") return;
    if (!write(storage, key(), state.pins)) flash(NOT_KEPT, "problem");
  });
}

function read(storage: Storage | null, key: string): ReadonlyMap<string, unknown> {
  try {
    return new Map(Object.entries(JSON.parse(storage?.getItem(key) ?? "{}") as Record<string, unknown>));
  } catch {
    return new Map();
  }
}

/** Returns whether all of them are kept. If they do not fit, none are: older ones would not be those on the canvas. */
function write(storage: Storage | null, key: string, pins: ReadonlyMap<string, unknown>): boolean {
  try {
    if (pins.size === 0) storage?.removeItem(key);
    else storage?.setItem(key, JSON.stringify(Object.fromEntries(pins)));
    return true;
  } catch {
    storage?.removeItem(key);
    return false;
  }
}

/** The browser's storage; null where it is forbidden to pages. */
export function ownStorage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}
