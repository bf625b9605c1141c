/** The edges of a pipeline: made, removed, and led elsewhere, each as the new text. Pure. */

import { type Ends, ERROR_PORT, type NodeTypes, portsOf } from "./connecting";
import { addAt, EditRefused, removeAt, setAt } from "./edits";
import { bodyPath, ORDER, type Pipeline, removed } from "./pipeline";
import { applySplices, type Splice } from "./splices";
import type { Fields, NodeView } from "./view";
import { inFlow } from "./writing";

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
  return { from, to, port: writtenPort(port) };
}

/** A port as a person writes it: those of a condition without quotes. */
export function writtenPort(port: string): string | boolean {
  return port === "true" ? true : port === "false" ? false : port;
}

/** Remove an edge, whichever way it is written. */
export function disconnect({ source, view }: Pipeline, ends: Ends): string {
  const paths = view.edges.filter((edge) => isSame(edge, ends)).map((edge) => edge.path);
  return applySplices(source.text, removed(source, paths));
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
