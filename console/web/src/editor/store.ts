/**
 * What the editor knows. The text is the state; what is derived from it, such as the graph, is kept beside it so that it is
 * read once per change. Of a text that can't be read the last graph stays, and the canvas can't be changed until it can.
 */

import { createContext, useContext } from "react";
import { useStore } from "zustand";
import { createStore, type StoreApi } from "zustand/vanilla";
import type { Api } from "../api/client";
import type { NodeStatus, ProblemItem } from "../api/schema";
import type { RunParts } from "../run/store";
import { flash } from "../shell/flash";
import { type Derived, derived } from "./derived";
import type { NodeTypes } from "./document/connecting";
import { EditRefused } from "./document/edits";
import { type History, NO_HISTORY, recorded, redone, undone } from "./document/history";
import { type Lines, readLines } from "./document/lines";
import type { Pipeline } from "./document/pipeline";
import { countDrafts, type Draft } from "./drafts";

/** The pipeline as the server gives it, with the line breaks of its file. `name` is empty for one that never was saved. */
export interface SavedFile {
  readonly name: string;
  readonly text: string;
  readonly etag: string;
}

/** The same with our line breaks. */
export type Saved = SavedFile & Lines;

/** What somebody else saved while this was being edited. */
export interface Theirs extends Lines {
  readonly etag: string;
}

/** A node in an item of a loop, such as `each[3].fetch`. */
export interface BodyState {
  readonly instance: string;
  readonly index: number;
  readonly status: NodeStatus;
}

export interface EditorState extends Derived {
  readonly history: History;
  /** The field that is typed into, and the pipeline before the first letter. */
  readonly editing: { readonly of: string; readonly base: Pipeline } | null;
  /** What stands in fields and is not in the text, by field. */
  readonly drafts: ReadonlyMap<string, Draft>;
  readonly saved: Saved;
  readonly isSaving: boolean;
  readonly theirs: Theirs | null;
  /** Texts that were sent to be saved, of which no answer told what became. */
  readonly unanswered: ReadonlySet<string>;
  /** What the server finds wrong with `checkedText`. */
  readonly problems: readonly ProblemItem[];
  readonly checkedText: string | null;
  /** Why the text can't be checked at present; empty while it can. */
  readonly unchecked: string;
  readonly selected: ReadonlySet<string>;
  readonly selectedEdge: string | null;
  /** The latest test run, whose states the canvas shows. */
  readonly run: RunParts | null;
  readonly stopRun: (() => void) | null;
  /** States of nodes in bodies of loops, of the one item that is shown; by node. */
  readonly bodies: ReadonlyMap<string, BodyState>;
  /** Outputs that test runs take instead of running a node. */
  readonly pins: ReadonlyMap<string, unknown>;
  /** Outputs that are known from runs, for completion and for pinning. */
  readonly outputs: ReadonlyMap<string, unknown>;
  /** What test runs are started with, as JSON. */
  readonly testData: string;
}

export type EditorStore = StoreApi<EditorState>;

export interface EditorParts {
  readonly store: EditorStore;
  readonly api: Api;
  readonly types: NodeTypes;
  readonly namespace: string;
  /** Whether this visitor may save and run; the server decides, this only tells. */
  readonly mayChange: boolean;
  readonly schema: Schema;
}

/** A JSON Schema as the server gives it. */
export type Schema = Readonly<Record<string, unknown>>;

export function createEditorStore(file: SavedFile): EditorStore {
  const saved: Saved = { ...file, ...readLines(file.text) };
  return createStore<EditorState>(() => ({
    ...derived(saved.text, null),
    history: NO_HISTORY,
    editing: null,
    drafts: new Map(),
    saved,
    isSaving: false,
    theirs: null,
    unanswered: new Set(),
    problems: [],
    checkedText: null,
    unchecked: "",
    selected: new Set<string>(),
    selectedEdge: null,
    run: null,
    stopRun: null,
    bodies: new Map(),
    pins: new Map(),
    outputs: new Map(),
    testData: "{}",
  }));
}

