/** Moving nodes by hand, and going from one to the next by arrow keys. Places are kept in the text, under `layout`. */

import type { KeyboardEvent } from "react";
import { focusCard, focusDetails } from "../../graph/focusing";
import { type Direction, neighbor } from "../../model/graph";
import type { Point } from "../../model/routes";
import { place } from "../document/places";
import type { PipelineView } from "../document/view";
import { change, type EditorStore, select } from "../store";
import type { Arrangement } from "./arranging";

/** Nodes stand on a grid of so many pixels. */
export const GRID: [number, number] = [8, 8];
const STEPS: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -8, y: 0 },
  ArrowRight: { x: 8, y: 0 },
  ArrowUp: { x: 0, y: -8 },
  ArrowDown: { x: 0, y: 8 },
};

/** Put nodes somewhere. What stands without a place of its own is given the one where it is seen, or it would jump. */
export function move(store: EditorStore, arrangement: Arrangement, points: ReadonlyMap<string, Point>): void {
  const { view } = store.getState().pipeline;
  const isUnmoved = [...points].every(
    ([id, { x, y }]) => arrangement.boxes.get(id)?.x === x && arrangement.boxes.get(id)?.y === y,
  );
  if (isUnmoved) return;
  const label = points.size === 1 ? `Move ${[...points.keys()][0]}` : `Move ${points.size} nodes`;
  change(store, { label, of: `move ${[...points.keys()].join()}` }, (pipeline) =>
    place(pipeline, new Map([...unplaced(view, arrangement), ...points])),
  );
}

/** Where nodes are seen that nobody gave a place. */
export function unplaced(view: PipelineView, arrangement: Arrangement): ReadonlyMap<string, Point> {
  const seen = view.nodes.filter((node) => !view.layout.has(node.id) && arrangement.boxes.has(node.id));
  return new Map(seen.map(({ id }) => [id, pointOfBox(arrangement, id)]));
}

function pointOfBox(arrangement: Arrangement, id: string): Point {
  const box = arrangement.boxes.get(id);
  return { x: box?.x ?? 0, y: box?.y ?? 0 };
}

export interface Walking {
  readonly store: EditorStore;
  readonly arrangement: Arrangement | null;
  readonly around: { readonly current: HTMLElement | null };
}

/** What a key does on a card: Enter opens its settings, an arrow leads to its neighbor, and with Alt moves the card. */
export function walk({ store, arrangement, around }: Walking, event: KeyboardEvent): void {
  const from = (event.target as HTMLElement).dataset.node;
  if (from === undefined || event.nativeEvent.isComposing || arrangement === null) return;
  if (event.key === "Enter") {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    select(store, [from]);
    focusDetails();
    return;
  }
  const step = STEPS[event.key];
  if (step === undefined || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  if (event.altKey) {
    const box = arrangement.boxes.get(from);
    if (box) move(store, arrangement, new Map([[from, { x: box.x + step.x, y: box.y + step.y }]]));
    return;
  }
  const next = neighbor(from, beside(arrangement, store.getState().pipeline.view, from), event.key as Direction);
  if (next === null) return;
  select(store, event.shiftKey ? [...store.getState().selected, next] : [next]);
  requestAnimationFrame(() => requestAnimationFrame(() => focusCard(next, around.current ?? document)));
}

/** The boxes of the nodes that arrow keys can lead to: those of the same frame. */
function beside(arrangement: Arrangement, view: PipelineView, id: string): Arrangement["boxes"] {
  const parent = view.byId.get(id)?.parent ?? null;
  return new Map([...arrangement.boxes].filter(([other]) => (view.byId.get(other)?.parent ?? null) === parent));
}
