/**
 * A pipeline's text, read with positions.
 *
 * The text is the only state of the editor: everything else is derived from it, and every change is made to it. Both forms
 * of the document are read: the flat one, and the resource of a cluster, which has the same below `spec`.
 */

import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { aliasFaults, TOO_DEEP } from "./aliases";

export type Path = readonly (string | number)[];

/** Something that is no YAML, from one character of the text to another. */
export interface SyntaxFault {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

export interface Source {
  readonly text: string;
  readonly document: Document.Parsed;
  /** Where the pipeline begins: nothing, or `spec` of a resource. */
  readonly base: Path;
  /** Not empty: the text can't be read as a whole, and must not be changed but by hand. */
  readonly faults: readonly SyntaxFault[];
}

export function readSource(text: string): Source {
  const document = parseDocument(text, { version: "1.2", prettyErrors: false, keepSourceTokens: true });
  const faults = document.errors.map(({ pos: [from, to], code, message }) => ({
    from,
    to,
    message: code === "RESOURCE_EXHAUSTION" ? TOO_DEEP : message,
  }));
  if (faults.length === 0 && !isMap(document.contents)) {
    faults.push({ from: 0, to: text.length, message: "A pipeline is a map with apiVersion, kind, metadata and nodes" });
  }
  if (faults.length === 0) faults.push(...aliasFaults(document, text.length));
  return { text, document, base: baseOf(document), faults };
}

function baseOf(document: Document.Parsed): Path {
  const version = document.get("apiVersion");
  return typeof version === "string" && version.startsWith("flume.dev/") ? ["spec"] : [];
}

/** The node at a path, or undefined; of an alias, the alias. */
export function nodeAt(source: Source, path: Path): Node | undefined {
  const found = source.document.getIn(path, true);
  return isMap(found) || isSeq(found) || isScalar(found) || isAlias(found) ? found : undefined;
}

/** Characters of the node at a path, without what follows it; undefined where nothing is. */
export function spanAt(source: Source, path: Path): readonly [from: number, to: number] | undefined {
  const node = nodeAt(source, path);
  return node?.range == null ? undefined : [node.range[0], endOfNode(source.text, node)];
}

/** Behind a node's last character. A comment below a block, and further out, is about what follows it. */
export function endOfNode(text: string, node: Node): number {
  const [start = 0, behind = 0] = node.range ?? [];
  let end = endOfContent(text, behind);
  if (!isCollection(node) || node.flow === true) return end;
  for (let line = lineStart(text, end); line > start; line = lineStart(text, end)) {
    const [margin = "", mark = ""] = /^( *)(#?)/.exec(text.slice(line, end))?.slice(1) ?? [];
    if (mark === "" || margin.length >= columnOf(text, start)) break;
    end = endOfContent(text, line);
  }
  return end;
}

/** Ranges of blocks reach over line breaks and blank lines behind them; content ends before. Other spaces are content. */
export function endOfContent(text: string, end: number): number {
  let at = end;
  while (at > 0 && " \t\n".includes(text.charAt(at - 1))) at -= 1;
  return at;
}

export function lineStart(text: string, at: number): number {
  return text.lastIndexOf("\n", at - 1) + 1;
}

/** The end of the line, before its break. */
export function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

/** Spaces before a place that begins a line or follows a dash. */
export function columnOf(text: string, at: number): number {
  return at - lineStart(text, at);
}

export function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

export function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => keyOf(pair) === key);
}
