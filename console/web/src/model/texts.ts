/**
 * What running nodes give piece by piece, such as the tokens of a model.
 *
 * A piece says at which character it begins, and after a resume they come again from 0: so a piece is laid over what is
 * known, never just appended. Of a very long text the beginning may be missing, and then the first offset is not 0.
 */

export interface Piece {
  readonly instance: string;
  readonly attempt: number;
  readonly offset: number;
  readonly text: string;
}

/** The text of one attempt: `text` begins at character `start`. */
export interface Growing {
  readonly attempt: number;
  readonly start: number;
  readonly text: string;
}

/** By instance; the one that has spoken last stands last. */
export type Texts = ReadonlyMap<string, Growing>;

/** Characters that are kept of one text; the beginning of a longer one is forgotten. */
export const MAX_KEPT = 200_000;

/** Texts that are kept: a loop may have 100,000 items that each say something. */
export const MAX_TEXTS = 200;

/** The texts with these pieces in them; the same object if they bring nothing new. */
export function withPieces(texts: Texts, pieces: readonly Piece[]): Texts {
  const changed = new Map<string, Growing>();
  for (const piece of pieces) {
    const before = changed.get(piece.instance) ?? texts.get(piece.instance);
    const after = laid(before, piece);
    if (after === before) continue;
    changed.delete(piece.instance);
    changed.set(piece.instance, after);
  }
  if (changed.size === 0) return texts;
  const silent = [...texts].filter(([instance]) => !changed.has(instance));
  return new Map([...silent, ...changed].slice(-MAX_TEXTS));
}

/** The instance in the items of a loop that has spoken last; null if none has. */
export function speakerIn(loop: string, texts: Texts): string | null {
  return [...texts.keys()].findLast((instance) => instance.startsWith(`${loop}[`)) ?? null;
}

/** The end of a text on one line, after the numbers of the items that it was said in: `3: our export works`. */
export function endOf(texts: Texts, instance: string, length: number): string | undefined {
  const text = texts.get(instance)?.text;
  if (text === undefined) return undefined;
  const items = [...instance.matchAll(/\[(\d+)\]/g)].map(([, index]) => index);
  const head = items.length === 0 ? "" : `${items.join(".")}: `;
  return head + text.slice(-(length - head.length)).replace(/\s+/g, " ");
}

function laid(before: Growing | undefined, piece: Piece): Growing {
  const fresh = { attempt: piece.attempt, start: piece.offset, text: piece.text };
  if (before === undefined || piece.attempt > before.attempt) return kept(fresh);
  const end = before.start + before.text.length;
  if (piece.attempt < before.attempt || piece.offset + piece.text.length <= end) return before;
  // What lies between was lost on the way: what is known now begins after the gap.
  if (piece.offset > end) return kept(fresh);
  if (piece.offset < before.start) return kept(fresh);
  return kept({ ...before, text: before.text + piece.text.slice(end - piece.offset) });
}

function kept(growing: Growing): Growing {
  const surplus = growing.text.length - MAX_KEPT;
  return surplus <= 0 ? growing : { ...growing, start: growing.start + surplus, text: growing.text.slice(surplus) };
}
