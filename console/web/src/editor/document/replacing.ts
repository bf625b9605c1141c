/** One value in place of another: an anchor stays with the place, and a comment beside it never gets into the value. */

import { isCollection, isScalar, type Pair, Scalar, type YAMLSeq } from "yaml";
import { colonOf, dashOf, EditRefused, rangeOf, startOf } from "./positions";
import { columnOf, lineEnd } from "./source";
import type { Splice } from "./splices";
import { type Style as WritingStyle, writeAfterKey, writeItem, writeShort } from "./writing";

type Style = Pick<WritingStyle, "isFlow" | "isJson">;

/** Where a value stands: what it is now, and behind which colon or dash. */
interface Spot {
  readonly text: string;
  readonly old: unknown;
  readonly span: readonly [from: number, to: number] | undefined;
  /** Right behind the colon or dash. */
  readonly after: number;
  /** Of the key or dash. */
  readonly column: number;
}

/** The value of a key. */
export function replaceValue(text: string, pair: Pair, value: unknown, style: Style): Splice {
  const [after, column] = [colonOf(text, pair) + 1, columnOf(text, startOf(pair))];
  const spot = { text, old: pair.value, span: rangeOf(text, pair.value), after, column };
  if (isShort(spot, value)) return replaceScalar(spot, value, style);
  return replaceBehind(
    spot,
    writeAfterKey(value, column, { ...style, isFlow: style.isFlow || isFilledFlow(pair.value) }),
  );
}

/** An item of a list. */
export function replaceItem(text: string, list: YAMLSeq, place: number, value: unknown, style: Style): Splice {
  const old = list.items[place];
  const span = rangeOf(text, old);
  if (style.isFlow || list.flow === true) {
    if (span === undefined) throw new EditRefused("an empty item of a list; change it in the YAML");
    const quoting = isScalar(old) ? old.type : undefined;
    const written = writeShort(value, 0, { ...style, isFlow: true, quoting });
    return withComments(text, { from: span[0], to: span[1], text: written }, commentInside(text, old, ...span));
  }
  const dash = dashOf(list, place);
  const spot = { text, old, span, after: dash + 1, column: columnOf(text, dash) };
  if (isShort(spot, value)) return replaceScalar(spot, value, style);
  const isShortest = isCollection(old) && old.flow === true;
  // Behind an anchor a block begins on the next line, or the anchor would be that of its first key. So does a commented one.
  const written =
    anchorOf(old) || (isCollection(value) && value.commentBefore)
      ? writeAfterKey(value, spot.column, { isFlow: isShortest })
      : writeItem(value, spot.column, isShortest).slice(1);
  return replaceBehind(spot, written);
}

function isShort({ old, span }: Spot, value: unknown): boolean {
  return span !== undefined && isScalar(old) && !(typeof value === "object" && value !== null);
}

function isFilledFlow(old: unknown): boolean {
  return isCollection(old) && old.flow === true && old.items.length > 0;
}

function replaceScalar({ text, old, span, after, column }: Spot, value: unknown, style: Style): Splice {
  const [from, to] = span ?? [after, after];
  const quoting = isScalar(old) ? old.type : undefined;
  const written = writeShort(value, column, { ...style, quoting });
  return withComments(text, { from, to, text: written }, headerComment(text, old, from));
}

/** All behind the colon or dash but the anchor, and the comments of its line. */
function replaceBehind({ text, old, span, after }: Spot, written: string): Splice {
  const anchor = anchorOf(old);
  // An anchor of nothing, as in `key: &name`, is no part of any value.
  const [lone = ""] = span === undefined && anchor !== "" ? (/^\s*&\S+/.exec(text.slice(after)) ?? []) : [];
  const [from, to] = span ?? [after, after + lone.length];
  const [above = ""] = COMMENT.exec(text.slice(after, from).split("\n")[0] ?? "") ?? [];
  const splice = { from: after, to, text: anchor + written };
  return withComments(text, splice, above + headerComment(text, old, from) + commentInside(text, old, from, to));
}

function anchorOf(old: unknown): string {
  return (isScalar(old) || isCollection(old)) && old.anchor !== undefined ? ` &${old.anchor}` : "";
}

const COMMENT = /[ \t]+#[^\n]*/;

/** What stands behind the `|` of a block of text. */
function headerComment(text: string, old: unknown, from: number): string {
  if (!isScalar(old) || (old.type !== Scalar.BLOCK_LITERAL && old.type !== Scalar.BLOCK_FOLDED)) return "";
  return COMMENT.exec(text.slice(from, lineEnd(text, from)))?.[0] ?? "";
}

/** What stands in a list or map that holds nothing else. */
function commentInside(text: string, old: unknown, from: number, to: number): string {
  return isCollection(old) && old.items.length === 0 ? (COMMENT.exec(text.slice(from, to))?.[0] ?? "") : "";
}

/** With comments that would be lost, and the one behind it, at the end of the first line, where no text takes them in. */
function withComments(text: string, { from, to, text: written }: Splice, lost: string): Splice {
  const rest = text.slice(to, lineEnd(text, to));
  const [behind = ""] = /^[ \t]+#[^\n]*/.exec(rest) ?? [];
  const [first = "", ...more] = written.split("\n");
  if (more.length > 0) return { from, to: to + behind.length, text: [first + lost + behind, ...more].join("\n") };
  const isLast = rest.trim() === "" || behind !== "";
  return { from, to, text: written + lost + (lost === "" || isLast ? "" : `\n${" ".repeat(columnOf(text, from))}`) };
}
