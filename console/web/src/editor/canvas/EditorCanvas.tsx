/**
 * The canvas of the editor: move, connect, select, delete. Nothing is kept here but what moves at this moment; whatever a
 * gesture means becomes a change of the text, and comes back as the graph of the new text.
 */

import {
  Background,
  BackgroundVariant,
  Controls,
  type EdgeChange,
  MiniMap,
  type NodeChange,
  ReactFlow,
} from "@xyflow/react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { RoutedEdgeType } from "../../graph/RoutedEdge";
import type { Point } from "../../model/routes";
import { BUTTONS, MARGIN } from "../../model/viewport";
import { select, selectEdge, useEditor, useEditorParts } from "../store";
import { placeAt, useConnections, useInsertion, type Wish } from "./connections";
import { edgesOf, useNodes } from "./drawing";
import { useDropping } from "./dropping";
import { EditorCard, EditorEdge, type EditorNode, LoopFrame, MapNode } from "./EditorCard";
import { GRID, walk } from "./moving";
import { useShape } from "./shape";
import { useArrangement } from "./useArrangement";
import { Farness, type Flow, useFirstView, useShown } from "./viewing";

const NODE_TYPES = { card: EditorCard, frame: LoopFrame };
const EDGE_TYPES = { routed: EditorEdge };
const MANY_NODES = 150;
const MAP_SIZE = { width: 148, height: 92 };
const FITTING = { padding: { x: `${MARGIN}px`, top: `${MARGIN}px`, bottom: `${BUTTONS}px` }, maxZoom: 1 } as const;

export interface EditorCanvasProps {
  readonly onFlow: (flow: Flow) => void;
  /** Somebody wants a node there: offer what there is. */
  readonly onWish: (wish: Wish) => void;
}

export function EditorCanvas({ onFlow, onWish }: EditorCanvasProps) {
  const { store, types } = useEditorParts();
  const view = useEditor((state) => state.pipeline.view);
  const shape = useShape(view, types);
  const arrangement = useArrangement(shape);
  const around = useRef<HTMLDivElement>(null);
  const [flow, setFlow] = useState<Flow | null>(null);
  const [moving, setMoving] = useState<ReadonlyMap<string, Point>>(new Map());
  const nodes = useNodes(shape, arrangement, moving);
  const edges = useMemo(() => edgesOf(shape, arrangement), [shape, arrangement]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what moved stands where the new arrangement says
  useEffect(() => setMoving(new Map()), [arrangement]);
  useShown(flow, around, arrangement);

  const begin = (made: Flow) => {
    setFlow(made);
    onFlow(made);
  };
  useFirstView(flow, around, arrangement);
  const onNodesChange = useCallback(
    (changes: NodeChange<EditorNode>[]) => {
      const moves = changes.flatMap((each) =>
        each.type === "position" && each.position ? [[each.id, each.position] as const] : [],
      );
      if (moves.length > 0) setMoving((before) => new Map([...before, ...moves]));
      const selects = changes.flatMap((each) => (each.type === "select" ? [each] : []));
      if (selects.length === 0) return;
      const selected = new Set(store.getState().selected);
      for (const { id, selected: isSelected } of selects) isSelected ? selected.add(id) : selected.delete(id);
      select(store, [...selected]);
    },
    [store],
  );
  const onEdgesChange = useCallback(
    (changes: EdgeChange<RoutedEdgeType>[]) => {
      for (const each of changes) if (each.type === "select" && each.selected) selectEdge(store, each.id);
    },
    [store],
  );
  const dropping = useDropping({ flow, around, arrangement, onRefused: () => setMoving(new Map()) });
  const connections = useConnections(flow, onWish);
  useInsertion(around, view, onWish);
  const onPaneDoubleClick = (event: React.MouseEvent) => {
    if (!(event.target as Element).classList.contains("react-flow__pane")) return;
    const screen = { x: event.clientX, y: event.clientY };
    onWish({ screen, at: placeAt(flow, screen, view, null), parent: null });
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the cards inside, which are buttons
    <div
      className="canvas canvas--editable"
      ref={around}
      onKeyDown={(event) => walk({ store, arrangement, around }, event)}
      onDoubleClick={onPaneDoubleClick}
    >
      <ReactFlow<EditorNode, RoutedEdgeType>
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onInit={begin}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        {...dropping}
        onPaneClick={() => select(store, [])}
        {...connections}
        connectionRadius={36}
        reconnectRadius={14}
        snapToGrid
        snapGrid={GRID}
        minZoom={0.04}
        maxZoom={1.6}
        nodesFocusable={false}
        edgesFocusable={false}
        deleteKeyCode={null}
        multiSelectionKeyCode={["Control", "Meta", "Shift"]}
        zoomOnDoubleClick={false}
        elevateNodesOnSelect={false}
        onlyRenderVisibleElements={nodes.length > MANY_NODES}
        aria-label="Graph of nodes. Tab leads to a node, arrow keys to its neighbors, Enter to its settings, Delete removes it."
      >
        <Farness around={around} />
        <Background variant={BackgroundVariant.Dots} gap={24} size={1.4} />
        <Controls orientation="horizontal" showInteractive={false} fitViewOptions={FITTING} />
        {nodes.length > 6 && (
          <MiniMap style={MAP_SIZE} pannable zoomable ariaLabel="Map of the graph" nodeComponent={MapNode} />
        )}
      </ReactFlow>
      {view.nodes.length === 0 && <EmptyHint />}
    </div>
  );
}

/** What to do first. */
function EmptyHint() {
  return (
    <div className="canvas__hint">
      <h2>An empty pipeline</h2>
      <ol>
        <li>Click a node on the left, or drag it here. The next one follows it.</li>
        <li>Fill in its fields on the right; what it needs is marked.</li>
        <li>
          <strong>Test run</strong> tries it without saving, <strong>Save</strong> keeps it.
        </li>
      </ol>
    </div>
  );
}
