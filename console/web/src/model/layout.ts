/**
 * Where the cards of a graph stand and how its edges run: dagre's work, turned into what the canvas draws.
 *
 * An edge that passes other columns gets a channel of its own through them (the dummy points of the layered layout), so it
 * never runs behind a card. Pure but slow: some 200 ms for 200 nodes, so large graphs are laid out in a worker.
 */

import { layout as arrange, Graph } from "@dagrejs/dagre";
import type { Box, CardSize } from "./graph";
import { edgeKey, type Layout, type LayoutRequest, type Point } from "./routes";

/** Network simplex needs seconds beyond this; the other ranker gives nearly the same picture in a tenth of the time. */
const MANY_NODES = 150;
const GAP_X = 72;
const GAP_Y = 28;
const GRID = 8;

export function layoutOf({ sizes, edges }: LayoutRequest): Layout {
  const graph = new Graph({ directed: true, multigraph: true });
  const ranker = sizes.length > MANY_NODES ? "tight-tree" : "network-simplex";
  graph.setGraph({ rankdir: "LR", ranksep: GAP_X, nodesep: GAP_Y, edgesep: 14, ranker });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const [id, size] of sizes) graph.setNode(nameOf(id), { ...size });
  for (const { from, to, port } of edges) graph.setEdge(nameOf(from), nameOf(to), {}, port);
  arrange(graph);
  const boxes = new Map(sizes.map(([id, size]) => [id, boxAt(graph.node(nameOf(id)), size)]));
  const channels = new Map(
    edges.map((edge) => [edgeKey(edge), channelOf(graph.edge(nameOf(edge.from), nameOf(edge.to), edge.port))]),
  );
  return { boxes, channels };
}

/** dagre keeps nodes in plain objects, in which `constructor` is there before anybody sets it. */
function nameOf(id: string): string {
  return `node ${id}`;
}

function boxAt(center: unknown, size: CardSize): Box {
  const { x, y } = center as Point;
  return { ...size, x: snap(x - size.width / 2), y: snap(y - size.height / 2) };
}

/** The first and last points lie on the cards' borders, and each second one between columns: channels are what remains. */
function channelOf(edge: unknown): readonly Point[] {
  const points = (edge as { points?: readonly Point[] }).points ?? [];
  return points.slice(1, -1).filter((_, place) => place % 2 === 1);
}

function snap(value: number): number {
  return Math.round(value / GRID) * GRID;
}
