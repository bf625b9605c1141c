/** What has to go from a text for a part of it to go: its lines with the comment above them, or in flow a comma with it. */

import { type Collection, endOfPart, startOfPart } from "./positions";
import { lineEnd, lineStart } from "./source";
import type { Splice } from "./splices";

/** The part at `place`, of several that go (`gone`) from one collection. */
export function cutOut(text: string, collection: Collection, place: number, gone: ReadonlySet<number>): Splice {
  const start = startOfPart(text, collection, place);
  const end = endOfPart(text, collection, place);
  if (collection.flow === true || text.slice(lineStart(text, start), start).trim() !== "") {
    const isFollowed = collection.items.some((_, other) => other > place && !gone.has(other));
    // The comma behind it goes with it, or the one in front where nothing follows that stays.
    if (isFollowed) return { from: start, to: startOfPart(text, collection, place + 1), text: "" };
    return { from: endOfPart(text, collection, place - 1), to: end, text: "" };
  }
  const from = withComment(text, lineStart(text, start), place > 0);
  const to = Math.min(lineEnd(text, end) + 1, text.length);
  return { from, to: Math.max(from, to), text: "" };
}

/** The lines of a part, with the comment above it; null of one that has no lines of its own. */
export function linesOf(
  text: string,
  collection: Collection,
  place: number,
): readonly [from: number, to: number] | null {
  const start = startOfPart(text, collection, place);
  const first = lineStart(text, start);
  if (collection.flow === true || text.slice(first, start).trim() !== "") return null;
  return [withComment(text, first, false), lineEnd(text, endOfPart(text, collection, place))];
}

/** Where the lines begin that belong to a part: comments right above it, at its indentation, are about it. */
function withComment(text: string, start: number, mayTakeBlank: boolean): number {
  let at = start;
  const margin = /^ */.exec(text.slice(start))?.[0].length ?? 0;
  while (at > 0) {
    const above = lineStart(text, at - 1);
    const line = text.slice(above, at - 1);
    if (!line.trimStart().startsWith("#") || line.length - line.trimStart().length !== margin) break;
    at = above;
  }
  if (!mayTakeBlank || at === 0) return at;
  const above = lineStart(text, at - 1);
  return text.slice(above, at - 1).trim() === "" ? above : at;
}
