/** Values as YAML, the way a person writes them: blocks with two spaces, text of several lines as `|`, no folding. */

import { Document, isCollection, isScalar, type Node, Scalar, visit } from "yaml";

const OPTIONS = { lineWidth: 0, flowCollectionPadding: false, indentSeq: true, blockQuote: "literal" } as const;

export type Quoting = Scalar.Type | undefined;

export interface Style {
  /** Inside of `{}` or `[]`, where everything stands on one line. */
  readonly isFlow: boolean;
  /** How text is quoted, such as `QUOTE_DOUBLE`; where that is not possible, otherwise. */
  readonly quoting?: Quoting;
}

/** What follows a key's colon: ` value`, or a block on lines of its own below a key that stands in `column`. */
export function writeAfterKey(value: unknown, column: number, style: Style): string {
  if (style.isFlow || !isBlock(value)) return ` ${writeShort(value, column, style)}`;
  return `\n${indented(written(value), column + 2)}`;
}

/** An item of a list behind its dash in `column`. */
export function writeItem(value: unknown, column: number, isFlow: boolean): string {
  if (isFlow || !isBlock(value)) return `- ${writeShort(value, column, { isFlow })}`;
  return `- ${indented(written(value), column + 2).trimStart()}`;
}

/** On one line; text of several lines outside of flow becomes a block below `|`, two behind `column`. */
export function writeShort(value: unknown, column: number, { isFlow, quoting }: Style): string {
  if (isFlow || isCollectionValue(value)) return writeFlow(value, quoting);
  // Written below a key, as it will stand: a block of text may have to say how far it is indented.
  const document = new Document({ key: value }, { version: "1.2" });
  quote(document.get("key", true), quoting);
  return indented(textOf(document), column).trimStart().slice("key: ".length);
}

function writeFlow(value: unknown, quoting?: Quoting): string {
  const document = new Document([value], { version: "1.2" });
  visit(document, {
    Collection: (_, node) => {
      node.flow = true;
    },
  });
  const only = document.contents;
  if (isCollection(only)) quote(only.items[0], quoting);
  // A plain text may go over several lines there, too, and would be read as one.
  quoteWhere(document, (text) => text.includes("\n"));
  return document.toString(OPTIONS).trim().slice(1, -1);
}

function written(value: unknown): string {
  return textOf(new Document(value, { version: "1.2" }));
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

function indented(text: string, spaces: number): string {
  const margin = " ".repeat(spaces);
  return text.replace(/^(?=.)/gm, margin);
}

function isCollectionValue(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

/** Whether it gets lines of its own; an empty list or object does not. */
function isBlock(value: unknown): boolean {
  if (isCollection(value)) return value.flow !== true && value.items.length > 0;
  return isCollectionValue(value) && Object.keys(value as object).length > 0;
}

/** A value that is written as `{a: 1}` also where blocks are possible, such as an edge. */
export function inFlow(value: Readonly<Record<string, unknown>>): Node {
  return new Document(null).createNode(value, { flow: true });
}
