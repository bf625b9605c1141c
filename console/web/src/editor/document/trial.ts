/**
 * Documents for trying a part of a pipeline: all up to a node, or a node by itself. Pure.
 *
 * A part runs although the rest is not finished: what does not belong to it is left out, and its problems with it.
 */

import { own } from "../../model/own";
import { ERROR_PORT, reachedFrom, upstreamOf } from "./connecting";
import { deleteNodes } from "./nodes";
import type { Pipeline } from "./pipeline";
import type { Fields, NodeView, PipelineView } from "./view";

/** The text without the nodes that do not come before a node of the top level. */
export function textUpTo(pipeline: Pipeline, id: string): string {
  const { view, source } = pipeline;
  const kept = new Set([id, ...reachedFrom(view.edges, id, "back")]);
  const gone = view.nodes.filter((node) => node.parent === null && !kept.has(node.id)).map((node) => node.id);
  return gone.length === 0 ? source.text : deleteNodes(pipeline, new Set(gone));
}

/** The earlier nodes that expressions of a node name, the nearest first: what it has to be given to run by itself. */
export function readBy(view: PipelineView, id: string): readonly string[] {
  const names = new Set(textsOf(view.byId.get(id)?.fields).flatMap((text) => text.match(NAMES) ?? []));
  return upstreamOf(view, id)
    .map((node) => node.id)
    .filter((name) => names.has(name));
}

/** Of those, the ones whose failure matters: the node reads it, or follows by its `error` port; with whether it does so. */
export function failuresReadBy(view: PipelineView, id: string): ReadonlyMap<string, boolean> {
  const read = new Set(
    textsOf(view.byId.get(id)?.fields).flatMap((text) => [...text.matchAll(ERRORS)].map((found) => found[1])),
  );
  const led = new Set(view.edges.filter((edge) => edge.to === id && edge.port === ERROR_PORT).map((edge) => edge.from));
  const names = upstreamOf(view, id).map((node) => node.id);
  return new Map(names.filter((name) => read.has(name) || led.has(name)).map((name) => [name, led.has(name)]));
}

const ERRORS = /(?<![\w.-])([\w-]+)\.error(?![\w-])/g;

/** Words that may be names of nodes: what stands behind a dot is a key. */
const NAMES = /(?<![\w.-])[\w-]+/g;

function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

/** The item to offer for the loop around a node: the first of those that are known, else null. */
export function firstItem(view: PipelineView, id: string, outputs: ReadonlyMap<string, unknown>): unknown {
  const items = view.byId.get(view.byId.get(id)?.parent ?? "")?.inputs.items;
  if (Array.isArray(items)) return items[0] ?? null;
  const path = typeof items === "string" ? /^\{\{\s*([\w-]+)\.output((?:\.[\w-]+)*)\s*\}\}$/.exec(items) : null;
  if (path === null) return null;
  const keys = (path[2] ?? "").split(".").slice(1);
  const found = keys.reduce<unknown>((inner, key) => partOf(inner, key), outputs.get(path[1] ?? ""));
  return Array.isArray(found) ? (found[0] ?? null) : null;
}

function partOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? own(value as Record<string, unknown>, key) : undefined;
}

export interface Given {
  /** Outputs by node, of those that the node reads. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Messages by node, of those that shall fail instead. */
  readonly errors?: Readonly<Record<string, string>>;
  /** What the innermost loop around it gives. */
  readonly item: unknown;
}

export interface LoneNode {
  readonly definition: string;
  /** What test runs take as outputs of the nodes that only stand in. */
  readonly pins: Readonly<Record<string, unknown>>;
}

/** Stands in for an earlier node: it never runs, as its output is pinned. */
const STAND_IN = { type: "json-transform", config: { expression: "@" } };
const ITEMS = "given-items";

/** Stands in for one that fails. A template would be rendered, and a text in one is what it is. */
function failing(message: string): Fields {
  return { type: "error", config: { message: `{{ ${JSON.stringify(message)} }}` } };
}

/** A pipeline of the node alone, inside of the loops around it, behind stand-ins for what it reads. */
export function aloneWith(view: PipelineView, id: string, { outputs, errors = {}, item }: Given): LoneNode {
  const node = view.byId.get(id);
  if (node === undefined) throw new Error(`there is no node ${id} to be tried`);
  const isInLoop = node.parent !== null;
  const pins = { ...outputs, ...(isInLoop && { [ITEMS]: [item] }) };
  const whole = isInLoop ? inLoops(view, node) : node.fields;
  const [given, failed] = [Object.keys(pins), Object.entries(errors)];
  const document = {
    apiVersion: "flume/v1",
    kind: "Pipeline",
    metadata: { name: view.name || "trial" },
    inputs: view.inputs,
    variables: view.variables,
    nodes: [
      ...given.map((name) => ({ id: name, ...STAND_IN })),
      ...failed.map(([name, message]) => ({ id: name, ...failing(message) })),
      whole,
    ],
    edges: [
      ...given.map((name) => ({ from: name, to: whole.id })),
      ...failed.map(([name]) => ({ from: name, to: whole.id, port: ERROR_PORT })),
    ],
  };
  return { definition: JSON.stringify(document), pins };
}

/** The node in its loop, with one item; loops around that one have one item, too. */
function inLoops(view: PipelineView, node: NodeView): Readonly<Record<string, unknown>> {
  let inner = node.fields;
  let items: unknown = `{{ ${ITEMS}.output }}`;
  for (let at = view.byId.get(node.parent ?? ""); at !== undefined; at = view.byId.get(at.parent ?? "")) {
    inner = { id: at.id, type: at.type, inputs: { items }, config: { body: { nodes: [inner] } } };
    items = [null];
  }
  return inner;
}
