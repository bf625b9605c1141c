/** What a control of a form is given, and how it reads and changes the place that it stands for. */

import { createContext, useContext, useMemo, useState } from "react";
import { addItem, renameKey, setField } from "../document/pipeline";
import type { Path } from "../document/source";
import { pointerOf } from "../document/view";
import { draftAt, keepDraft } from "../drafts";
import { problemAt } from "../problems";
import { change, type EditorStore, type Schema, useEditor, useEditorParts } from "../store";
import type { Field } from "./schema";

export interface Place {
  readonly path: Path;
  readonly value: unknown;
  /** The node that the fields belong to; null for the pipeline's own. */
  readonly node: string | null;
  readonly root: Schema;
  /** Fields that are an expression as a whole. */
  readonly expressions?: ReadonlySet<string>;
}

export interface FieldRowProps extends Place {
  readonly field: Field;
}

export interface ControlProps extends FieldRowProps {
  readonly id: string;
  readonly set: (value: unknown) => boolean;
  readonly describedBy: string | undefined;
  readonly isInvalid: boolean;
}

/** What the fields of a form change. */
export interface Target {
  /**
   * Set what is at the path; `undefined` empties it. Letters typed one after the other are one step of undo. Returns whether
   * that was possible; if not, why has been told.
   */
  readonly set: (path: Path, value: unknown) => boolean;
  readonly remove: (path: Path) => void;
  readonly addItem: (path: Path, value: unknown) => void;
  readonly rename: (path: Path, name: string) => void;
}

/** Of fields that are not of the document; null for those that are. */
export const TargetContext = createContext<Target | null>(null);

export function useTarget(): Target {
  const { store } = useEditorParts();
  const other = useContext(TargetContext);
  return useMemo(() => other ?? documentOf(store), [other, store]);
}

function documentOf(store: EditorStore): Target {
  return {
    set: (path, value) => {
      const what = { label: `Change ${String(path.at(-1))}`, of: pointerOf(path) };
      return change(store, what, (pipeline) => setField(pipeline, path, value));
    },
    remove: (path) => {
      change(store, { label: `Remove ${String(path.at(-1))}` }, (pipeline) => setField(pipeline, path, undefined));
    },
    addItem: (path, value) => {
      change(store, { label: `Add to ${String(path.at(-1))}` }, (pipeline) => addItem(pipeline, path, value));
    },
    rename: (path, name) => {
      change(store, { label: `Rename ${String(path.at(-1))}` }, (pipeline) => renameKey(pipeline, path, name));
    },
  };
}

/** Whether the fields are of the document, where templates can stand; others hold data as it is. */
export function useIsOfDocument(): boolean {
  return useContext(TargetContext) === null;
}

/** Sets what is at the path; `undefined` empties it. */
export function useSet(path: Path): (value: unknown) => boolean {
  const { set } = useTarget();
  return (value) => set(path, value);
}

/** What is wrong with just this field, or with something in it that has no field of its own. */
export function useProblem(path: Path): string {
  const isOfDocument = useIsOfDocument();
  return useEditor((state) => (isOfDocument ? problemAt(state, path) : ""));
}

/** What stands in a field and nowhere else, and how to keep it there; null forgets it. */
export function useDraft(
  node: string | null,
  path: Path,
): readonly [string | undefined, (text: string | null) => void] {
  const { store } = useEditorParts();
  const isOfDocument = useIsOfDocument();
  const [other, setOther] = useState<string>();
  const kept = useEditor((state) => (isOfDocument ? draftAt(state, { node, path }) : undefined));
  if (!isOfDocument) return [other, (text) => setOther(text ?? undefined)];
  return [kept, (text) => keepDraft(store, { node, path }, text)];
}
