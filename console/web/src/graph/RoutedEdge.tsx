/** An edge in its channel, drawn by what flows along it. */

import { BaseEdge, type Edge, type EdgeProps } from "@xyflow/react";
import { edgePath, type Point } from "../model/routes";
import type { Flow } from "../model/run";

export type RoutedEdgeType = Edge<{ readonly channels: readonly Point[]; readonly port: string }, "routed">;

interface RoutedEdgeProps {
  readonly flow: Flow;
  /** In the editor it can be clicked, a little beside it as well. */
  readonly isEditable?: boolean;
  readonly isSelected?: boolean;
}

export function RoutedEdge({ flow, isEditable, isSelected, ...edge }: EdgeProps<RoutedEdgeType> & RoutedEdgeProps) {
  const from = { x: edge.sourceX, y: edge.sourceY };
  const to = { x: edge.targetX, y: edge.targetY };
  const kind = edge.data?.port === "error" ? " edge--error" : "";
  return (
    <BaseEdge
      interactionWidth={isEditable ? 18 : 0}
      id={edge.id}
      path={edgePath(from, to, edge.data?.channels ?? [])}
      className={`edge edge--${flow}${kind}${isSelected ? " edge--selected" : ""}`}
    />
  );
}
