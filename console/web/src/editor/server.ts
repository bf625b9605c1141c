/**
 * What the editor does with the server: save the text, and keep up with what others save.
 *
 * A save whose answer is lost may have arrived all the same. So what is found on the server is compared with what was sent,
 * and only what is neither counts as somebody else's.
 */

import { type Api, explain } from "../api/client";
import type { PipelineDetailRecord } from "../api/schema";
import { flash } from "../shell/flash";
import { writeLines } from "./document/lines";
import { tellDrafts } from "./drafts";
import { pathOf, Refusal, readStored, refusalOf, type Stored, send } from "./sending";
import { type EditorState, type EditorStore, isUnsaved, type Saved, select, setText } from "./store";

/** Save the text. What stands in the way is told; a change of somebody else's is kept in `theirs`, to be compared. */
export async function save(store: EditorStore, api: Api, namespace: string): Promise<boolean> {
  if (store.getState().isSaving || tellDrafts(store)) return false;
  store.setState({ isSaving: true });
  try {
    return await saveNow(store, api, namespace);
  } catch (error) {
    tell(store, error);
    return false;
  } finally {
    store.setState({ isSaving: false });
  }
}

async function saveNow(store: EditorStore, api: Api, namespace: string): Promise<boolean> {
  const { text, saved } = store.getState();
  const name = nameToSave(store.getState());
  const answer = await answerTo(api, saved, text);
  if (answer instanceof Error) {
    const found = await foundInstead(store, api, { name, text }, answer);
    if (found === null) throw answer;
    if (!isOurs(store.getState(), text, found)) {
      store.setState({ theirs: found });
      return false;
    }
    take(store, { ...found, name, lineBreak: saved.lineBreak }, namespace);
    // An earlier text of ours had arrived; this one can follow it now.
    if (found.text !== text) return saveNow(store, api, namespace);
    flash("Saved.");
    return true;
  }
  take(store, { ...saved, name: answer.record.name, text, etag: answer.etag }, namespace);
  flash(answer.record.version ? `Saved as version ${answer.record.version}.` : "Saved as a draft.");
  return true;
}

/** What became of a save. A server that failed may have done it all the same. */
async function answerTo(
  api: Api,
  saved: Saved,
  text: string,
): Promise<{ readonly record: PipelineDetailRecord; readonly etag: string } | Refusal | NoAnswer> {
  try {
    const response = await putText(api, saved, text);
    if (response.ok)
      return { record: (await response.json()) as PipelineDetailRecord, etag: response.headers.get("etag") ?? "" };
    const refusal = await refusalOf(response);
    return refusal.status < 500 ? refusal : new NoAnswer(refusal.text);
  } catch (error) {
    return new NoAnswer(explain(error));
  }
}

/** What is on the server where a save met something else, or may have arrived without an answer; null if that is no news. */
async function foundInstead(
  store: EditorStore,
  api: Api,
  { name, text }: Pick<Saved, "name" | "text">,
  answer: Refusal | NoAnswer,
): Promise<Stored | null> {
  const { saved, unanswered } = store.getState();
  const isNew = saved.name === "";
  if (answer instanceof NoAnswer) store.setState({ unanswered: new Set([...unanswered, text]) });
  else if (answer.status !== 412 && !(isNew && answer.status === 409)) return null;
  const found = name === "" ? null : await readStored(api, name).catch(() => null);
  if (found === null || found.etag === saved.etag) return null;
  return isNew && !isOurs(store.getState(), text, found) ? null : found;
}

/** From now on this is what is saved. */
function take(store: EditorStore, saved: Saved, namespace: string): void {
  const isNew = store.getState().saved.name === "";
  store.setState({ saved, theirs: null, unanswered: new Set() });
  if (isNew) enter(saved.name, namespace);
}

function nameToSave({ saved, faults, pipeline }: EditorState): string {
  return saved.name || (faults.length > 0 ? "" : pipeline.view.name);
}

function isOurs({ unanswered }: EditorState, text: string, found: Stored): boolean {
  return found.text === text || unanswered.has(found.text);
}

function putText(api: Api, { name, etag, lineBreak }: Saved, text: string): Promise<Response> {
  const body = writeLines({ text, lineBreak });
  if (name === "") return send(api.address("/pipelines"), { method: "POST", body });
  return send(pathOf(api, name), { method: "PUT", body, headers: { "If-Match": etag } });
}

/** A save of which nobody knows what became; the message says why. */
class NoAnswer extends Error {}

function tell(store: EditorStore, error: unknown): void {
  if (error instanceof NoAnswer) {
    const advice = "Your text is kept here: save again.";
    flash(`It is not known whether this is saved: ${error.message}. ${advice}`, "problem");
    return;
  }
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

/** Look whether somebody else saved meanwhile. An unchanged text follows them; of a changed one it is told. */
export async function lookForTheirs(store: EditorStore, api: Api): Promise<void> {
  const { saved, theirs } = store.getState();
  if (saved.name === "" || theirs !== null) return;
  const found = await readStored(api, saved.name, saved.etag).catch(() => null);
  const state = store.getState();
  if (found === null || state.saved !== saved || state.isSaving || found.etag === saved.etag) return;
  if (found.text === saved.text || isOurs(state, state.text, found)) {
    store.setState({ saved: { ...saved, ...found, lineBreak: saved.lineBreak }, unanswered: new Set() });
  } else if (isUnsaved(state)) {
    store.setState({ theirs: found });
  } else {
    setText(store, found.text, { label: "Follow what somebody else saved" });
    store.setState({ saved: { ...saved, ...found } });
    flash("Somebody else saved this pipeline meanwhile: this is their version. Undo brings back what was here.");
  }
}

/** Go on from what they saved: mine can be brought back by undoing. */
export function takeTheirs(store: EditorStore, put: (text: string) => void): void {
  const { theirs, saved } = store.getState();
  if (theirs === null) return;
  put(theirs.text);
  store.setState({ saved: { ...saved, ...theirs }, theirs: null, unanswered: new Set() });
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
