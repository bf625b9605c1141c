/** What is written in braces, put into lines: lines with comments can't stand in braces. Pure. */

import { isCollection, isMap, isSeq } from "yaml";
import { type Collection, colonOf, dashOf, startOf } from "./positions";
import { columnOf, nodeAt, type Path, pairOf, type Source, spanAt } from "./source";
import { applySplices } from "./splices";
import { writeAfterKey, writeItem } from "./writing";

/** The text with all that is around the end of the path in lines; a document that is in braces as a whole stays as it is. */
export function unfolded(source: Source, path: Path): string {
  const { contents } = source.document;
  const depth = path.findIndex((_, place) => isFolded(nodeAt(source, path.slice(0, place + 1))));
  if (depth < 0 || isFolded(contents)) return source.text;
  const outer = path.slice(0, depth + 1);
  const node = nodeAt(source, outer);
  const span = spanAt(source, outer);
  if (!isCollection(node) || span === undefined) return source.text;
  return applySplices(source.text, [
    { ...anew(source, outer, inLinesAlong(node, path.slice(depth + 1))), to: span[1] },
  ]);
}

function isFolded(node: unknown): node is Collection {
  return isCollection(node) && node.flow === true;
}

/** A copy in lines, and so all of it along the path; the comment behind it stays in the text. */
function inLinesAlong(node: Collection, path: Path): Collection {
  const copy = node.clone() as Collection;
  copy.comment = null;
  copy.commentBefore = null;
  let inner: unknown = copy;
  for (const key of [...path, ""]) {
    if (!isCollection(inner)) break;
    inner.flow = false;
    inner = inner.get(key, true);
  }
  return copy;
}

/** The value, written behind its dash or colon, and where that begins. */
function anew(source: Source, path: Path, value: Collection): { readonly from: number; readonly text: string } {
  const { text } = source;
  const above = path.length === 1 ? source.document.contents : nodeAt(source, path.slice(0, -1));
  const key = path.at(-1);
  if (isSeq(above)) {
    const dash = dashOf(above, Number(key));
    return { from: dash, text: writeItem(value, columnOf(text, dash), false) };
  }
  const pair = isMap(above) ? pairOf(above, String(key)) : undefined;
  if (pair === undefined) throw new Error(`there is no ${path.join(".")}`);
  return {
    from: colonOf(text, pair) + 1,
    text: writeAfterKey(value, columnOf(text, startOf(pair)), { isFlow: false }),
  };
}
