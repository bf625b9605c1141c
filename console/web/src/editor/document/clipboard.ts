/** Nodes as text, to be copied between pipelines: a document's `nodes` and `edges`, which can be read and sent around. */

import { Document, isCollection, isSeq, visit } from "yaml";
import type { NodeTypes } from "./connecting";
import { addAt } from "./edits";
import { bodyPath, freeId, ORDER, type Pipeline, place, readPipeline } from "./operations";
import { renamedReferences } from "./renaming";
import { endOfContent, lineStart, readSource, type Source } from "./source";
import { applySplices } from "./splices";
import { type Fields, type Point, viewOf } from "./view";
import { inFlow } from "./writing";

/** The text of nodes of one body with the edges between them, as they are written. */
export function copyNodes({ source, view }: Pipeline, ids: ReadonlySet<string>): string {
  const nodes = view.nodes.filter((node) => ids.has(node.id) && !(node.parent !== null && ids.has(node.parent)));
  const edges = view.edges.filter(
    (edge) => ids.has(edge.from) && ids.has(edge.to) && nodes.some((node) => node.id === edge.from),
  );
  const parts = nodes.map((node) => `  - ${writtenAt(source, node.span)}\n`);
  const lines = edges.map((edge) =>
    new Document([inFlow(portOf(edge))]).toString({ lineWidth: 0, flowCollectionPadding: false }),
  );
  return `nodes:\n${parts.join("")}${lines.length ? `edges:\n${lines.map((line) => `  ${line}`).join("")}` : ""}`;
}

function portOf({ from, to, port }: { from: string; to: string; port: string }): Fields {
  return port === "out" ? { from, to } : { from, to, port };
}

/** A block of the text, moved to where it is indented by four. */
function writtenAt(source: Source, [from, to]: readonly [number, number]): string {
  const column = from - lineStart(source.text, from);
  const [first = "", ...more] = source.text.slice(from, endOfContent(source.text, to)).split("\n");
  return [
    first,
    ...more.map((line) => (line.trim() === "" ? "" : `    ${line.slice(Math.min(column, margin(line)))}`)),
  ].join("\n");
}

function margin(line: string): number {
  return line.length - line.trimStart().length;
}

export interface Pasted {
  readonly text: string;
  readonly ids: readonly string[];
}

/**
 * Paste what was copied: whatever has `nodes`, a whole pipeline included. Ids that are taken get new ones, also in the
 * templates of what is pasted. Null if the text holds no nodes.
 */
export function pasteNodes(
  pipeline: Pipeline,
  types: NodeTypes,
  text: string,
  parent: string | null,
  at: Point | null,
): Pasted | null {
  const clip = readClip(text, new Set(pipeline.view.byId.keys()), types);
  if (clip === null) return null;
  const body = bodyPath(pipeline.view, parent);
  let after = pipeline.source.text;
  for (const node of clip.nodes) after = adding(after, [...body, "nodes"], node);
  for (const edge of clip.edges) after = adding(after, [...body, "edges"], edge);
  const placed = at === null ? null : readPipeline(after);
  if (placed !== null && at !== null) {
    const points = clip.ids.map((id, place) => [id, { x: at.x + 40 * place, y: at.y + 40 * place }] as const);
    after = place(placed, new Map(points));
  }
  return { text: after, ids: clip.ids };
}

function adding(text: string, path: readonly (string | number)[], value: unknown): string {
  return applySplices(text, addAt(readSource(text), path, value, ORDER));
}

interface Clip {
  readonly ids: readonly string[];
  readonly nodes: readonly unknown[];
  readonly edges: readonly unknown[];
}

/** What of a text can be pasted, with ids that are free. */
function readClip(text: string, taken: Set<string>, types: NodeTypes): Clip | null {
  const source = readSource(text.trimStart().startsWith("- ") ? `nodes:\n${text}` : text);
  if (source.faults.length > 0) return null;
  const view = viewOf(source);
  if (view.nodes.length === 0) return null;
  const names = new Map<string, string>();
  for (const node of view.nodes) {
    const id = freeId(taken, node.id.replace(/-\d+$/, ""));
    const free = taken.has(node.id) ? id : node.id;
    taken.add(free);
    if (free !== node.id) names.set(node.id, free);
  }
  const renamed = readSource(applySplices(source.text, renamedReferences(source, view, types, names)));
  visit(renamed.document, {
    Pair: (_, pair) => {
      const [key, value] = [pair.key as { value?: unknown }, pair.value as { value?: unknown } | null];
      if ((key?.value === "id" || key?.value === "from" || key?.value === "to") && typeof value?.value === "string") {
        value.value = names.get(value.value) ?? value.value;
      }
    },
  });
  const top = view.nodes.filter((node) => node.parent === null);
  return {
    ids: top.map((node) => names.get(node.id) ?? node.id),
    nodes: itemsOf(renamed, [...renamed.base, "nodes"]),
    edges: itemsOf(renamed, [...renamed.base, "edges"]).map(flowing),
  };
}

/** The items as they are written, with their comments. */
function itemsOf(source: Source, path: readonly (string | number)[]): readonly unknown[] {
  const list = source.document.getIn(path, true);
  return isSeq(list) ? list.items : [];
}

/** An edge, to be written as those beside it are. */
function flowing(edge: unknown): unknown {
  return isCollection(edge) ? inFlow(edge.toJSON() as Fields) : edge;
}

/** The same nodes once more, beside the others. */
export function duplicateNodes(pipeline: Pipeline, types: NodeTypes, ids: ReadonlySet<string>): Pasted | null {
  const parents = new Set([...ids].map((id) => pipeline.view.byId.get(id)?.parent ?? null));
  const [parent = null] = parents;
  if (parents.size !== 1) return null;
  const first = pipeline.view.layout.get([...ids][0] ?? "");
  const at = first === undefined ? null : { x: first.x + 32, y: first.y + 96 };
  return pasteNodes(pipeline, types, copyNodes(pipeline, ids), parent, at);
}
