/** Undo as a list of texts: whatever changed the text, on the canvas, in a form or by hand, is taken back the same way. */

/** Changes of one field, or typing, that follow each other within this time are one step. */
const MERGE_MS = 1000;

export interface Step {
  readonly text: string;
  /** What the change was, such as "Connect fetch and save". */
  readonly label: string;
}

export interface History {
  readonly past: readonly Step[];
  readonly future: readonly Step[];
  /** The latest change: what it was of, and when. */
  readonly latest: { readonly of: string; readonly at: number } | null;
}

export const NO_HISTORY: History = { past: [], future: [], latest: null };

/** Texts that are kept; some megabytes at most. */
const MAX_STEPS = 300;

/** After a change of `before`. `of` names the field that changed, so that changes of it are put together; "" for none. */
export function recorded(history: History, before: Step, of: string, now: number): History {
  const { latest, past } = history;
  const isMore = of !== "" && latest?.of === of && now - latest.at < MERGE_MS && past.length > 0;
  return {
    past: isMore ? past : [...past.slice(-MAX_STEPS + 1), before],
    future: [],
    latest: { of, at: now },
  };
}

export interface Moved {
  readonly history: History;
  readonly text: string;
  readonly label: string;
}

/** One step back; null if there is none. */
export function undone(history: History, text: string): Moved | null {
  const step = history.past.at(-1);
  if (step === undefined) return null;
  const future = [{ text, label: step.label }, ...history.future];
  return { history: { past: history.past.slice(0, -1), future, latest: null }, text: step.text, label: step.label };
}

/** One step on again; null if nothing was taken back. */
export function redone(history: History, text: string): Moved | null {
  const [step, ...future] = history.future;
  if (step === undefined) return null;
  return {
    history: { past: [...history.past, { text, label: step.label }], future, latest: null },
    text: step.text,
    label: step.label,
  };
}
