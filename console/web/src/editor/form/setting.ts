/** What a control of a form is given, and how it reads and changes the place in the document that it stands for. */

import { setField } from "../document/operations";
import type { Path } from "../document/source";
import { pointerOf } from "../document/view";
import { problemAt } from "../problems";
import { change, type Schema, useEditor, useEditorParts } from "../store";
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
  readonly set: (value: unknown) => void;
  readonly describedBy: string | undefined;
  readonly isInvalid: boolean;
}

/** Sets what is at the path; `undefined` removes it. Letters typed one after the other are one step of undo. */
export function useSet(path: Path, name: string): (value: unknown) => void {
  const { store } = useEditorParts();
  return (value) => {
    change(store, { label: `Change ${name}`, of: pointerOf(path) }, (pipeline) => setField(pipeline, path, value));
  };
}

/** What is wrong with just this field, or with something in it that has no field of its own. */
export function useProblem(path: Path): string {
  return useEditor((state) => problemAt(state, path));
}
