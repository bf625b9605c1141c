/** What a layout is asked for and gives, and how an edge is drawn from it. */

import type { GraphEdge } from "../api/schema";
import { type Box, CARD, type CardSize } from "./graph";

export interface LayoutRequest {
  readonly sizes: readonly (readonly [id: string, size: CardSize])[];
  readonly edges: readonly GraphEdge[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly boxes: ReadonlyMap<string, Box>;
  /** By `edgeKey`: the middles of the channels between the two cards; empty for neighbors. */
  readonly channels: ReadonlyMap<string, readonly Point[]>;
}

export function edgeKey(edge: GraphEdge): string {
  return `${edge.from}/${edge.port}/${edge.to}`;
}

/** The curve of an edge: it bends between columns only, and runs straight through each column that it passes. */
export function edgePath(from: Point, to: Point, channels: readonly Point[]): string {
  const half = CARD.width / 2;
  let path = `M ${from.x} ${from.y}`;
  let at = from;
  for (const { x, y } of channels) {
    path += `${bend(at, { x: x - half, y })} L ${x + half} ${y}`;
    at = { x: x + half, y };
  }
  return path + bend(at, to);
}

function bend(from: Point, to: Point): string {
  const middle = (from.x + to.x) / 2;
  return ` C ${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`;
}
