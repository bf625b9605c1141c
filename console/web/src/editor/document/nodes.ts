/** The nodes of a pipeline: added, removed and renamed with all that names them, each as the new text. Pure. */

import { type Ends, type NodeTypes, portsOf } from "./connecting";
import { connect, disconnect } from "./edges";
import { addAt, EditRefused, setAt } from "./edits";
import { bodyPath, ORDER, onPipeline, type Pipeline, removed } from "./pipeline";
import { place, renamedPlace } from "./places";
import { renamedReferences } from "./renaming";
import { applySplices } from "./splices";
import { LOOP, type PipelineView, type Point } from "./view";

/** An id that is free: the type's name, or with a number. Ids are unique in the whole pipeline. */
export function freeId(taken: ReadonlySet<string>, wish: string): string {
  const base = wish.replace(/[^a-z0-9-]+/g, "-").replace(/^[^a-z]+|-+$/g, "") || "node";
  const stem = RESERVED.has(base) ? `${base}-node` : base;
  if (!taken.has(stem)) return stem;
  let number = 2;
  while (taken.has(`${stem}-${number}`)) number += 1;
  return `${stem}-${number}`;
}

/** Names that templates need for themselves. */
const RESERVED = new Set(
  "inputs variables trigger secrets item index outer run pipeline and or not in is if else true false none null".split(
    " ",
  ),
);

export interface Addition {
  readonly type: string;
  readonly parent?: string | null;
  /** The node whose port leads to the new one. */
  readonly after?: { readonly from: string; readonly port: string } | null;
  /** The edge that the new one is put into. */
  readonly into?: Ends | null;
  readonly at?: Point | null;
}

export interface Added {
  readonly text: string;
  readonly id: string;
}

/** Add a node, connected as wanted. */
export function addNode(pipeline: Pipeline, types: NodeTypes, addition: Addition): Added {
  const { source, view } = pipeline;
  const { type, parent = null, after = null, into = null, at = null } = addition;
  const id = freeId(new Set(view.byId.keys()), type);
  const node = { id, type, ...(type === LOOP && { config: { body: { nodes: [] } } }) };
  const body = bodyPath(view, parent);
  let text = applySplices(source.text, addAt(source, [...body, "nodes"], node, ORDER));
  const from = into ?? after;
  if (into !== null) text = onPipeline(text, (each) => disconnect(each, into));
  if (from !== null) text = onPipeline(text, (each) => connect(each, types, { ...from, to: id }));
  if (into !== null) {
    const [port = "out"] = portsOf({ type, config: {} }, types);
    text = onPipeline(text, (each) => connect(each, types, { from: id, port, to: into.to }));
  }
  if (at !== null) text = onPipeline(text, (each) => place(each, new Map([[id, at]])));
  return { text, id };
}

/** Remove nodes with their edges and places; with a loop goes all that is in it. */
export function deleteNodes({ source, view }: Pipeline, ids: ReadonlySet<string>): string {
  const gone = new Set(view.nodes.filter((node) => isWithin(view, node.id, ids)).map((node) => node.id));
  const outermost = (parent: string | null) => parent === null || !gone.has(parent);
  const nodes = view.nodes.filter((node) => ids.has(node.id) && outermost(node.parent)).map((node) => node.path);
  const edges = view.edges
    .filter((edge) => (gone.has(edge.from) || gone.has(edge.to)) && outermost(edge.parent))
    .map((edge) => edge.path);
  const places = [...view.layout.keys()].filter((id) => gone.has(id)).map((id) => [...view.base, "layout", id]);
  return applySplices(source.text, removed(source, [...nodes, ...edges, ...places]));
}

/** Whether a node is one of those, or in one of them. */
export function isWithin(view: PipelineView, id: string, ids: ReadonlySet<string>): boolean {
  for (let at: string | null = id; at !== null; at = view.byId.get(at)?.parent ?? null) if (ids.has(at)) return true;
  return false;
}

/** Give a node another id, everywhere: in edges, templates and the layout. */
export function renameNode({ source, view }: Pipeline, types: NodeTypes, id: string, name: string): string {
  const node = view.byId.get(id);
  if (node === undefined || id === name) return source.text;
  if (view.byId.has(name)) throw new EditRefused(`there is a node ${name} already`);
  const splices = [
    ...setAt(source, [...node.path, "id"], name),
    ...renamedReferences(source, view, types, new Map([[id, name]])),
    ...renamedPlace({ source, view }, id, name),
  ];
  for (const edge of view.edges) {
    if (edge.from === id) splices.push(...setAt(source, [...edge.path, "from"], name));
    if (edge.to === id) splices.push(...setAt(source, [...edge.path, "to"], name));
  }
  return applySplices(source.text, splices);
}
