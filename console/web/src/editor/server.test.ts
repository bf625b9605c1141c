// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Api } from "../api/client";
import { aText } from "./document/building";
import { keepMine, lookForTheirs, save } from "./server";
import { createEditorStore, type EditorStore, isUnsaved, select, setText, undo } from "./store";

const FIRST = aText("  - {id: a, type: log}\n");
const API = new Api("/api/v1", "default");

/** Keeps texts by name, as the server does; `loses` says of which of the next answers nothing arrives. */
class FakeServer {
  readonly texts = new Map<string, { readonly text: string; readonly rev: number }>();
  loses: ("call" | "answer" | "failure")[] = [];
  /** Answers to saves come when this is over. */
  holding: Promise<unknown> = Promise.resolve();

  readonly fetch = async (address: string, { method, headers, body }: RequestInit): Promise<Response> => {
    const loss = this.loses.shift();
    if (loss === "call") throw new TypeError("no network");
    const answer = this.#answer(address, method ?? "GET", headers as Record<string, string>, body as string);
    if (method === "PUT") await this.holding;
    if (loss === "answer") throw new TypeError("no network");
    return loss === "failure" ? Response.json({ detail: "no answer from the orchestrator" }, { status: 502 }) : answer;
  };

  put(name: string, text: string): void {
    this.texts.set(name, { text, rev: (this.texts.get(name)?.rev ?? 0) + 1 });
  }

  #answer(address: string, method: string, headers: Record<string, string>, body: string): Response {
    const name = method === "POST" ? "p" : (address.split("/").at(-1) ?? "");
    const found = this.texts.get(name);
    if (method === "GET") {
      if (found === undefined) return Response.json({ detail: "no such pipeline" }, { status: 404 });
      if (headers["If-None-Match"] === `"${found.rev}"`) return new Response(null, { status: 304 });
      return new Response(found.text, { headers: { etag: `"${found.rev}"` } });
    }
    if (method === "POST" && found !== undefined) return Response.json({ detail: "p exists" }, { status: 409 });
    if (method === "PUT" && headers["If-Match"] !== `"${found?.rev}"`) return Response.json({}, { status: 412 });
    this.put(name, body);
    const rev = this.texts.get(name)?.rev;
    return Response.json({ name, version: rev }, { headers: { etag: `"${rev}"` } });
  }
}

let server: FakeServer;

beforeEach(() => {
  server = new FakeServer();
  vi.stubGlobal("fetch", server.fetch);
});

afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

function opened(text = FIRST): EditorStore {
  server.put("p", text);
  return createEditorStore({ name: "p", text, etag: '"1"' });
}

function type(store: EditorStore, more: string): void {
  setText(store, store.getState().text + more, { label: "Type YAML" });
}

const told = () => [...document.querySelectorAll(".flash > span")].map((each) => each.textContent);
const saving = (store: EditorStore) => save(store, API, "default");

describe("a save whose answer is lost", () => {
  it.each(["answer", "failure"] as const)("is found to have arrived (%s)", async (loss) => {
    const store = opened();
    type(store, "# one\n");
    server.loses = [loss];
    expect(await saving(store)).toBe(true);
    expect(isUnsaved(store.getState())).toBe(false);
    type(store, "# two\n");
    expect(await saving(store)).toBe(true);
    expect(store.getState().theirs).toBeNull();
    expect(server.texts.get("p")).toEqual({ text: `${FIRST}# one\n# two\n`, rev: 3 });
  });

  it("and whose arrival can't be found out is nobody else's at the next save, which may be of another text", async () => {
    const store = opened();
    type(store, "# one\n");
    server.loses = ["answer", "call"];
    expect(await saving(store)).toBe(false);
    expect(told()).toEqual([expect.stringContaining("It is not known whether this is saved")]);
    type(store, "# two\n");
    expect(await saving(store)).toBe(true);
    expect(store.getState().theirs).toBeNull();
    expect(server.texts.get("p")?.text).toBe(`${FIRST}# one\n# two\n`);
  });

  it("makes a new pipeline once, and goes on with it", async () => {
    const store = createEditorStore({ name: "", text: FIRST, etag: "" });
    server.loses = ["answer", "call"];
    expect(await saving(store)).toBe(false);
    type(store, "# more\n");
    expect(await saving(store)).toBe(true);
    expect(store.getState().saved).toMatchObject({ name: "p", text: `${FIRST}# more\n` });
    expect(server.texts.get("p")).toEqual({ text: `${FIRST}# more\n`, rev: 2 });
  });

  it("is looked for by the name that was sent, whatever is typed meanwhile", async () => {
    const store = createEditorStore({ name: "", text: FIRST, etag: "" });
    server.loses = ["answer"];
    const saved = saving(store);
    setText(store, "metadata: {name: [", { label: "Type YAML" });
    expect(await saved).toBe(true);
    expect(store.getState().saved).toMatchObject({ name: "p", text: FIRST, etag: '"1"' });
    expect(isUnsaved(store.getState())).toBe(true);
  });

  it("does not hide that somebody else saved", async () => {
    const store = opened();
    type(store, "# mine\n");
    server.loses = ["call"];
    server.put("p", `${FIRST}# theirs\n`);
    expect(await saving(store)).toBe(false);
    expect(store.getState().theirs?.text).toBe(`${FIRST}# theirs\n`);
    keepMine(store);
    expect(await saving(store)).toBe(true);
    expect(server.texts.get("p")?.text).toBe(`${FIRST}# mine\n`);
  });

  it("that never arrived is told, and nothing is taken as saved", async () => {
    const store = opened();
    type(store, "# mine\n");
    server.loses = ["call"];
    expect(await saving(store)).toBe(false);
    expect(isUnsaved(store.getState())).toBe(true);
    expect(told()).toHaveLength(1);
  });

  it("ends by itself when no answer comes for long", async () => {
    const store = opened();
    const limit = new AbortController();
    vi.spyOn(AbortSignal, "timeout").mockReturnValue(limit.signal);
    vi.stubGlobal("fetch", async (_: string, { signal }: RequestInit) => {
      if (signal?.aborted !== true) await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      throw signal?.reason;
    });
    const saved = saving(store);
    expect(store.getState().isSaving).toBe(true);
    limit.abort();
    expect(await saved).toBe(false);
    expect(store.getState().isSaving).toBe(false);
    vi.restoreAllMocks();
  });
});

