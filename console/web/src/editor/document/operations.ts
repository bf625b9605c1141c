/** What can be done to a pipeline, each as the new text: pure, and with the rest of the text as it was. */

import { type Ends, ERROR_PORT, type NodeTypes, portsOf } from "./connecting";
import { addAt, EditRefused, type KeyOrder, removeAt, renameAt, setAt } from "./edits";
import { renamedReferences } from "./renaming";
import { type Path, readSource, type Source } from "./source";
import { applySplices, type Splice } from "./splices";
import { type EdgeView, type Fields, LOOP, type NodeView, type PipelineView, type Point, viewOf } from "./view";
import { inFlow } from "./writing";

const TOP = [
  "apiVersion",
  "kind",
  "metadata",
  "state",
  "trigger",
  "triggers",
  "inputs",
  "variables",
  "timeout",
  "nodes",
  "edges",
  "layout",
];
const NODE = [
  "id",
  "name",
  "type",
  "runOn",
  "config",
  "inputs",
  "when",
  "retry",
  "timeout",
  "startTimeout",
  "resources",
  "durable",
  "onError",
];
const METADATA = ["name", "namespace", "description", "labels"];

/** A pipeline's text as it was read, which every operation begins with. */
export interface Pipeline {
  readonly source: Source;
  readonly view: PipelineView;
}

/** The pipeline of a text; null if it can't be read. */
export function readPipeline(text: string): Pipeline | null {
  const source = readSource(text);
  return source.faults.length > 0 ? null : { source, view: viewOf(source) };
}

/** Keys as people write them, by where they stand; of other maps in the order in which they come. */
export const ORDER: KeyOrder = (path) => {
  const [parent, key] = [path.at(-3), path.at(-2)];
  if (path.length === 1 || (path.length === 2 && key === "spec")) return TOP;
  if (parent === "nodes" && typeof key === "number") return NODE;
  return key === "metadata" ? METADATA : key === "body" ? TOP : [];
};

/** Set a field anywhere; `undefined` removes it, and what gets empty by it. */
export function setField({ source }: Pipeline, path: Path, value: unknown): string {
  const key = path.at(-1);
  if (key === undefined) throw new EditRefused("a document can't be replaced as a whole");
  const isGone = value === undefined;
  const splices = isGone ? removeAt(source, path.slice(0, -1), [key]) : setAt(source, path, value, ORDER);
  return applySplices(source.text, splices);
}

/** Give a key of a map another name; all else of the map, its comments included, stays as it is written. */
export function renameKey({ source }: Pipeline, path: Path, name: string): string {
  return applySplices(source.text, renameAt(source, path, name));
}

/** Where nodes of a body are, of the top level for null. */
export function bodyPath(view: PipelineView, parent: string | null): Path {
  if (parent === null) return view.base;
  const loop = view.byId.get(parent);
  if (loop === undefined) throw new EditRefused(`there is no loop ${parent}`);
  return [...loop.path, "config", "body"];
}

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

function onPipeline(text: string, change: (pipeline: Pipeline) => string): string {
  const pipeline = readPipeline(text);
  if (pipeline === null) throw new EditRefused("the text can't be read; mend the YAML first");
  return change(pipeline);
}

/** Add an edge; whether it is legal is for `objectionTo`. */
export function connect({ source, view }: Pipeline, types: NodeTypes, ends: Ends): string {
  const node = view.byId.get(ends.from);
  const body = bodyPath(view, node?.parent ?? null);
  return applySplices(source.text, addAt(source, [...body, "edges"], inFlow(edgeOf(ends, node, types)), ORDER));
}

function edgeOf({ from, port, to }: Ends, node: NodeView | undefined, types: NodeTypes): Fields {
  const ports = node === undefined ? [] : portsOf(node, types);
  const isOrdinary = port !== ERROR_PORT && ports.length === 1;
  if (isOrdinary) return { from, to };
  return { from, to, port: port === "true" ? true : port === "false" ? false : port };
}

/** Remove an edge, whichever way it is written. */
export function disconnect({ source, view }: Pipeline, ends: Ends): string {
  return applySplices(
    source.text,
    removedEdges(source, view, (edge) => isSame(edge, ends)),
  );
}

/** Lead an edge elsewhere, in its place in the text; whether that is legal is for `objectionTo`. */
export function reconnect({ source, view }: Pipeline, types: NodeTypes, old: Ends, wanted: Ends): string {
  const edge = view.edges.find((each) => isSame(each, old));
  if (edge === undefined) throw new EditRefused(`the edge from ${old.from} to ${old.to} is gone`);
  const fields = edgeOf(wanted, view.byId.get(wanted.from), types);
  const splices: Splice[] = [];
  if (wanted.from !== old.from) splices.push(...setAt(source, [...edge.path, "from"], fields.from));
  if (wanted.to !== old.to) splices.push(...setAt(source, [...edge.path, "to"], fields.to));
  const hasPort = source.document.hasIn([...edge.path, "port"]);
  if (fields.port !== undefined) splices.push(...setAt(source, [...edge.path, "port"], fields.port));
  else if (hasPort) splices.push(...removeAt(source, edge.path, ["port"]));
  return applySplices(source.text, splices);
}

