/** Problems of the text as one list: what is no YAML at all, else what the server finds, with the node each belongs to. */

import type { ProblemItem } from "../api/schema";
import type { Path } from "./document/source";
import { nodeOfPointer, pointerOf, spanOfPointer } from "./document/view";
import type { EditorState } from "./store";

export interface Problem {
  readonly message: string;
  readonly hint: string;
  readonly code: string;
  readonly pointer: string;
  /** The node that it belongs to, and the field of it, such as `/config/url`. */
  readonly node: string | null;
  readonly field: string;
  /** Its characters in the text. */
  readonly from: number;
  readonly to: number;
  /** Counted from 1. */
  readonly line: number;
}

type Given = Pick<EditorState, "text" | "pipeline" | "faults" | "problems">;

const listed = new WeakMap<object, { readonly of: Given; readonly list: readonly Problem[] }>();

/** Worked out once for all that show them. */
export function problemsOf(state: Given): readonly Problem[] {
  const known = listed.get(state.problems);
  if (known?.of.pipeline === state.pipeline && known.of.faults === state.faults) return known.list;
  const list = problemsIn(state);
  listed.set(state.problems, { of: state, list });
  return list;
}

function problemsIn({ text, pipeline, faults, problems }: Given): readonly Problem[] {
  const starts = lineStartsOf(text);
  if (faults.length > 0) {
    const nowhere = {
      hint: "The graph shows the last text that could be read.",
      code: "syntax",
      pointer: "",
      node: null,
      field: "",
    };
    return faults.map((fault) => ({ ...nowhere, ...fault, line: lineOf(starts, fault.from) }));
  }
  return problems.map((problem) => {
    const owner = nodeOfPointer(pipeline.view, problem.pointer);
    const [from, to] = placeOf(text, starts, problem) ?? spanOfPointer(pipeline.source, problem.pointer) ?? [0, 0];
    const { message, hint = "", code, pointer } = problem;
    return {
      message,
      hint,
      code,
      pointer,
      node: owner?.id ?? null,
      field: owner?.rest ?? "",
      from,
      to,
      line: lineOf(starts, from),
    };
  });
}

/** What is wrong with just the value at a path; also that it is missing, which the server says of what is around it. */
export function problemAt(state: Given, path: Path): string {
  const [pointer, around] = [pointerOf(path), pointerOf(path.slice(0, -1))];
  const missing = `'${path.at(-1)}' is missing`;
  const found = problemsOf(state).find(
    (problem) => problem.pointer === pointer || (problem.pointer === around && problem.message === missing),
  );
  return found?.message === missing && found.pointer !== pointer ? "This is needed" : (found?.message ?? "");
}

/** Of the document as a whole the server says which character it means, such as the second of two equal anchors. */
function placeOf(
  text: string,
  starts: readonly number[],
  { pointer, line, column }: ProblemItem,
): readonly [from: number, to: number] | null {
  if (pointer !== "" || line == null) return null;
  const start = Math.min((starts[line - 1] ?? text.length) + (column ?? 1) - 1, text.length);
  const end = text.indexOf("\n", start);
  return [start, end < 0 ? text.length : end];
}

function lineStartsOf(text: string): readonly number[] {
  return [0, ...[...text.matchAll(/\n/g)].map((found) => found.index + 1)];
}

/** By halves: of a long text with many problems, each is found at once. */
function lineOf(starts: readonly number[], at: number): number {
  let [low, high] = [0, starts.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= at) low = middle;
    else high = middle;
  }
  return low + 1;
}

const found = new WeakMap<object, { readonly of: unknown; readonly byNode: ReadonlyMap<string, readonly string[]> }>();

/** The messages of each node that has any; worked out once for all cards. */
export function problemsByNode(state: Given): ReadonlyMap<string, readonly string[]> {
  const known = found.get(state.problems);
  if (known?.of === state.pipeline) return known.byNode;
  const byNode = new Map<string, string[]>();
  for (const problem of state.problems) {
    const owner = nodeOfPointer(state.pipeline.view, problem.pointer);
    if (owner === null) continue;
    const messages = byNode.get(owner.id);
    if (messages === undefined) byNode.set(owner.id, [problem.message]);
    else messages.push(problem.message);
  }
  found.set(state.problems, { of: state.pipeline, byNode });
  return byNode;
}
