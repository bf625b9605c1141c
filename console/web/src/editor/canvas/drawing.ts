/** A pipeline's graph as React Flow wants it: nodes and edges with the places that the arrangement gives. */

import { useMemo, useRef } from "react";
import type { RoutedEdgeType } from "../../graph/RoutedEdge";
import { edgeKey, type Point } from "../../model/routes";
import { ERROR_PORT } from "../document/connecting";
import { useEditor } from "../store";
import type { Arrangement } from "./arranging";
import type { EditorNode } from "./EditorCard";
import type { Shape, ShapeNode } from "./shape";

/** The nodes as React Flow wants them; one that did not change is the same object, and is not drawn again. */
export function useNodes(
  shape: Shape,
  arrangement: Arrangement | null,
  moving: ReadonlyMap<string, Point>,
): EditorNode[] {
  const selected = useEditor((state) => state.selected);
  const made = useMemo(() => nodesOf(shape, arrangement), [shape, arrangement]);
  const drawn = useRef(new Map<string, EditorNode>());
  return useMemo(() => {
    const kept = new Map<string, EditorNode>();
    for (const node of made) {
      const position = moving.get(node.id) ?? node.position;
      const isSelected = selected.has(node.id);
      const before = drawn.current.get(node.id);
      const isSame = before?.data === node.data && before.position === position && before.selected === isSelected;
      kept.set(node.id, isSame ? before : { ...node, position, selected: isSelected });
    }
    drawn.current = kept;
    return [...kept.values()];
  }, [made, moving, selected]);
}

function nodesOf(shape: Shape, arrangement: Arrangement | null): EditorNode[] {
  return shape.nodes.flatMap((node, place): EditorNode[] => {
    const box = arrangement?.boxes.get(node.id);
    if (box === undefined) return [];
    const size = { width: box.width, height: box.height };
    return [
      {
        id: node.id,
        type: node.isLoop ? "frame" : "card",
        position: { x: box.x, y: box.y },
        ...size,
        data: { node, size, isFirst: place === 0 },
        ...(node.parent !== null && { parentId: node.parent }),
        ...(node.isLoop && { zIndex: -1, dragHandle: ".frame-node__head" }),
      },
    ];
  });
}

export function edgesOf(shape: Shape, arrangement: Arrangement | null): RoutedEdgeType[] {
  if (arrangement === null) return [];
  const nodes = new Map(shape.nodes.map((node) => [node.id, node]));
  return shape.edges
    .filter((edge) => arrangement.boxes.has(edge.from) && arrangement.boxes.has(edge.to))
    .map((edge) => ({
      id: edgeKey(edge),
      type: "routed",
      source: edge.from,
      target: edge.to,
      sourceHandle: handleOf(edge.port, nodes.get(edge.from)),
      data: { channels: arrangement.channels.get(edgeKey(edge)) ?? [], port: edge.port },
    }));
}

/** Where an edge begins: one way out alone has a port without a name, and so has a loop's frame. */
function handleOf(port: string, node: ShapeNode | undefined): string {
  if (port === ERROR_PORT) return ERROR_PORT;
  return node?.isLoop !== true && node?.ports.includes(port) ? port : "";
}

/** The port that a handle stands for. */
export function portOf(handle: string | null | undefined): string {
  return handle === "" || handle == null ? "out" : handle;
}
