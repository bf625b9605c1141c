/**
 * What stands in fields of forms and is not in the text, as half a list can't be read, or the text could not be changed: it
 * must not be lost, or be left out of what is saved, without a word.
 */

import { flash } from "../shell/flash";
import type { Pipeline } from "./document/pipeline";
import { type Path, spanAt } from "./document/source";
import { pointerOf } from "./document/view";
import { type EditorState, type EditorStore, select } from "./store";

export interface Draft {
  /** The node whose field it is; null for a field of the pipeline. */
  readonly node: string | null;
  /** Of the field: inside of the node, as nodes change their places, or of the whole document. */
  readonly within: Path;
  readonly text: string;
  /** What the document has there. Once it has something else, the draft is of no use. */
  readonly written: string;
}

/** A field of the document that may have a draft. */
export interface FieldPlace {
  readonly node: string | null;
  readonly path: Path;
}

/** The draft of a field, if it has one. */
export function draftAt({ drafts, pipeline }: EditorState, place: FieldPlace): string | undefined {
  if (drafts.size === 0) return undefined;
  const draft = drafts.get(keyOf(pipeline, place));
  return draft !== undefined && isCurrent(draft, pipeline) ? draft.text : undefined;
}

/** Keep what is not in the text; null forgets it. */
export function keepDraft(store: EditorStore, place: FieldPlace, text: string | null): void {
  const { drafts, pipeline } = store.getState();
  const key = keyOf(pipeline, place);
  if (text === null && !drafts.has(key)) return;
  const kept = new Map([...drafts].filter(([other, draft]) => other !== key && isCurrent(draft, pipeline)));
  const draft = { node: place.node, within: within(pipeline, place), written: writtenAt(pipeline, place.path) };
  if (text !== null) kept.set(key, { ...draft, text });
  store.setState({ drafts: kept });
}

/** Let drafts follow their node to another id. */
export function renameDrafts(store: EditorStore, id: string, name: string): void {
  const { drafts } = store.getState();
  if (![...drafts.values()].some((draft) => draft.node === id)) return;
  const renamed = [...drafts].map(([key, draft]): [string, Draft] => {
    const own = { ...draft, node: name };
    return draft.node === id ? [`${name}${pointerOf(draft.within)}`, own] : [key, draft];
  });
  store.setState({ drafts: new Map(renamed) });
}

/** Show and tell what is not in the text yet. Returns whether there is anything: then nothing may be saved or run. */
export function tellDrafts(store: EditorStore): boolean {
  const { drafts, pipeline } = store.getState();
  const found = [...drafts.values()].find((draft) => isCurrent(draft, pipeline));
  if (found === undefined) return false;
  const name = found.within.join(".");
  const owner = found.node === null ? "the pipeline" : found.node;
  flash(`What stands in ${name} of ${owner} is not in the text. Mend it, or take it back, first.`, "problem");
  select(store, found.node === null ? [] : [found.node]);
  requestAnimationFrame(() => requestAnimationFrame(() => showField(pointerOf(placeOf(pipeline, found) ?? []))));
  return true;
}

/** How many fields hold what is not in the text. */
export function countDrafts({ drafts, pipeline }: Pick<EditorState, "drafts" | "pipeline">): number {
  return drafts.size === 0 ? 0 : [...drafts.values()].filter((draft) => isCurrent(draft, pipeline)).length;
}

function isCurrent(draft: Draft, pipeline: Pipeline): boolean {
  const path = placeOf(pipeline, draft);
  return path !== undefined && writtenAt(pipeline, path) === draft.written;
}

function placeOf({ view }: Pipeline, { node, within }: Draft): Path | undefined {
  if (node === null) return within;
  const owner = view.byId.get(node);
  return owner && [...owner.path, ...within];
}

function within({ view }: Pipeline, { node, path }: FieldPlace): Path {
  return path.slice(node === null ? 0 : (view.byId.get(node)?.path.length ?? 0));
}

function keyOf(pipeline: Pipeline, place: FieldPlace): string {
  return `${place.node ?? ""}${pointerOf(within(pipeline, place))}`;
}

function writtenAt({ source }: Pipeline, path: Path): string {
  const span = spanAt(source, path);
  // In a loop, or out of it, its lines are as much further in or out.
  return span === undefined ? "" : source.text.slice(...span).replace(/\n +/g, "\n");
}

function showField(pointer: string): void {
  const fields = document.querySelectorAll<HTMLElement>("[data-place]");
  const field = [...fields].find((each) => each.dataset.place === pointer);
  for (let at = field?.parentElement; at != null; at = at.parentElement)
    if (at instanceof HTMLDetailsElement) at.open = true;
  field?.focus();
}
