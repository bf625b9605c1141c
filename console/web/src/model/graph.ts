/** What a graph is drawn from: the same for a run and for a pipeline, which has no states. */

import type { GraphEdge } from "../api/schema";

export interface DrawnNode {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly category?: string;
  readonly icon?: string;
  /** All tries together; 1 where nothing is tried again. */
  readonly maxAttempts?: number;
  readonly body?: DrawnGraph | null;
}

export interface DrawnGraph {
  readonly nodes: readonly DrawnNode[];
  readonly edges: readonly GraphEdge[];
}

/** Ports that need no name on a card: the ordinary way out, as a plan and as a definition call it. */
const ORDINARY = new Set(["out", "success"]);
const LAST = "error";

/** The ports by which a node's edges leave, `error` last; just the ordinary one needs no row. */
export function portsOf(id: string, edges: readonly GraphEdge[]): readonly string[] {
  const used = new Set(edges.filter((edge) => edge.from === id).map((edge) => edge.port));
  const ports = [...used].filter((port) => port !== LAST);
  if (used.has(LAST)) ports.push(LAST);
  return ports.length === 1 && ORDINARY.has(ports[0] ?? "") ? [] : ports;
}

/** Sizes of a card in pixels. They are given to the layout before anything is drawn, so that both agree. */
export const CARD = { width: 224, head: 46, row: 22, foot: 28, loop: 30 } as const;

export interface CardSize {
  readonly width: number;
  readonly height: number;
}

export interface CardShape {
  readonly ports: readonly string[];
  readonly isLoop: boolean;
  /** A run's card has a foot with its status. */
  readonly hasFoot: boolean;
}

export function sizeOf({ ports, isLoop, hasFoot }: CardShape): CardSize {
  const rows = ports.length ? ports.length * CARD.row + 4 : 0;
  return { width: CARD.width, height: CARD.head + rows + (isLoop ? CARD.loop : 0) + (hasFoot ? CARD.foot : 0) };
}

/** Where a port is, in pixels from the card's upper edge: the ordinary one, like the way in, at the card's middle. */
export function portTop(ports: readonly string[], port: string, height: number): number {
  const place = ports.indexOf(port);
  return place < 0 ? height / 2 : CARD.head + place * CARD.row + CARD.row / 2;
}

export type Direction = "ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown";

export interface Box extends CardSize {
  readonly x: number;
  readonly y: number;
}

/** The node that an arrow key leads to: the nearest one in that direction, one straight ahead before one aside. */
export function neighbor(from: string, boxes: ReadonlyMap<string, Box>, direction: Direction): string | null {
  const origin = boxes.get(from);
  if (origin === undefined) return null;
  const isSideways = direction === "ArrowLeft" || direction === "ArrowRight";
  const sign = direction === "ArrowLeft" || direction === "ArrowUp" ? -1 : 1;
  let best: string | null = null;
  let shortest = Number.POSITIVE_INFINITY;
  for (const [id, box] of boxes) {
    const dx = box.x + box.width / 2 - (origin.x + origin.width / 2);
    const dy = box.y + box.height / 2 - (origin.y + origin.height / 2);
    const ahead = sign * (isSideways ? dx : dy);
    const aside = Math.abs(isSideways ? dy : dx);
    const distance = ahead + 2 * aside;
    if (id !== from && ahead > 20 && distance < shortest) {
      best = id;
      shortest = distance;
    }
  }
  return best;
}
