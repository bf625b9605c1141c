/**
 * What of a pipeline the canvas draws. Most changes of a text, such as a letter in a prompt, leave it as it is, and then
 * nothing is drawn or arranged anew.
 */

import { useMemo, useRef } from "react";
import { CARD, type CardSize, sizeOf } from "../../model/graph";
import { ERROR_PORT, type NodeTypes, portsOf } from "../document/connecting";
import type { NodeView, PipelineView, Point } from "../document/view";
import type { ArrangedEdge } from "./arranging";

export interface ShapeNode extends CardSize {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly parent: string | null;
  readonly isLoop: boolean;
  /** The ports that are shown by name: none where the ordinary way out is the only one. */
  readonly ports: readonly string[];
  /** How a loop repeats; empty for other nodes. */
  readonly repetition: string;
}

export interface Shape {
  readonly nodes: readonly ShapeNode[];
  readonly edges: readonly ArrangedEdge[];
  readonly places: readonly (readonly [id: string, place: Point])[];
}

function shapeOf(view: PipelineView, types: NodeTypes): Shape {
  const used = new Map<string, Set<string>>();
  for (const { from, port } of view.edges) used.set(from, (used.get(from) ?? new Set()).add(port));
  const nodes = view.nodes.map((node): ShapeNode => {
    const ports = shownPorts(portsOf(node, types), used.get(node.id) ?? new Set());
    const { height } = sizeOf({ ports, isLoop: false, hasFoot: false });
    const { id, type, name, parent, isLoop } = node;
    return { id, type, name, parent, isLoop, ports, width: CARD.width, height, repetition: repetitionOf(node) };
  });
  const edges = view.edges.map(({ from, to, port, parent }) => ({ from, to, port, parent }));
  return { nodes, edges, places: [...view.layout] };
}

/** The ports of the type, others that edges leave by all the same, and `error` where it is used. */
function shownPorts(own: readonly string[], used: ReadonlySet<string>): readonly string[] {
  const others = [...used].filter((port) => port !== ERROR_PORT && !own.includes(port));
  const ports = [...own, ...others, ...(used.has(ERROR_PORT) ? [ERROR_PORT] : [])];
  return ports.length === 1 ? [] : ports;
}

function repetitionOf({ isLoop, config }: NodeView): string {
  if (!isLoop) return "";
  if (config.while !== undefined) return "while a condition holds";
  return config.times === undefined ? "for each item" : `${String(config.times)} times`;
}

/** The same object as long as there is nothing else to draw. */
export function useShape(view: PipelineView, types: NodeTypes): Shape {
  const before = useRef<{ readonly key: string; readonly shape: Shape } | null>(null);
  return useMemo(() => {
    const shape = shapeOf(view, types);
    const key = JSON.stringify(shape);
    if (before.current?.key !== key) before.current = { key, shape };
    return before.current.shape;
  }, [view, types]);
}
