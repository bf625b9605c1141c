/** Values as YAML, the way a person writes them: blocks with two spaces, text of several lines as `|`, no folding. */

import { Document, isCollection, isNode, isScalar, type Node, Scalar, visit } from "yaml";

const OPTIONS = {
  lineWidth: 0,
  flowCollectionPadding: false,
  indentSeq: true,
  blockQuote: "literal",
  // What an alias stands for is elsewhere in the text that this becomes a part of.
  verifyAliasOrder: false,
} as const;

export type Quoting = Scalar.Type | undefined;

export interface Style {
  /** Inside of `{}` or `[]`, where everything stands on one line. */
  readonly isFlow: boolean;
  /** In a document that is JSON, and has to stay it: keys and texts are in double quotes. */
  readonly isJson?: boolean;
  /** How text is quoted, such as `QUOTE_DOUBLE`; where that is not possible, otherwise. */
  readonly quoting?: Quoting;
}

/** What follows a key's colon: ` value`, or a block on lines of its own below a key that stands in `column`. */
export function writeAfterKey(value: unknown, column: number, style: Style): string {
  if (style.isFlow || !needsLines(value)) return ` ${writeShort(value, column, style)}`;
  return indented(written({ key: value }), column)
    .trimStart()
    .slice("key:".length);
}

/** An item of a list behind its dash in `column`. */
export function writeItem(value: unknown, column: number, isFlow: boolean): string {
  if (isFlow || !needsLines(value)) return `- ${writeShort(value, column, { isFlow })}`;
  return indented(written([value]), column).trimStart();
}

/** On one line; text of several lines outside of flow becomes a block below `|`, two behind `column`. */
export function writeShort(value: unknown, column: number, style: Style): string {
  if (style.isFlow || isCollectionValue(value)) return writeFlow(value, style);
  // Written below a key, as it will stand: a block of text may have to say how far it is indented.
  const document = documentOf({ key: value });
  quote(document.get("key", true), style.quoting);
  return indented(textOf(document), column).trimStart().slice("key: ".length);
}

function writeFlow(value: unknown, { isJson = false, quoting }: Style): string {
  const document = documentOf([value]);
  visit(document, {
    Node: (_, node) => {
      if (isCollection(node)) node.flow = true;
      // They would need lines of their own.
      node.comment = null;
      node.commentBefore = null;
      node.spaceBefore = false;
      // Nothing at all is null on a line of its own only.
      if (isScalar(node) && node.value === null) delete node.source;
    },
  });
  const only = document.contents;
  if (isCollection(only)) quote(only.items[0], quoting);
  // A plain text may go over several lines there, too, and would be read as one.
  quoteWhere(document, (text) => isJson || text.includes("\n"));
  return document
    .toString({ ...OPTIONS, doubleQuotedAsJSON: isJson })
    .trim()
    .slice(1, -1);
}

function written(value: object): string {
  return textOf(documentOf(value));
}

/** A document of its own: what belongs to another one stays there as it is. */
function documentOf(value: object): Document {
  const copied = (part: unknown) => (isNode(part) ? part.clone() : part);
  const entries = Array.isArray(value)
    ? value.map(copied)
    : Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copied(part)]));
  return new Document(entries, { version: "1.2", aliasDuplicateObjects: false });
}

function textOf(document: Document): string {
  // Blank lines at the end of a block belong to it or not by what follows; and what follows may change.
  quoteWhere(document, (text) => /(^|\n)\s*\n$/.test(text));
  return document.toString(OPTIONS).replace(/\n+$/, "");
}

function quoteWhere(document: Document, isMeant: (text: string) => boolean): void {
  visit(document, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value === "string" && isMeant(scalar.value)) scalar.type = Scalar.QUOTE_DOUBLE;
    },
  });
}

function quote(node: unknown, quoting: Quoting): void {
  if (!isScalar(node) || typeof node.value !== "string" || quoting === undefined) return;
  const isOfLines = quoting === Scalar.BLOCK_FOLDED || quoting === Scalar.BLOCK_LITERAL;
  if (isOfLines === node.value.includes("\n"))
    node.type = quoting === Scalar.BLOCK_FOLDED ? Scalar.BLOCK_LITERAL : quoting;
}

/** Lines end with LF alone: to a regular expression they would end with U+2028, too, which YAML takes for a letter. */
function indented(text: string, spaces: number): string {
  const margin = " ".repeat(spaces);
  return text
    .split("\n")
    .map((line) => (line === "" ? "" : margin + line))
    .join("\n");
}

function isCollectionValue(value: unknown): boolean {
  return typeof value === "object" && value !== null && !isScalar(value);
}

/** Whether it gets lines of its own. An empty list or object does not, and none in flow that is without comments. */
function needsLines(value: unknown): boolean {
  if (isScalar(value)) return false;
  if (isCollection(value)) return value.items.length > 0 && (value.flow !== true || hasRemarks(value));
  return isCollectionValue(value) && Object.keys(value as object).length > 0;
}

function hasRemarks(value: Node): boolean {
  let isFound = false;
  visit(value, {
    Node: (_, node) => {
      isFound ||= Boolean(node.comment ?? node.commentBefore);
    },
  });
  return isFound;
}

/** The same in lines of its own, with what is in it as it was. */
export function inLines<T extends Node>(value: T): T {
  const copy = value.clone() as T;
  if (isCollection(copy)) copy.flow = false;
  return copy;
}

/** A value that is written as `{a: 1}` also where blocks are possible, such as an edge. */
export function inFlow(value: Readonly<Record<string, unknown>>): Node {
  return new Document(null).createNode(value, { flow: true });
}
