// @vitest-environment happy-dom
import { act, type ReactNode } from "react";
import { expect, test, vi } from "vitest";
import { Api } from "../api/client";
import { Boundary } from "../graph/Boundary";
import { draw, onAPage } from "../testing/page";
import { aText } from "./document/building";
import { createEditorStore, type EditorParts, setText } from "./store";
import { UnsavedText } from "./UnsavedText";

const SAVED = aText("  - {id: a, type: log}\n");

onAPage({ onCaughtError: () => {} });

function Broken(): ReactNode {
  throw new Error("no box");
}

function drawBroken(typed: string): EditorParts {
  const store = createEditorStore({ name: "p", text: SAVED, etag: '"1"' });
  setText(store, typed, { label: "Type YAML" });
  const api = new Api("/api/v1", "default");
  const parts = { store, api, types: new Map(), namespace: "default", mayChange: true, schema: {} };
  const rest = <UnsavedText parts={parts} />;
  draw(
    <Boundary what="The editor" advice="Load the page again." onFailure={() => undefined} rest={rest}>
      <Broken />
    </Boundary>,
  );
  return parts;
}

function leave(): Event {
  const leaving = new Event("beforeunload", { cancelable: true });
  window.dispatchEvent(leaving);
  return leaving;
}

test("an editor that can't be drawn leaves the text that is not saved, and asks before that is left", () => {
  drawBroken(`${SAVED}# mine\n`);
  expect(document.querySelector("[role=alert]")?.textContent).toContain("The editor can't be drawn (no box)");
  expect(document.querySelector("textarea")?.value).toBe(`${SAVED}# mine\n`);
  expect(leave().defaultPrevented).toBe(true);
});

test("it can be saved from there, and there is nothing to lose then", async () => {
  const sent: RequestInit[] = [];
  vi.stubGlobal("fetch", async (_: string, call: RequestInit) => {
    sent.push(call);
    return Response.json({ name: "p", version: 2 }, { headers: { etag: '"2"' } });
  });
  const { store } = drawBroken(`${SAVED}# mine\n`);
  await act(async () => document.querySelector("button")?.click());
  await vi.waitFor(() => expect(store.getState().saved.etag).toBe('"2"'));
  expect(sent[0]?.body).toBe(`${SAVED}# mine\n`);
  await act(async () => undefined);
  expect(document.querySelector("textarea")).toBeNull();
  expect(leave().defaultPrevented).toBe(false);
});

test("without anything unsaved the sentence stands alone", () => {
  drawBroken(SAVED);
  expect(document.body.textContent).toBe("The editor can't be drawn (no box). Load the page again.");
});
