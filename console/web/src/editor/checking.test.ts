import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Api } from "../api/client";
import { keepChecked } from "./checking";
import { aText } from "./document/building";
import { createEditorStore, type EditorStore, setText } from "./store";

const TEXT = aText("  - {id: a, type: log}\n");
const PROBLEM = { pointer: "/nodes/0", line: null, column: null, code: "missing", message: "no", hint: "" };

/** What the server answers to the next checks, the last for ever; an error is no answer at all. */
let answers: (() => Response)[];
let asked: string[];
let store: EditorStore;
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  vi.stubGlobal("fetch", async (_: string, { body }: RequestInit) => {
    asked.push(String(body));
    return (answers.length > 1 ? answers.shift() : answers[0])?.();
  });
  store = createEditorStore({ name: "p", text: TEXT, etag: '"1"' });
});

afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const checked = () => Response.json({ valid: false, problems: [PROBLEM] });
const away = () => {
  throw new TypeError("no network");
};

async function begin(...given: (() => Response)[]): Promise<void> {
  answers = given;
  stop = keepChecked(store, new Api("/api/v1", "default"), () => 0.5);
  await vi.advanceTimersByTimeAsync(0);
}

it("says that the text is not checked and why, and checks again until it is", async () => {
  await begin(away, () => Response.json({ detail: "too busy" }, { status: 503 }), checked);
  expect(store.getState().unchecked).toContain("can't be reached");
  await vi.advanceTimersByTimeAsync(1000);
  expect(store.getState().unchecked).toBe("too busy");
  await vi.advanceTimersByTimeAsync(1999);
  expect(asked).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(store.getState()).toMatchObject({ unchecked: "", problems: [PROBLEM], checkedText: TEXT });
});

it("does not send again what is refused as it is, but the next text", async () => {
  await begin(() => Response.json({ detail: "the document is too long" }, { status: 413 }), checked);
  expect(store.getState().unchecked).toBe("the document is too long");
  await vi.advanceTimersByTimeAsync(120_000);
  expect(asked).toEqual([TEXT]);
  setText(store, `${TEXT}# shorter\n`, { label: "Type YAML" });
  await vi.advanceTimersByTimeAsync(300);
  expect(store.getState()).toMatchObject({ unchecked: "", checkedText: `${TEXT}# shorter\n` });
});

it("asks no more once it is stopped", async () => {
  await begin(away);
  stop();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(asked).toHaveLength(1);
});
