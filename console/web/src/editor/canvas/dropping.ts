/** Where cards are let go: at a place beside others, or in the frame of a loop, whose body they belong to from then on. */

import { type MouseEvent as ReactMouseEvent, useRef } from "react";
import type { Point } from "../../model/routes";
import { isWithin } from "../document/nodes";
import type { PipelineView } from "../document/view";
import { nest } from "../nesting";
import { useEditorParts } from "../store";
import type { Arrangement } from "./arranging";
import { pointOf } from "./connections";
import type { EditorNode } from "./EditorCard";
import { move, unplaced } from "./moving";
import type { Flow } from "./viewing";

type Pointing = MouseEvent | TouchEvent | ReactMouseEvent;

interface Canvas {
  readonly flow: Flow | null;
  readonly around: { readonly current: HTMLElement | null };
  readonly arrangement: Arrangement | null;
  /** Lets what was dragged stand where the text says. */
  readonly onRefused: () => void;
}

/** What React Flow has to be told about dragging. */
export function useDropping({ flow, around, arrangement, onRefused }: Canvas) {
  const { store } = useEditorParts();
  const marked = useRef<HTMLElement | null>(null);
  const mark = (frame: HTMLElement | null) => {
    if (marked.current === frame) return;
    delete marked.current?.dataset.target;
    if (frame !== null) frame.dataset.target = "";
    marked.current = frame;
  };
  /** The frame that a drag leads to; undefined beside the canvas and where the cards are in it already. */
  const aim = (event: Pointing, moved: readonly EditorNode[]): HTMLElement | null | undefined => {
    const { view } = store.getState().pipeline;
    const ids = new Set(moved.map((node) => node.id));
    const point = pointOf(event);
    if (around.current?.contains(document.elementFromPoint(point.x, point.y)) !== true) return undefined;
    const frame = framesAt(point).find((each) => !isWithin(view, idOf(each) ?? "", ids)) ?? null;
    const parents = new Set(moved.map(({ id }) => view.byId.get(id)?.parent ?? null));
    const isThere = [...parents].every((parent) => parent === idOf(frame));
    return isThere || moved.some(({ id }) => isStillIn(view, id, idOf(frame))) ? undefined : frame;
  };
  const onDrag = (event: Pointing, moved: readonly EditorNode[]) => mark(aim(event, moved) ?? null);
  const onDragStop = (event: Pointing, moved: readonly EditorNode[]) => {
    mark(null);
    if (arrangement === null || moved.length === 0) return;
    const frame = aim(event, moved);
    if (frame === undefined) move(store, arrangement, new Map(moved.map((node) => [node.id, node.position])));
    else if (!nestIn(idOf(frame), moved, arrangement)) onRefused();
  };
  const nestIn = (loop: string | null, moved: readonly EditorNode[], seen: Arrangement): boolean => {
    const { view } = store.getState().pipeline;
    const ids = new Set(moved.map((node) => node.id));
    if (loop !== null) return nest(store, ids, loop);
    return nest(store, ids, null, new Map([...unplaced(view, seen), ...placesOf(view, moved, flow)]));
  };
  return {
    onNodeDrag: (event: Pointing, _: EditorNode, moved: readonly EditorNode[]) => onDrag(event, moved),
    onNodeDragStop: (event: Pointing, _: EditorNode, moved: readonly EditorNode[]) => onDragStop(event, moved),
    onSelectionDrag: onDrag,
    onSelectionDragStop: onDragStop,
  };
}

/** Whether a card would go out of its frame, and still touches it: then the frame grows, as nobody meant to take it out. */
function isStillIn(view: PipelineView, id: string, to: string | null): boolean {
  const parent = view.byId.get(id)?.parent ?? null;
  if (parent === null || parent === to || (to !== null && !isWithin(view, parent, new Set([to])))) return false;
  const [card, frame] = [boxOf(id), boxOf(parent)];
  if (card === undefined || frame === undefined) return false;
  return card.left < frame.right && frame.left < card.right && card.top < frame.bottom && frame.top < card.bottom;
}

function boxOf(id: string): DOMRect | undefined {
  return document.querySelector(`.react-flow__node[data-id="${CSS.escape(id)}"]`)?.getBoundingClientRect();
}

/** Where the cards are on the canvas; inside of a frame they say where they are in it. */
function placesOf(view: PipelineView, moved: readonly EditorNode[], flow: Flow | null): ReadonlyMap<string, Point> {
  const outer = moved.filter(
    ({ id }) => !isWithin(view, view.byId.get(id)?.parent ?? "", new Set(moved.map((each) => each.id))),
  );
  return new Map(
    outer.map((node) => [node.id, flow?.getInternalNode(node.id)?.internals.positionAbsolute ?? node.position]),
  );
}

function framesAt({ x, y }: Point): readonly HTMLElement[] {
  return document
    .elementsFromPoint(x, y)
    .filter((element): element is HTMLElement => element instanceof HTMLElement && element.matches(".frame-node"));
}

function idOf(frame: HTMLElement | null): string | null {
  return frame?.querySelector<HTMLElement>("[data-node]")?.dataset.node ?? null;
}

/** The loop's frame at a place of the screen, the innermost. */
export function loopAt(point: Point): string | null {
  return idOf(framesAt(point)[0] ?? null);
}
