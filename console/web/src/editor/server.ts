/** What the editor asks the server for: whether a text is right, to save it, and what others saved. */

import { type Api, ApiProblem, consoleHeaders, explain } from "../api/client";
import type { PipelineDetailRecord, ProblemItem, ValidationRecord } from "../api/schema";
import { flash } from "../shell/flash";
import { type EditorStore, isUnsaved, select } from "./store";

const YAML = "application/yaml";
/** A text is checked when its writer pauses for so long. */
const PAUSE_MS = 300;

interface Sent {
  readonly method?: "GET" | "POST" | "PUT";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** Like `Api.call`, with text instead of JSON, and without leaving the page of somebody who is not logged in any more. */
async function send(address: string, { method = "GET", headers = {}, body, signal }: Sent): Promise<Response> {
  return fetch(address, {
    method,
    headers: {
      Accept: "application/json",
      ...consoleHeaders(),
      ...(body !== undefined && { "Content-Type": YAML }),
      ...headers,
    },
    body: body ?? null,
    signal: signal ?? null,
  });
}

/** An answer that is no success, with what is wrong with the document, if that is why. */
class Refusal extends ApiProblem {
  readonly problems: readonly ProblemItem[];

  constructor(
    status: number,
    given: { code?: string; detail?: string; hint?: string; problems?: readonly ProblemItem[] | null },
  ) {
    super(status, given.code ?? "", given.detail ?? `The server answered ${status}`, given.hint ?? "");
    this.problems = given.problems ?? [];
  }
}

async function refusalOf(response: Response): Promise<Refusal> {
  const given = (await response.json().catch(() => ({}))) as ConstructorParameters<typeof Refusal>[1];
  return new Refusal(response.status, given);
}

/** Keeps the problems of the store true to its text. Returns how to stop. */
export function keepChecked(store: EditorStore, api: Api): () => void {
  let timer = 0;
  let running: AbortController | null = null;
  const check = async () => {
    running?.abort();
    running = new AbortController();
    const { text } = store.getState();
    try {
      const address = api.address("/pipelines:validate");
      const response = await send(address, { method: "POST", body: text, signal: running.signal });
      if (!response.ok) return;
      const { problems } = (await response.json()) as ValidationRecord;
      store.setState({ problems, checkedText: text });
    } catch {
      // Aborted by a newer text, or the server is away: then saving says so.
    }
  };
  const schedule = () => {
    clearTimeout(timer);
    timer = window.setTimeout(check, PAUSE_MS);
  };
  const stop = store.subscribe((state, before) => {
    if (state.text !== before.text) schedule();
  });
  void check();
  return () => {
    stop();
    clearTimeout(timer);
    running?.abort();
  };
}

/** Save the text. What stands in the way is told; a change of somebody else's is kept in `theirs`, to be compared. */
export async function save(store: EditorStore, api: Api, namespace: string): Promise<boolean> {
  const { text, saved, isSaving } = store.getState();
  if (isSaving) return false;
  store.setState({ isSaving: true });
  try {
    const response = await putText(api, saved.name, saved.etag, text);
    if (response.status === 412) return await meetTheirs(store, api);
    if (!response.ok) throw await refusalOf(response);
    const record = (await response.json()) as PipelineDetailRecord;
    store.setState({ saved: { name: record.name, text, etag: response.headers.get("etag") ?? "" }, theirs: null });
    if (saved.name === "") enter(record.name, namespace);
    flash(record.version ? `Saved as version ${record.version}.` : "Saved as a draft.");
    return true;
  } catch (error) {
    tell(store, error);
    return false;
  } finally {
    store.setState({ isSaving: false });
  }
}

function putText(api: Api, name: string, etag: string, text: string): Promise<Response> {
  if (name === "") return send(api.address("/pipelines"), { method: "POST", body: text });
  return send(pathOf(api, name), { method: "PUT", body: text, headers: { "If-Match": etag } });
}

function pathOf(api: Api, name: string): string {
  return api.address(`/pipelines/${encodeURIComponent(name)}`);
}

function tell(store: EditorStore, error: unknown): void {
  if (error instanceof Refusal && error.status === 401) {
    flash("You are not logged in any more. Log in in another tab, then save again here.", "problem");
    return;
  }
  if (error instanceof Refusal && error.problems.length > 0) {
    store.setState({ problems: error.problems, checkedText: store.getState().text });
    flash("It is not saved: mend what the list of problems names first.", "problem");
    return;
  }
  flash(explain(error), "problem");
}

/** From now on the page is that of a saved pipeline. */
function enter(name: string, namespace: string): void {
  const query = namespace === "default" ? "" : `?namespace=${encodeURIComponent(namespace)}`;
  history.replaceState(history.state, "", `/pipelines/${encodeURIComponent(name)}/edit${query}`);
  document.title = document.title.replace(/^.* · /, `Edit ${name} · `);
  const heading = document.querySelector(".page__head h1");
  if (heading !== null) heading.textContent = name;
}

/** Somebody else saved: fetch what, so that it can be compared. */
async function meetTheirs(store: EditorStore, api: Api): Promise<false> {
  const response = await send(pathOf(api, store.getState().saved.name), { headers: { Accept: YAML } });
  if (!response.ok) throw await refusalOf(response);
  store.setState({ theirs: { text: await response.text(), etag: response.headers.get("etag") ?? "" } });
  return false;
}

/** Look whether somebody else saved meanwhile. An unchanged text follows them; a changed one is told. */
export async function lookForTheirs(store: EditorStore, api: Api): Promise<void> {
  const { saved, theirs } = store.getState();
  if (saved.name === "" || theirs !== null) return;
  const headers = { Accept: YAML, "If-None-Match": saved.etag };
  const response = await send(pathOf(api, saved.name), { headers }).catch(() => null);
  if (response === null || response.status !== 200) return;
  const found = { text: await response.text(), etag: response.headers.get("etag") ?? "" };
  if (store.getState().saved !== saved || found.etag === saved.etag) return;
  if (found.text === saved.text) store.setState({ saved: { ...saved, etag: found.etag } });
  else store.setState({ theirs: found });
}

/** Go on from what they saved: mine can be brought back by undoing. */
export function takeTheirs(store: EditorStore, setText: (text: string) => void): void {
  const { theirs, saved } = store.getState();
  if (theirs === null) return;
  setText(theirs.text);
  store.setState({ saved: { ...saved, ...theirs }, theirs: null });
  select(store, []);
}

/** Keep mine: the next save replaces what they saved. */
export function keepMine(store: EditorStore): void {
  const { theirs, saved } = store.getState();
  if (theirs !== null) store.setState({ saved: { ...saved, ...theirs }, theirs: null });
}

/** Ask before the page is left with something unsaved. */
export function guardLeaving(store: EditorStore): () => void {
  const ask = (event: BeforeUnloadEvent) => {
    if (isUnsaved(store.getState())) event.preventDefault();
  };
  window.addEventListener("beforeunload", ask);
  return () => window.removeEventListener("beforeunload", ask);
}