function isSame(edge: Ends, other: Ends): boolean {
  return edge.from === other.from && edge.to === other.to && edge.port === other.port;
}

function removedEdges(source: Source, view: PipelineView, isGone: (edge: EdgeView) => boolean): readonly Splice[] {
  return removed(
    source,
    view.edges.filter(isGone).map((edge) => edge.path),
  );
}

/** Remove parts of lists or maps, all of one collection at once. */
function removed(source: Source, paths: readonly Path[]): readonly Splice[] {
  const groups = new Map<string, Path[]>();
  for (const path of paths) {
    const above = JSON.stringify(path.slice(0, -1));
    groups.set(above, [...(groups.get(above) ?? []), path]);
  }
  return [...groups.values()].flatMap((group) =>
    removeAt(
      source,
      group[0]?.slice(0, -1) ?? [],
      group.map((path) => path.at(-1) ?? ""),
    ),
  );
}

/** Remove nodes with their edges and places; with a loop goes all that is in it. */
export function deleteNodes({ source, view }: Pipeline, ids: ReadonlySet<string>): string {
  const gone = new Set(view.nodes.filter((node) => isWithin(view, node, ids)).map((node) => node.id));
  const outermost = (parent: string | null) => parent === null || !gone.has(parent);
  const nodes = view.nodes.filter((node) => ids.has(node.id) && outermost(node.parent)).map((node) => node.path);
  const edges = view.edges
    .filter((edge) => (gone.has(edge.from) || gone.has(edge.to)) && outermost(edge.parent))
    .map((edge) => edge.path);
  const places = [...view.layout.keys()].filter((id) => gone.has(id)).map((id) => [...view.base, "layout", id]);
  return applySplices(source.text, removed(source, [...nodes, ...edges, ...places]));
}

function isWithin(view: PipelineView, node: NodeView, ids: ReadonlySet<string>): boolean {
  if (ids.has(node.id)) return true;
  const parent = node.parent === null ? undefined : view.byId.get(node.parent);
  return parent !== undefined && isWithin(view, parent, ids);
}

/** Give a node another id, everywhere: in edges, templates and the layout. */
export function renameNode({ source, view }: Pipeline, types: NodeTypes, id: string, name: string): string {
  const node = view.byId.get(id);
  if (node === undefined || id === name) return source.text;
  if (view.byId.has(name)) throw new EditRefused(`there is a node ${name} already`);
  const splices = [
    ...setAt(source, [...node.path, "id"], name),
    ...renamedReferences(source, view, types, new Map([[id, name]])),
  ];
  for (const edge of view.edges) {
    if (edge.from === id) splices.push(...setAt(source, [...edge.path, "from"], name));
    if (edge.to === id) splices.push(...setAt(source, [...edge.path, "to"], name));
  }
  const renamed = applySplices(source.text, splices);
  const point = view.layout.get(id);
  if (point === undefined) return renamed;
  return onPipeline(renamed, (each) =>
    onPipeline(setField(each, [...view.base, "layout", id], undefined), (rest) =>
      place(rest, new Map([[name, point]])),
    ),
  );
}

/** Put nodes to places. Nothing but `layout` changes. */
export function place(pipeline: Pipeline, points: ReadonlyMap<string, Point>): string {
  const { source, view } = pipeline;
  const rounded = [...points].map(([id, { x, y }]) => [id, { x: Math.round(x), y: Math.round(y) }] as const);
  if (view.layout.size === 0) {
    const layout = Object.fromEntries(rounded.map(([id, point]) => [id, inFlow({ ...point })]));
    return applySplices(source.text, setAt(source, [...view.base, "layout"], layout, ORDER));
  }
  return rounded.reduce(
    (text, [id, point]) =>
      onPipeline(text, (each) =>
        applySplices(text, setAt(each.source, [...view.base, "layout", id], inFlow({ ...point }))),
      ),
    source.text,
  );
}

/** Forget all places: the canvas arranges the nodes by itself again. */
export function tidy(pipeline: Pipeline): string {
  return setField(pipeline, [...pipeline.view.base, "layout"], undefined);
}

/** Add a trigger; a single one of `trigger` moves into the list. */
export function addTrigger(pipeline: Pipeline, trigger: Fields): string {
  const { source, view } = pipeline;
  const single = source.document.getIn([...view.base, "trigger"]) as { toJSON?: () => Fields } | undefined;
  if (single === undefined)
    return applySplices(
      source.text,
      addAt(source, [...view.base, "triggers"], isPlain(trigger) ? inFlow(trigger) : trigger, ORDER),
    );
  const all = [single.toJSON?.() ?? {}, trigger];
  return onPipeline(setField(pipeline, [...view.base, "trigger"], undefined), (each) =>
    setField(each, [...view.base, "triggers"], all),
  );
}

function isPlain(fields: Fields): boolean {
  return Object.values(fields).every((value) => typeof value !== "object");
}
