/** Adding nodes, from wherever one is wanted: the palette, a place on the canvas, an edge, a port. */

import type { NodeTypeRecord } from "../api/schema";
import type { Wish } from "./canvas/connections";
import { type NodeTypes, portsOf } from "./document/connecting";
import { addNode } from "./document/nodes";
import { readPipeline } from "./document/pipeline";
import { place } from "./document/places";
import type { NodeView, PipelineView, Point } from "./document/view";
import { change, type EditorParts, onlySelected } from "./store";
import { addTriggerOf, TRIGGER_KINDS } from "./triggers";

/** Types by category, those whose name or description has all words. Categories keep the order of a pipeline's life. */
export function sortedTypes(
  types: Iterable<NodeTypeRecord>,
  search: string,
): readonly (readonly [category: string, types: readonly NodeTypeRecord[]])[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [...types].filter((type) => {
    const text = `${type.name} ${type.category} ${type.description}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const groups = new Map<string, NodeTypeRecord[]>();
  for (const type of found) {
    const category = titled(type.category || "Other");
    groups.set(category, [...(groups.get(category) ?? []), type]);
  }
  const rank = (category: string) =>
    CATEGORIES.indexOf(category) + (CATEGORIES.includes(category) ? 0 : CATEGORIES.length + 1);
  return [...groups].sort(([one], [other]) => rank(one) - rank(other) || one.localeCompare(other));
}

/** A category that somebody wrote in lower case is the same one. */
function titled(category: string): string {
  return category.charAt(0).toUpperCase() + category.slice(1);
}

const CATEGORIES = ["HTTP", "Logic", "Transform", "AI", "Database", "Utility"];

/** Behind the selected node, or by itself if there is none. */
export function addAfterSelected(parts: EditorParts, type: string): void {
  add(parts, type, wishBehindSelected(parts));
}

/** Where a new node belongs: behind the node that is selected or has the focus, which stays on a card whose form was closed. */
export function wishBehindSelected({ store, types }: EditorParts): Pick<Wish, "parent" | "after"> {
  const state = store.getState();
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.node : undefined;
  const node = state.pipeline.view.byId.get(onlySelected(state) ?? focused ?? "");
  return node === undefined ? { parent: null } : wishBehind(state.pipeline.view, types, node);
}

/** Into a loop that is empty; else behind the first port of the node that leads nowhere yet. */
function wishBehind(view: PipelineView, types: NodeTypes, node: NodeView): Pick<Wish, "parent" | "after"> {
  if (node.isLoop && !view.nodes.some((each) => each.parent === node.id)) return { parent: node.id };
  const used = view.edges.filter((edge) => edge.from === node.id).map((edge) => edge.port);
  const ports = portsOf(node, types);
  const port = ports.find((each) => !used.includes(each)) ?? ports[0];
  return { parent: node.parent, ...(port !== undefined && { after: { from: node.id, port } }) };
}

export function add(parts: EditorParts, type: string, wish: Partial<Wish>): void {
  const { store, types } = parts;
  let id = "";
  change(store, { label: `Add ${type}` }, (pipeline) => {
    const added = addNode(pipeline, types, {
      type,
      parent: wish.parent ?? null,
      after: wish.after ?? null,
      into: wish.into ?? null,
      at: wish.at ?? null,
    });
    id = added.id;
    return added.text;
  });
  if (id !== "") store.setState({ selected: new Set([id]), selectedEdge: null });
}

/**
 * Dropped at a place: there, also in a pipeline whose nodes were arranged automatically so far, which then keep theirs. The
 * first node of a pipeline has nothing that it could stand beside, and needs no place.
 */
export function dropAt(
  parts: EditorParts,
  type: string,
  at: Point,
  seen: ReadonlyMap<string, Point>,
  parent: string | null,
): void {
  if (TRIGGER_KINDS.some((kind) => kind.name === type)) {
    addTriggerOf(parts, type);
    return;
  }
  const isFirst = parts.store.getState().pipeline.view.nodes.length === 0;
  add(parts, type, { parent });
  if (parent !== null || isFirst) return;
  const { selected, pipeline } = parts.store.getState();
  const [id = ""] = selected;
  const points = new Map([...(pipeline.view.layout.size === 0 ? seen : []), [id, at] as const]);
  change(parts.store, { label: `Add ${type}`, of: `drop ${id}` }, (now) =>
    place(readPipeline(now.source.text) ?? now, points),
  );
}
