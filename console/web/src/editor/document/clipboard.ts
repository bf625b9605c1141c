/** Nodes as text, to be copied between pipelines: a document's `nodes` and `edges`, which can be read and sent around. */

import { Document, isCollection, isNode, isScalar, isSeq } from "yaml";
import { freeAnchors, writtenOut } from "./anchors";
import type { NodeTypes } from "./connecting";
import { writtenPort } from "./edges";
import { addAllAt, isJson } from "./edits";
import { freeId } from "./nodes";
import { bodyPath, ORDER, type Pipeline, readPipeline } from "./pipeline";
import { place } from "./places";
import { renamedReferences } from "./renaming";
import { columnOf, endOfContent, lineEnd, nodeAt, type Path, readSource, type Source } from "./source";
import { applySplices } from "./splices";
import { type Fields, type NodeView, type PipelineView, type Point, viewOf } from "./view";
import { inFlow } from "./writing";

/** The text of nodes of one body with the edges between them, as they are written. */
export function copyNodes(pipeline: Pipeline, ids: ReadonlySet<string>): string {
  const { source, view } = standingAlone(pipeline, ids);
  const nodes = outermost(view, ids);
  const edges = view.edges.filter(
    (edge) => ids.has(edge.from) && ids.has(edge.to) && nodes.some((node) => node.id === edge.from),
  );
  const parts = nodes.map((node) => `  - ${writtenAt(source, node.span)}\n`);
  const lines = edges.map((edge) =>
    new Document([inFlow(portOf(edge))]).toString({ lineWidth: 0, flowCollectionPadding: false }),
  );
  return `nodes:\n${parts.join("")}${lines.length ? `edges:\n${lines.map((line) => `  ${line}`).join("")}` : ""}`;
}

/** The same pipeline, where the nodes need nothing that is written elsewhere. */
function standingAlone(pipeline: Pipeline, ids: ReadonlySet<string>): Pipeline {
  const spans = outermost(pipeline.view, ids).map((node) => node.span);
  const text = writtenOut(pipeline.source, spans);
  return text === pipeline.source.text ? pipeline : (readPipeline(text) ?? pipeline);
}

/** Without those that are in a loop which is meant as well. */
function outermost(view: PipelineView, ids: ReadonlySet<string>): readonly NodeView[] {
  return view.nodes.filter((node) => ids.has(node.id) && !(node.parent !== null && ids.has(node.parent)));
}

function portOf({ from, to, port }: { from: string; to: string; port: string }): Fields {
  return port === "out" ? { from, to } : { from, to, port: writtenPort(port) };
}

/** A part of the text with the comment behind it, moved to where it is indented by four. */
function writtenAt({ text }: Source, [from, to]: readonly [number, number]): string {
  const column = columnOf(text, from);
  const end = endOfContent(text, to);
  const [comment = ""] = /^[ \t]+#[^\n]*/.exec(text.slice(end, lineEnd(text, end))) ?? [];
  const [first = "", ...more] = (text.slice(from, end) + comment).split("\n");
  return [first, ...more.map((line) => movedTo4(line, column))].join("\n");
}

function movedTo4(line: string, column: number): string {
  const margin = /^ */.exec(line)?.[0].length ?? 0;
  const rest = line.slice(Math.min(column, margin));
  return rest === "" ? "" : `    ${rest}`;
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
  const clip = readClip(text, pipeline, types);
  if (clip === null) return null;
  const body = bodyPath(pipeline.view, parent);
  let after = adding(pipeline.source, [...body, "nodes"], clip.nodes);
  if (clip.edges.length > 0) after = adding(readSource(after), [...body, "edges"], clip.edges);
  const placed = at === null ? null : readPipeline(after);
  if (placed !== null && at !== null) {
    const points = clip.ids.map((id, place) => [id, { x: at.x + 40 * place, y: at.y + 40 * place }] as const);
    after = place(placed, new Map(points));
  }
  return { text: after, ids: clip.ids };
}

function adding(source: Source, path: Path, values: readonly unknown[]): string {
  return applySplices(source.text, addAllAt(source, path, values, ORDER));
}

interface Clip {
  readonly ids: readonly string[];
  readonly nodes: readonly unknown[];
  readonly edges: readonly unknown[];
}

/** What of a text can be pasted, with ids and anchors that are free. */
function readClip(text: string, { source: target, view: { byId } }: Pipeline, types: NodeTypes): Clip | null {
  const source = readSource(text.trimStart().startsWith("- ") ? `nodes:\n${text}` : text);
  if (source.faults.length > 0) return null;
  const view = viewOf(source);
  if (view.nodes.length === 0) return null;
  const names = freeNames(view, new Set(byId.keys()));
  const renamed = readSource(applySplices(source.text, renamedReferences(source, view, types, names)));
  for (const node of view.nodes) rename(renamed, [...node.path, "id"], names);
  for (const edge of view.edges) for (const end of ["from", "to"]) rename(renamed, [...edge.path, end], names);
  freeAnchors(renamed, target);
  const top = view.nodes.filter((node) => node.parent === null);
  return {
    ids: top.map((node) => names.get(node.id) ?? node.id),
    nodes: itemsOf(renamed, [...renamed.base, "nodes"]).map((node) => (isJson(target) ? plain(renamed, node) : node)),
    edges: itemsOf(renamed, [...renamed.base, "edges"]).map((edge) => flowing(renamed, edge)),
  };
}

/** Other ids for those that are taken. */
function freeNames(view: PipelineView, taken: Set<string>): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { id } of view.nodes) {
    const free = taken.has(id) ? freeId(taken, id.replace(/-\d+$/, "")) : id;
    taken.add(free);
    if (free !== id) names.set(id, free);
  }
  return names;
}

function rename(source: Source, path: Path, names: ReadonlyMap<string, string>): void {
  const scalar = nodeAt(source, path);
  if (isScalar(scalar)) scalar.value = names.get(String(scalar.value)) ?? scalar.value;
}

/** The items as they are written, with their comments. */
function itemsOf(source: Source, path: Path): readonly unknown[] {
  const list = source.document.getIn(path, true);
  return isSeq(list) ? list.items : [];
}

/** An edge, to be written as those beside it are. */
function flowing(source: Source, edge: unknown): unknown {
  return isCollection(edge) ? inFlow(plain(source, edge) as Fields) : edge;
}

/** Without comments and aliases, which JSON does not have. */
function plain({ document }: Source, part: unknown): unknown {
  return isNode(part) ? part.toJS(document, { maxAliasCount: -1 }) : part;
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
