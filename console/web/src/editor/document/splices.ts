/** Changes of a text as pieces that take the place of others: what is not changed stays as it was written, to the byte. */

/** `text` takes the place of what stands from `from` up to `to`; positions are those of the text before. */
export interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** The text with all of them applied. They must not overlap; of two insertions at one place the first stays first. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  let result = "";
  let at = 0;
  for (const splice of [...splices].sort((one, other) => one.from - other.from)) {
    if (splice.from < at) throw new Error(`two changes overlap at ${splice.from}`);
    result += text.slice(at, splice.from) + splice.text;
    at = splice.to;
  }
  return result + text.slice(at);
}

/** The one splice that makes `after` of `before`, as short as possible; null if they are the same. */
export function spliceBetween(before: string, after: string): Splice | null {
  if (before === after) return null;
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < most - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  return { from: head, to: before.length - tail, text: after.slice(head, after.length - tail) };
}
