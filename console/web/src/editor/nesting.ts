/** Nodes moved into a loop and out of it: by hand on the canvas, or by a command. One step, which undo takes back. */

import { flash } from "../shell/flash";
import { nestNodes } from "./document/nesting";
import { isWithin } from "./document/nodes";
import { onPipeline } from "./document/pipeline";
import { place } from "./document/places";
import type { EdgeView, NodeView, Point } from "./document/view";
import { change, type EditorState, type EditorStore } from "./store";

/** Move nodes into a loop, or to the top level for null; then all `points` are given. Returns whether that was done. */
export function nest(
  store: EditorStore,
  ids: ReadonlySet<string>,
  parent: string | null,
  points: ReadonlyMap<string, Point> = new Map(),
): boolean {
  let cut: readonly EdgeView[] = [];
  const what = ids.size === 1 ? [...ids][0] : `${ids.size} nodes`;
  const label = parent === null ? `Move ${what} out of all loops` : `Move ${what} into ${parent}`;
  const isDone = change(store, { label, select: [...ids] }, (pipeline) => {
    const nested = nestNodes(pipeline, ids, parent);
    cut = nested.cut;
    return points.size === 0 ? nested.text : onPipeline(nested.text, (after) => place(after, points));
  });
  if (isDone && cut.length > 0) flash(toldOf(cut));
  return isDone;
}

function toldOf(cut: readonly EdgeView[]): string {
  const names = cut.map(({ from, to }) => `${from} to ${to}`).join(", ");
  const what = cut.length === 1 ? "An edge is gone that" : `${cut.length} edges are gone that`;
  return `${what} would lead into the loop or out of it: ${names}.`;
}

/** The loops that what is selected can be moved into. */
export function loopsFor({ pipeline: { view }, selected }: EditorState): readonly NodeView[] {
  const nodes = [...selected].flatMap((id) => view.byId.get(id) ?? []);
  if (nodes.length === 0) return [];
  return view.nodes.filter(
    (loop) => loop.isLoop && !isWithin(view, loop.id, selected) && nodes.some((node) => node.parent !== loop.id),
  );
}

/** Move what is selected out of its loop, into the one around it if there is one. */
export function moveOut(store: EditorStore): void {
  const { selected, pipeline } = store.getState();
  const inner = [...selected].flatMap((id) => pipeline.view.byId.get(id) ?? []).filter((node) => node.parent !== null);
  const [first] = inner;
  if (first === undefined) {
    flash("No node is selected that is in a loop.", "problem");
    return;
  }
  const beside = inner.filter((node) => node.parent === first.parent).map((node) => node.id);
  nest(store, new Set(beside), pipeline.view.byId.get(first.parent ?? "")?.parent ?? null);
}
