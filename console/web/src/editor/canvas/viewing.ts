/** Which part of the graph is seen: all of it at first, and always the node that is selected. */

import { type ReactFlowInstance, useStore as useFlow } from "@xyflow/react";
import { useEffect, useRef } from "react";
import { detailOf } from "../../graph/Card";
import type { RoutedEdgeType } from "../../graph/RoutedEdge";
import { firstViewport, viewportShowing } from "../../model/viewport";
import { onlySelected, useEditor } from "../store";
import type { Arrangement } from "./arranging";
import type { EditorNode } from "./EditorCard";

export type Flow = ReactFlowInstance<EditorNode, RoutedEdgeType>;

/** Whoever edits has to hit ports and read types, so that cards are larger than on the page of a run. */
const LEAST_ZOOM = 0.8;

/** Marks the canvas while it is seen from afar. */
export function Farness({ around }: { readonly around: { readonly current: HTMLElement | null } }) {
  const detail = useFlow(detailOf);
  useEffect(() => {
    around.current?.classList.toggle("canvas--far", detail !== "near");
  }, [around, detail]);
  return null;
}

/** Shows the graph once, when its first arrangement is there. */
export function useFirstView(
  flow: Flow | null,
  around: { readonly current: HTMLElement | null },
  arrangement: Arrangement | null,
): void {
  const isDone = useRef(false);
  useEffect(() => {
    const size = around.current?.getBoundingClientRect();
    if (isDone.current || flow === null || size === undefined || arrangement === null || arrangement.boxes.size === 0)
      return;
    isDone.current = true;
    void flow.setViewport(firstViewport(arrangement.boxes, size, null, LEAST_ZOOM));
  }, [flow, around, arrangement]);
}

/** Keeps the node that is selected in the window, also after the window became smaller or the graph another. */
export function useShown(
  flow: Flow | null,
  around: { readonly current: HTMLElement | null },
  arrangement: Arrangement | null,
): void {
  const selected = useEditor(onlySelected);
  useEffect(() => {
    const element = around.current;
    const box =
      selected === null || flow === null ? undefined : flow.getInternalNode(selected)?.internals.positionAbsolute;
    const size = selected === null ? undefined : arrangement?.boxes.get(selected);
    if (flow === null || element === null || box === undefined || size === undefined) return;
    const before = flow.getViewport();
    const after = viewportShowing(before, { ...size, ...box }, element.getBoundingClientRect());
    if (after !== before) void flow.setViewport(after, { duration: 160 });
  }, [flow, around, arrangement, selected]);
}
