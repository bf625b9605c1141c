/** Where nodes stand that were placed by hand: the document's `layout`, and nothing else of it. Pure. */

import { removeAt, renameAt, setAt } from "./edits";
import { ORDER, type Pipeline, setField } from "./pipeline";
import { nodeAt } from "./source";
import { applySplices, type Splice } from "./splices";
import type { Point } from "./view";
import { inFlow } from "./writing";

/** Put nodes to places. Nothing but `layout` changes. */
export function place(pipeline: Pipeline, points: ReadonlyMap<string, Point>): string {
  const { source, view } = pipeline;
  const rounded = [...points].map(([id, { x, y }]) => [id, { x: Math.round(x), y: Math.round(y) }] as const);
  if (view.layout.size === 0) {
    const layout = Object.fromEntries(rounded.map(([id, point]) => [id, inFlow({ ...point })]));
    return applySplices(source.text, setAt(source, [...view.base, "layout"], layout, ORDER));
  }
  const splices = rounded.flatMap(([id, point]) => setAt(source, [...view.base, "layout", id], inFlow({ ...point })));
  return applySplices(source.text, splices);
}

/** Splices that let a place follow its node to another id; one that a node of that name left behind goes. */
export function renamedPlace({ source, view }: Pipeline, id: string, name: string): readonly Splice[] {
  const layout = [...view.base, "layout"];
  const point = view.layout.get(id);
  if (point === undefined) return [];
  if (nodeAt(source, [...layout, name]) === undefined) return renameAt(source, [...layout, id], name);
  return [...setAt(source, [...layout, name], inFlow({ ...point })), ...removeAt(source, layout, [id])];
}

/** Forget all places: the canvas arranges the nodes by itself again. */
export function tidy(pipeline: Pipeline): string {
  return setField(pipeline, [...pipeline.view.base, "layout"], undefined);
}