it("a new pipeline whose name is taken by another is refused as ever", async () => {
  server.put("p", "theirs");
  const store = createEditorStore({ name: "", text: FIRST, etag: "" });
  expect(await saving(store)).toBe(false);
  expect(told()).toEqual(["p exists"]);
  expect(store.getState().saved.name).toBe("");
});

describe("a file with CRLF", () => {
  const windows = FIRST.replaceAll("\n", "\r\n");

  it("is no other text for being opened, and is saved with its line breaks", async () => {
    const store = opened(windows);
    expect(store.getState().text).toBe(FIRST);
    expect(isUnsaved(store.getState())).toBe(false);
    type(store, "# more\n");
    expect(await saving(store)).toBe(true);
    expect(server.texts.get("p")?.text).toBe(`${windows}# more\r\n`);
  });

  it("that somebody else saved is told with our line breaks", async () => {
    const store = opened();
    type(store, "# mine\n");
    server.put("p", `${windows}# theirs\r\n`);
    await lookForTheirs(store, API);
    expect(store.getState().theirs).toMatchObject({ text: `${FIRST}# theirs\n`, lineBreak: "\r\n" });
  });
});

describe("what somebody else saved", () => {
  const theirs = FIRST.replace("id: a", "id: a, name: theirs");

  it("is followed by a text that was not changed, with what is selected, and can be taken back", async () => {
    const store = opened();
    select(store, ["a"]);
    server.put("p", theirs);
    await lookForTheirs(store, API);
    const state = store.getState();
    expect(state).toMatchObject({ text: theirs, theirs: null, saved: { text: theirs, etag: '"2"' } });
    expect(state.pipeline.view.byId.get("a")?.name).toBe("theirs");
    expect([...state.selected]).toEqual(["a"]);
    expect(told()).toEqual([expect.stringContaining("Somebody else saved this pipeline meanwhile")]);
    undo(store);
    expect(store.getState().text).toBe(FIRST);
    expect(isUnsaved(store.getState())).toBe(true);
  });

  it("is told where the text was changed, also while it was asked for", async () => {
    const store = opened();
    server.put("p", theirs);
    const looking = lookForTheirs(store, API);
    type(store, "# mine\n");
    await looking;
    expect(store.getState()).toMatchObject({ text: `${FIRST}# mine\n`, theirs: { text: theirs } });
  });

  it("is not what is being saved here at this moment", async () => {
    const store = opened();
    type(store, "# mine\n");
    let answer: (_?: unknown) => void = () => undefined;
    server.holding = new Promise((resolve) => {
      answer = resolve;
    });
    const saved = saving(store);
    type(store, "# typed on\n");
    await lookForTheirs(store, API);
    expect(store.getState().theirs).toBeNull();
    answer();
    expect(await saved).toBe(true);
    expect(store.getState()).toMatchObject({ theirs: null, saved: { etag: '"2"' } });
  });
});
