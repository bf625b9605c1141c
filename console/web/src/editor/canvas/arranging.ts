/**
 * Where the nodes of a pipeline stand: at the places that the document gives, else where the layout puts them. The body of a
 * loop is a graph of its own inside of the loop's frame, whose size follows from it. Pure, and slow for large graphs.
 */

import type { Box, CardSize } from "../../model/graph";
import { layoutOf } from "../../model/layout";
import { edgeKey, type Layout, type Point } from "../../model/routes";
import { boundsOf } from "../../model/viewport";

export interface ArrangedNode extends CardSize {
  readonly id: string;
  readonly parent: string | null;
  readonly isLoop: boolean;
}

export interface ArrangedEdge {
  readonly from: string;
  readonly to: string;
  readonly port: string;
  readonly parent: string | null;
}

export interface ArrangeRequest {
  readonly nodes: readonly ArrangedNode[];
  readonly edges: readonly ArrangedEdge[];
  readonly places: readonly (readonly [id: string, place: Point])[];
}

/** Boxes are relative to the frame that a node is in; channels are where they are on the canvas. */
export type Arrangement = Layout;

/** What a frame has around its nodes: its head above them, with the words for an empty one. */
export const FRAME = { head: 46, margin: 24, width: 280, height: 140 } as const;
const GAP = 72;

export function arrange(request: ArrangeRequest): Arrangement {
  const boxes = new Map<string, Box>();
  const routes = new Map<string | null, Layout["channels"]>();
  arrangeBody(null, request, new Map(request.places), boxes, routes);
  const channels = new Map<string, readonly Point[]>();
  for (const [parent, found] of routes) {
    const origin = originOf(parent, request.nodes, boxes);
    for (const [key, points] of found)
      channels.set(
        key,
        points.map((point) => ({ x: point.x + origin.x, y: point.y + origin.y })),
      );
  }
  return { boxes, channels };
}

/** Arranges what is in a frame, the innermost first, and gives the size that the frame needs. */
function arrangeBody(
  parent: string | null,
  request: ArrangeRequest,
  places: ReadonlyMap<string, Point>,
  boxes: Map<string, Box>,
  routes: Map<string | null, Layout["channels"]>,
): CardSize {
  const nodes = request.nodes.filter((node) => node.parent === parent);
  const edges = request.edges.filter((edge) => edge.parent === parent && isBetween(nodes, edge));
  const sizes = nodes.map((node) => {
    const size = node.isLoop ? arrangeBody(node.id, request, places, boxes, routes) : node;
    return [node.id, { width: size.width, height: size.height }] as const;
  });
  if (nodes.length === 0) return { width: FRAME.width, height: FRAME.height };
  const layout = layoutOf({ sizes, edges });
  const own = placed(layout.boxes, places, edges);
  const shift = parent === null ? { x: 0, y: 0 } : inset(own);
  for (const [id, box] of own) boxes.set(id, { ...box, x: box.x + shift.x, y: box.y + shift.y });
  routes.set(parent, routesBetween(layout, own, edges, shift));
  const bounds = boundsOf(own);
  return {
    width: bounds.x + bounds.width + shift.x + FRAME.margin,
    height: bounds.y + bounds.height + shift.y + FRAME.margin,
  };
}

function isBetween(nodes: readonly ArrangedNode[], edge: ArrangedEdge): boolean {
  return nodes.some((node) => node.id === edge.from) && nodes.some((node) => node.id === edge.to);
}

/** The boxes at their given places; one without stands right of what comes before it, clear of the others. */
function placed(
  automatic: ReadonlyMap<string, Box>,
  places: ReadonlyMap<string, Point>,
  edges: readonly ArrangedEdge[],
): ReadonlyMap<string, Box> {
  if (![...automatic.keys()].some((id) => places.has(id))) return automatic;
  const boxes = new Map<string, Box>();
  for (const [id, box] of automatic) {
    const place = places.get(id);
    if (place !== undefined) boxes.set(id, { ...box, ...place });
  }
  const waiting = [...automatic].filter(([id]) => !boxes.has(id)).sort(([, one], [, other]) => one.x - other.x);
  for (const [id, box] of waiting) boxes.set(id, clear(beside(id, box, boxes, edges), boxes));
  return boxes;
}

function beside(id: string, box: Box, boxes: ReadonlyMap<string, Box>, edges: readonly ArrangedEdge[]): Box {
  const before = edges.filter((edge) => edge.to === id).flatMap((edge) => boxes.get(edge.from) ?? []);
  if (before.length === 0) {
    const bounds = boundsOf(boxes);
    return { ...box, x: bounds.x, y: bounds.y + bounds.height + 32 };
  }
  const right = Math.max(...before.map((each) => each.x + each.width));
  return { ...box, x: right + GAP, y: Math.min(...before.map((each) => each.y)) };
}

function clear(box: Box, others: ReadonlyMap<string, Box>): Box {
  let free = box;
  for (let found = overlap(free, others); found !== undefined; found = overlap(free, others)) {
    free = { ...free, y: found.y + found.height + 24 };
  }
  return free;
}

function overlap(box: Box, others: ReadonlyMap<string, Box>): Box | undefined {
  return [...others.values()].find(
    (other) =>
      box.x < other.x + other.width &&
      other.x < box.x + box.width &&
      box.y < other.y + other.height &&
      other.y < box.y + box.height,
  );
}

/** How far to move what is in a frame, so that it begins below the head and right of the margin. */
function inset(boxes: ReadonlyMap<string, Box>): Point {
  const bounds = boundsOf(boxes);
  return { x: FRAME.margin - bounds.x, y: FRAME.head + FRAME.margin - bounds.y };
}

/** The routes of the layout, for edges whose ends both stand where it put them. */
function routesBetween(
  layout: Layout,
  boxes: ReadonlyMap<string, Box>,
  edges: readonly ArrangedEdge[],
  shift: Point,
): Layout["channels"] {
  const isUnmoved = (id: string) =>
    layout.boxes.get(id)?.x === boxes.get(id)?.x && layout.boxes.get(id)?.y === boxes.get(id)?.y;
  const kept = edges.filter((edge) => isUnmoved(edge.from) && isUnmoved(edge.to));
  return new Map(
    kept.map((edge) => {
      const points = layout.channels.get(edgeKey(edge)) ?? [];
      return [edgeKey(edge), points.map(({ x, y }) => ({ x: x + shift.x, y: y + shift.y }))];
    }),
  );
}

function originOf(id: string | null, nodes: readonly ArrangedNode[], boxes: ReadonlyMap<string, Box>): Point {
  if (id === null) return { x: 0, y: 0 };
  const box = boxes.get(id);
  const above = originOf(nodes.find((node) => node.id === id)?.parent ?? null, nodes, boxes);
  return { x: above.x + (box?.x ?? 0), y: above.y + (box?.y ?? 0) };
}
