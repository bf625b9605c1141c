// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from "vitest";
import { aText } from "./document/building";
import { keepPins } from "./pins";
import { createEditorStore } from "./store";
import { pin, unpin } from "./trying";

/** A browser's storage of so many characters. */
function storageOf(room: number): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    removeItem: (key: string) => kept.delete(key),
    setItem: (key: string, value: string) => {
      if (value.length > room) throw new DOMException("too much", "QuotaExceededError");
      kept.set(key, value);
    },
  } as unknown as Storage;
}

function anEditor(storage: Storage) {
  const store = createEditorStore({ name: "p", text: aText("  - {id: a, type: log}\n"), etag: "1" });
  keepPins(store, "default", storage);
  return store;
}

function told(): readonly string[] {
  return [...document.querySelectorAll(".flash--problem > span")].map((each) => each.textContent ?? "");
}

afterEach(() => document.body.replaceChildren());

describe("pins", () => {
  it("that fit are kept without a word", () => {
    const storage = storageOf(100);
    pin(anEditor(storage), "a", 1);
    expect(told()).toEqual([]);
    expect(anEditor(storage).getState().pins).toEqual(new Map([["a", 1]]));
  });

  it("that do not fit still count, and it is told that they are not kept", () => {
    const storage = storageOf(100);
    const store = anEditor(storage);
    pin(store, "a", 1);
    pin(store, "b", "x".repeat(200));
    expect(told()).toEqual([expect.stringContaining("no room to keep the pins")]);
    expect(store.getState().pins.size).toBe(2);
    expect(anEditor(storage).getState().pins.size).toBe(0);
  });

  it("are kept again once they fit", () => {
    const storage = storageOf(100);
    const store = anEditor(storage);
    pin(store, "b", "x".repeat(200));
    pin(store, "a", 1);
    unpin(store, "b");
    expect(anEditor(storage).getState().pins).toEqual(new Map([["a", 1]]));
  });
});
