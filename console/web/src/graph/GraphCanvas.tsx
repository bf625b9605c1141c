/**
 * The canvas that a graph is seen on: pan, zoom, map, and a keyboard that walks from card to card.
 *
 * It knows no states: cards and edges find their own, so a change of one node draws one card anew and nothing else.
 */

import {
  Background,
  BackgroundVariant,
  Controls,
  type EdgeTypes,
  MiniMap,
  type MiniMapNodeProps,
  type Node,
  type NodeTypes,
  ReactFlow,
  type ReactFlowInstance,
  useStore,
} from "@xyflow/react";
import { type ComponentType, type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import {
  type CardSize,
  type Direction,
  type DrawnGraph,
  type DrawnNode,
  neighbor,
  portsOf,
  sizeOf,
} from "../model/graph";
import { edgeKey, type Layout } from "../model/routes";
import { BUTTONS, firstViewport, MARGIN, viewportShowing } from "../model/viewport";
import { detailOf } from "./Card";
import { focusCard } from "./focusing";
import type { RoutedEdgeType } from "./RoutedEdge";
import { useLayout } from "./useLayout";

export type CardNode = Node<
  { readonly node: DrawnNode; readonly ports: readonly string[]; readonly size: CardSize; readonly isFirst: boolean },
  "card"
>;

export interface GraphCanvasProps {
  readonly graph: DrawnGraph;
  readonly hasStates: boolean;
  readonly nodeTypes: NodeTypes;
  readonly edgeTypes: EdgeTypes;
  readonly mapNode?: ComponentType<MiniMapNodeProps>;
  readonly selected: string | null;
  readonly onSelect: (id: string | null) => void;
}

type Flow = ReactFlowInstance<CardNode, RoutedEdgeType>;

/** Beyond this, cards outside the window are not drawn. */
const MANY_NODES = 150;
/** The map is drawn by these; styles alone would not change its scale. */
const MAP_SIZE = { width: 148, height: 92 };
/** The buttons are a line below the cards, as `firstViewport` leaves room for. */
const FITTING = { padding: { x: `${MARGIN}px`, top: `${MARGIN}px`, bottom: `${BUTTONS}px` }, maxZoom: 1 } as const;
const ARROWS = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]);

export function GraphCanvas(props: GraphCanvasProps) {
  const { graph, hasStates } = props;
  const cards = useMemo(() => cardsOf(graph, hasStates), [graph, hasStates]);
  const request = useMemo(
    () => ({ sizes: cards.map(({ id, data }) => [id, data.size] as const), edges: graph.edges }),
    [cards, graph],
  );
  const layout = useLayout(request);
  if (layout === null)
    return (
      <div className="canvas canvas--empty" role="status">
        Arranging {cards.length} nodes …
      </div>
    );
  return <Arranged {...props} cards={cards} layout={layout} />;
}

function Arranged(props: GraphCanvasProps & { readonly cards: readonly CardNode[]; readonly layout: Layout }) {
  const { graph, cards, layout, selected, onSelect } = props;
  const around = useRef<HTMLDivElement>(null);
  const [flow, setFlow] = useState<Flow | null>(null);
  const nodes = useMemo(() => cards.map((card) => ({ ...card, position: placeOf(layout, card.id) })), [cards, layout]);
  const edges = useMemo(() => edgesOf(graph, cards, layout), [graph, cards, layout]);
  useShown(flow, around, layout, selected);

  const begin = (made: Flow) => {
    const size = around.current?.getBoundingClientRect();
    if (size) void made.setViewport(firstViewport(layout.boxes, size, selected));
    setFlow(made);
  };
  const walk = (event: KeyboardEvent) => {
    const from = (event.target as HTMLElement).dataset.node;
    if (event.key === "Escape" && selected !== null) onSelect(null);
    if (from === undefined || !ARROWS.has(event.key)) return;
    event.preventDefault();
    const next = neighbor(from, layout.boxes, event.key as Direction);
    if (next === null) return;
    onSelect(next);
    // The card may lie outside the window and be drawn only after the canvas has moved.
    requestAnimationFrame(() => requestAnimationFrame(() => focusCard(next, around.current ?? document)));
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the cards inside, which are buttons
    <div className="canvas" ref={around} onKeyDown={walk}>
      <ReactFlow<CardNode, RoutedEdgeType>
        nodes={nodes}
        edges={edges}
        nodeTypes={props.nodeTypes}
        edgeTypes={props.edgeTypes}
        onInit={begin}
        onNodeClick={(_, node) => onSelect(node.id)}
        onPaneClick={() => onSelect(null)}
        minZoom={0.04}
        maxZoom={1.6}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        zoomOnDoubleClick={false}
        onlyRenderVisibleElements={cards.length > MANY_NODES}
        aria-label="Graph of nodes. Tab leads to a node, arrow keys to its neighbors."
      >
        <Farness around={around} />
        <Background variant={BackgroundVariant.Dots} gap={24} size={1.4} />
        <Controls orientation="horizontal" showInteractive={false} fitViewOptions={FITTING} />
        {cards.length > 6 && (
          <MiniMap
            style={MAP_SIZE}
            pannable
            zoomable
            ariaLabel="Map of the graph"
            {...(props.mapNode && { nodeComponent: props.mapNode })}
          />
        )}
      </ReactFlow>
    </div>
  );
}

/** Marks the canvas while it is seen from afar: nothing moves then, since all that moves has to be painted. */
function Farness({ around }: { readonly around: { readonly current: HTMLElement | null } }) {
  const detail = useStore(detailOf);
  useEffect(() => {
    around.current?.classList.toggle("canvas--far", detail !== "near");
  }, [around, detail]);
  return null;
}

/** Keeps the selected card in the window, also when the window gets smaller because its details open beside it. */
function useShown(
  flow: Flow | null,
  around: { readonly current: HTMLElement | null },
  layout: Layout,
  selected: string | null,
): void {
  useEffect(() => {
    const element = around.current;
    const box = selected === null ? undefined : layout.boxes.get(selected);
    if (flow === null || element === null || box === undefined) return;
    const show = () => {
      const before = flow.getViewport();
      const after = viewportShowing(before, box, element.getBoundingClientRect());
      if (after !== before) void flow.setViewport(after, { duration: 160 });
    };
    const observer = new ResizeObserver(show);
    observer.observe(element);
    return () => observer.disconnect();
  }, [flow, around, layout, selected]);
}

function cardsOf(graph: DrawnGraph, hasStates: boolean): readonly CardNode[] {
  return graph.nodes.map((node, place) => {
    const ports = portsOf(node.id, graph.edges);
    const size = sizeOf({ ports, isLoop: node.body != null, hasFoot: hasStates });
    return {
      id: node.id,
      type: "card",
      position: { x: 0, y: 0 },
      ...size,
      data: { node, ports, size, isFirst: place === 0 },
    };
  });
}

function edgesOf(graph: DrawnGraph, cards: readonly CardNode[], layout: Layout): RoutedEdgeType[] {
  const ports = new Map(cards.map((card) => [card.id, card.data.ports]));
  return graph.edges.map((edge) => ({
    id: edgeKey(edge),
    type: "routed",
    source: edge.from,
    target: edge.to,
    sourceHandle: ports.get(edge.from)?.includes(edge.port) ? edge.port : "",
    data: { channels: layout.channels.get(edgeKey(edge)) ?? [], port: edge.port },
  }));
}

function placeOf(layout: Layout, id: string): { x: number; y: number } {
  const box = layout.boxes.get(id);
  return { x: box?.x ?? 0, y: box?.y ?? 0 };
}