export function isUnsaved(state: EditorState): boolean {
  return state.text !== state.saved.text || countDrafts(state) > 0;
}

export interface Change {
  /** What is done, for the buttons that take it back: "Delete fetch". */
  readonly label: string;
  /** The field that is typed into: changes of it that follow each other are taken back together. */
  readonly of?: string;
  readonly select?: readonly string[];
}

/** Take another text, with whatever line breaks, as one step that can be taken back. */
export function setText(store: EditorStore, text: string, what: Change): void {
  take(store, derived(readLines(text).text, store.getState().pipeline), what, null);
}

function take(
  store: EditorStore,
  after: Derived,
  { label, of = "", select }: Change,
  editing: EditorState["editing"],
): void {
  store.setState((state) => {
    if (after.text === state.text) return { editing, ...(select !== undefined && selection(select)) };
    const history = recorded(state.history, { text: state.text, label }, of, Date.now());
    return { ...after, history, editing, ...selection(select ?? [...state.selected], after.pipeline) };
  });
}

/**
 * Change the pipeline by an operation. What the text does not allow is told, and changes nothing. Returns whether it was done.
 *
 * A change of a field (`of`) that follows another of the same field is made to the text as it was before the first: what
 * half of a word needed, such as quotes for `http:`, is gone when the word is whole.
 */
export function change(store: EditorStore, what: Change, edit: (pipeline: Pipeline) => string): boolean {
  const { pipeline, faults, editing } = store.getState();
  if (faults.length > 0) {
    flash("The YAML can't be read, so the graph can't be changed. Mend the YAML first.", "problem");
    return false;
  }
  const { of } = what;
  const base = of !== undefined && editing?.of === of ? editing.base : pipeline;
  try {
    take(store, readable(edit(base), pipeline), what, of === undefined ? null : { of, base });
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const advice = error instanceof EditRefused ? "" : " Do it in the YAML.";
    flash(`That can't be done: ${reason}.${advice}`, "problem");
    return false;
  }
}

/** What an operation gives must be readable, or nothing could be done to it any more but by hand. */
function readable(text: string, before: Pipeline): Derived {
  const after = derived(text, before);
  const [fault] = after.faults;
  if (fault !== undefined) throw new Error(`the YAML could not be read afterwards (${fault.message})`);
  return after;
}

export function undo(store: EditorStore): void {
  moveTo(store, undone(store.getState().history, store.getState().text));
}

export function redo(store: EditorStore): void {
  moveTo(store, redone(store.getState().history, store.getState().text));
}

function moveTo(store: EditorStore, moved: ReturnType<typeof undone>): void {
  if (moved === null) return;
  store.setState((state) => {
    const after = derived(moved.text, state.pipeline);
    return { ...after, history: moved.history, editing: null, ...selection([...state.selected], after.pipeline) };
  });
}

export function select(store: EditorStore, ids: readonly string[]): void {
  store.setState((state) => selection(ids, state.pipeline));
}

export function selectEdge(store: EditorStore, key: string | null): void {
  store.setState({ selectedEdge: key, ...(key !== null && { selected: new Set<string>() }) });
}

function selection(ids: readonly string[], pipeline?: Pipeline): Pick<EditorState, "selected" | "selectedEdge"> {
  return {
    selected: new Set(ids.filter((id) => pipeline === undefined || pipeline.view.byId.has(id))),
    selectedEdge: null,
  };
}

export const EditorContext = createContext<EditorParts | null>(null);

export function useEditorParts(): EditorParts {
  const parts = useContext(EditorContext);
  if (parts === null) throw new Error("a part of the editor was drawn outside of it");
  return parts;
}

export function useEditor<T>(pick: (state: EditorState) => T): T {
  return useStore(useEditorParts().store, pick);
}

/** The only node that is selected; null for none and for several. */
export function onlySelected(state: EditorState): string | null {
  const [id = null] = state.selected;
  return state.selected.size === 1 ? id : null;
}
