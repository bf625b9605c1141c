/** Nodes moved into the body of a loop, or out of one: their text goes there as it is written, with its comments. Pure. */

import { isCollection, isSeq } from "yaml";
import { linesOf } from "./cutting";
import { addAt, EditRefused } from "./edits";
import { isWithin } from "./nodes";
import { bodyPath, ORDER, onPipeline, type Pipeline, taken } from "./pipeline";
import { columnOf, endOfContent, lineEnd, lineStart, nodeAt, type Path, type Source, spanAt } from "./source";
import { applySplices } from "./splices";
import { unfolded } from "./unfolding";
import type { EdgeView, NodeView, PipelineView } from "./view";
import { writeShort } from "./writing";

export interface Nested {
  readonly text: string;
  /** The edges that had to go, as they would lead into a loop or out of it. */
  readonly cut: readonly EdgeView[];
}

/** Move nodes into the body of a loop; to the top level for null. Edges between them go with them. */
export function nestNodes(pipeline: Pipeline, ids: ReadonlySet<string>, parent: string | null): Nested {
  const { source, view } = pipeline;
  const nodes = view.nodes.filter((node) => ids.has(node.id) && node.parent !== parent && !isIn(view, node, ids));
  const moved = new Set(nodes.map((node) => node.id));
  if (parent !== null && isWithin(view, parent, moved)) throw new EditRefused("a loop can't be put into itself");
  const touched = view.edges.filter((edge) => moved.has(edge.from) || moved.has(edge.to));
  const cut = touched.filter((edge) => !(moved.has(edge.from) && moved.has(edge.to)));
  const kept = touched.filter((edge) => !cut.includes(edge));
  const places = [...moved].filter((id) => view.layout.has(id)).map((id) => [...view.base, "layout", id]);
  const gone = [...nodes, ...touched].map((part) => part.path);
  let text = applySplices(source.text, taken(source, [...gone, ...places]));
  for (const node of nodes) text = putInto(text, parent, "nodes", partAt(source, node.path));
  for (const edge of kept) text = putInto(text, parent, "edges", partAt(source, edge.path));
  onPipeline(text, (after) => checked(after, nodes));
  return { text, cut };
}

/** Whether a node goes with a loop that is moved itself. */
function isIn(view: PipelineView, node: NodeView, ids: ReadonlySet<string>): boolean {
  return node.parent !== null && isWithin(view, node.parent, ids);
}

/** An item of a list as it is written: its lines, or in flow its characters. */
interface Part {
  readonly text: string;
  /** What can stand in flow of it; null if it takes lines or has comments. */
  readonly short: string | null;
  readonly value: unknown;
  /** Spaces in front of its dash; null in flow. */
  readonly column: number | null;
}

function partAt(source: Source, path: Path): Part {
  const list = nodeAt(source, path.slice(0, -1));
  const node = nodeAt(source, path);
  const span = spanAt(source, path);
  if (!isSeq(list) || node === undefined || span === undefined) throw new EditRefused("that is gone");
  const value = node.toJS(source.document, { maxAliasCount: -1 }) as unknown;
  const lines = linesOf(source.text, list, Number(path.at(-1)));
  const short = source.text.slice(...span);
  if (lines === null) return { text: short, short, value, column: null };
  const text = source.text.slice(...lines);
  const isShort = isCollection(node) && node.flow === true && text.trim() === `- ${short}` && !text.includes("\n");
  return { text, short: isShort ? short : null, value, column: marginOf(text) };
}

const MARK = "here-it-goes";

function putInto(text: string, parent: string | null, key: "nodes" | "edges", part: Part): string {
  const pathIn = (view: PipelineView) => [...bodyPath(view, parent), key];
  const open = onPipeline(text, ({ source, view }) => (part.short === null ? unfolded(source, pathIn(view)) : text));
  return onPipeline(open, ({ source, view }) => {
    const path = pathIn(view);
    // What stands for it first goes wherever the edit of lists says, in their style.
    const marked = applySplices(source.text, addAt(source, path, MARK, ORDER));
    return onPipeline(marked, (after) => {
      const list = nodeAt(after.source, path);
      const span = isSeq(list) ? spanAt(after.source, [...path, list.items.length - 1]) : undefined;
      if (!isSeq(list) || span === undefined) throw new EditRefused("there is no room for it");
      if (list.flow === true)
        return applySplices(marked, [
          { from: span[0], to: span[1], text: part.short ?? writeShort(part.value, 0, { isFlow: true }) },
        ]);
      const from = lineStart(marked, span[0]);
      const column = columnOf(marked, marked.indexOf("-", from));
      return applySplices(marked, [{ from, to: lineEnd(marked, span[1]), text: indented(part, column) }]);
    });
  });
}

/** With its dash in a column, and all lines as much further in or out. */
function indented({ text, column }: Part, wanted: number): string {
  const margin = " ".repeat(wanted);
  const lines = text.slice(0, endOfContent(text, text.length)).split("\n");
  if (column === null) return lines.map((line, place) => `${margin}${place === 0 ? "- " : "    "}${line}`).join("\n");
  return lines
    .map((line) => (line.trim() === "" ? "" : margin + line.slice(Math.min(column, marginOf(line)))))
    .join("\n");
}

function marginOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Raises `EditRefused` if a node says something else where it is now. */
function checked({ source, view }: Pipeline, before: readonly NodeView[]): string {
  const isSame = before.every(({ id, fields }) => JSON.stringify(view.byId.get(id)?.fields) === JSON.stringify(fields));
  if (!isSame) throw new EditRefused("the nodes would not be the same there; move them in the YAML");
  return source.text;
}
