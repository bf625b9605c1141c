/** Which connections are legal: ports of a node follow from its type and config, and nothing may run in a circle. */

import type { NodeTypeRecord } from "../../api/schema";
import type { EdgeView, NodeView, PipelineView } from "./view";

export type NodeTypes = ReadonlyMap<string, NodeTypeRecord>;

export const ERROR_PORT = "error";
const OUT = "out";

/** The ports of a node, without `error`, which every node has; `out` where they can't be known. */
export function portsOf(node: Pick<NodeView, "type" | "config">, types: NodeTypes): readonly string[] {
  const type = types.get(node.type);
  if (type?.ports != null) return type.ports;
  const { cases } = node.config;
  // The types whose ports follow from their config, as a switch does, have them as keys of `cases`.
  return typeof cases === "object" && cases !== null ? [...Object.keys(cases), "default"] : [OUT];
}

export interface Ends {
  readonly from: string;
  readonly port: string;
  readonly to: string;
}

/** Why two nodes can't be connected, as a sentence; null if they can. */
export function objectionTo(view: PipelineView, types: NodeTypes, { from, port, to }: Ends): string | null {
  const [source, target] = [view.byId.get(from), view.byId.get(to)];
  if (source === undefined || target === undefined) return "That node is gone";
  if (from === to) return "A node can't follow itself";
  if (source.parent !== target.parent) return "A node in a loop's body is connected with nodes of the same body only";
  if (port !== ERROR_PORT && !portsOf(source, types).includes(port)) return `${from} has no port ${port}`;
  if (view.edges.some((edge) => edge.from === from && edge.to === to && edge.port === port)) {
    return `${to} follows ${from} already`;
  }
  return isReached(view.edges, to, from) ? `${from} follows ${to}: the two would run in a circle` : null;
}

/** All connections that could be made to a node, or from it: those to which there is no objection. */
export function openEnds(view: PipelineView, types: NodeTypes, id: string, direction: "to" | "from"): readonly Ends[] {
  const node = view.byId.get(id);
  if (node === undefined) return [];
  const circling = new Set(reachedFrom(view.edges, id, direction === "to" ? "on" : "back"));
  const made = new Set(view.edges.map((edge) => keyOf(edge)));
  const others = view.nodes.filter(
    (other) => other.parent === node.parent && other.id !== id && !circling.has(other.id),
  );
  const waysOut = (from: NodeView) => [...portsOf(from, types), ERROR_PORT];
  const ends = others.flatMap((other) => {
    if (direction === "to") return waysOut(other).map((port) => ({ from: other.id, port, to: id }));
    return waysOut(node).map((port) => ({ from: id, port, to: other.id }));
  });
  return ends.filter((each) => !made.has(keyOf(each)));
}

function keyOf({ from, port, to }: Ends): string {
  return `${from}/${port}/${to}`;
}

/** Nodes that come before a node, the nearest first, those before the loops around it included. */
export function upstreamOf(view: PipelineView, id: string): readonly NodeView[] {
  const found: NodeView[] = [];
  for (let at = view.byId.get(id); at !== undefined; at = at.parent === null ? undefined : view.byId.get(at.parent)) {
    for (const before of reachedFrom(view.edges, at.id, "back")) {
      const node = view.byId.get(before);
      if (node !== undefined) found.push(node);
    }
  }
  return found;
}

function isReached(edges: readonly EdgeView[], from: string, to: string): boolean {
  return reachedFrom(edges, from, "on").includes(to);
}

/** All nodes that edges lead to, or back to; the nearest first, without the one to begin with. */
export function reachedFrom(edges: readonly EdgeView[], from: string, direction: "on" | "back"): readonly string[] {
  const next = new Map<string, string[]>();
  for (const edge of edges) {
    const [near, far] = direction === "on" ? [edge.from, edge.to] : [edge.to, edge.from];
    next.set(near, [...(next.get(near) ?? []), far]);
  }
  const seen = new Set([from]);
  for (const id of seen) for (const far of next.get(id) ?? []) seen.add(far);
  seen.delete(from);
  return [...seen];
}
