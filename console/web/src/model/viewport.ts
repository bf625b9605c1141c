/** Which part of a graph is seen first, and how far to move so that a card is seen: pure, in pixels. */

import type { Box } from "./graph";

export interface Viewport {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Names stay readable: a graph that would have to be smaller is seen in part. */
const LEAST_FIRST_ZOOM = 0.6;
export const MARGIN = 32;
/** The strip at the lower edge that belongs to the buttons for the zoom: no card is under them at first. */
export const BUTTONS = 60;
const NOTHING: Box = { x: 0, y: 0, width: 1, height: 1 };

/** All of the graph if it fits; else the part around the `focus`, else around the first card. */
export function firstViewport(
  boxes: ReadonlyMap<string, Box>,
  window: Size,
  focus: string | null,
  leastZoom = LEAST_FIRST_ZOOM,
): Viewport {
  const bounds = boundsOf(boxes);
  const across = window.width - 2 * MARGIN;
  const down = window.height - MARGIN - BUTTONS;
  const zoom = Math.min(Math.max(Math.min(across / bounds.width, down / bounds.height), leastZoom), 1);
  const focused = (focus === null ? undefined : boxes.get(focus)) ?? leftmost(boxes);
  return {
    x: MARGIN + zoom * offset(bounds.x, bounds.width, focused.x + focused.width / 2, across / zoom),
    y: MARGIN + zoom * offset(bounds.y, bounds.height, focused.y + focused.height / 2, down / zoom),
    zoom,
  };
}

/** How far to move along one axis, in the graph's own pixels: all of it to the middle of the room, or else the focus. */
function offset(start: number, length: number, focus: number, room: number): number {
  if (length <= room) return (room - length) / 2 - start;
  return Math.min(Math.max(room / 2 - focus, room - (start + length)), -start);
}

function leftmost(boxes: ReadonlyMap<string, Box>): Box {
  return [...boxes.values()].reduce(
    (best, box) => (box.x < best.x ? box : best),
    boxes.values().next().value ?? NOTHING,
  );
}

/** The viewport moved as little as possible so that the box is in the window; the same object if it is already. */
export function viewportShowing(viewport: Viewport, box: Box, window: Size): Viewport {
  const x = shift(viewport.x + box.x * viewport.zoom, box.width * viewport.zoom, window.width - MARGIN);
  const y = shift(viewport.y + box.y * viewport.zoom, box.height * viewport.zoom, window.height - BUTTONS);
  return x === 0 && y === 0 ? viewport : { ...viewport, x: viewport.x + x, y: viewport.y + y };
}

function shift(start: number, length: number, end: number): number {
  if (start < MARGIN) return MARGIN - start;
  return Math.min(end - (start + length), 0);
}

export function boundsOf(boxes: ReadonlyMap<string, Box>): Box {
  const all = [...boxes.values()];
  if (all.length === 0) return NOTHING;
  const x = Math.min(...all.map((box) => box.x));
  const y = Math.min(...all.map((box) => box.y));
  const right = Math.max(...all.map((box) => box.x + box.width));
  const bottom = Math.max(...all.map((box) => box.y + box.height));
  return { x, y, width: right - x, height: bottom - y };
}
