/** What is done with all that is selected: copy, cut, duplicate, delete; and paste what was copied, here or elsewhere. */

import { put } from "../shell/copying";
import { flash } from "../shell/flash";
import { copyNodes, duplicateNodes, type Pasted, pasteNodes } from "./document/clipboard";
import { disconnect } from "./document/edges";
import { EditRefused } from "./document/edits";
import { deleteNodes } from "./document/nodes";
import type { Pipeline } from "./document/pipeline";
import type { EdgeView } from "./document/view";
import { change, type EditorParts, type EditorState, type EditorStore, select } from "./store";

/** Copy the nodes as text, and say so. Returns whether there is something in the clipboard now. */
export async function copySelected({ store }: EditorParts): Promise<boolean> {
  const { selected, pipeline } = store.getState();
  if (selected.size === 0) return false;
  const isCopied = await put(copyNodes(pipeline, selected));
  if (isCopied)
    flash(selected.size === 1 ? "The node is copied as YAML." : `${selected.size} nodes are copied as YAML.`);
  return isCopied;
}

/** Delete what could be copied, and nothing else. */
export async function cutSelected(parts: EditorParts): Promise<void> {
  const state = parts.store.getState();
  if (state.selected.size === 0 && selectedEdge(state) !== undefined)
    flash("An edge by itself can't be cut; Delete removes it.", "problem");
  else if (await copySelected(parts)) deleteSelected(parts);
}

export async function pasteFromClipboard(parts: EditorParts): Promise<void> {
  const text = await readClipboard();
  if (text === null) flash("This browser lets no page read the clipboard by itself; press Ctrl V instead.", "problem");
  else pasteText(parts, text);
}

async function readClipboard(): Promise<string | null> {
  try {
    return await navigator.clipboard.readText();
  } catch {
    return null;
  }
}

/** Paste nodes out of a text: into the loop that is selected, else beside the selected node. */
export function pasteText({ store, types }: EditorParts, text: string): void {
  const [id = ""] = store.getState().selected;
  putIn(store, "Paste", (pipeline) => {
    const node = pipeline.view.byId.get(id);
    const pasted = pasteNodes(pipeline, types, text, node?.isLoop ? node.id : (node?.parent ?? null), null);
    if (pasted === null) throw new EditRefused("what was copied holds no nodes");
    return pasted;
  });
}

export function duplicateSelected({ store, types }: EditorParts): void {
  const { selected } = store.getState();
  if (selected.size === 0) return;
  putIn(store, "Duplicate", (pipeline) => {
    const made = duplicateNodes(pipeline, types, selected);
    if (made === null)
      throw new EditRefused("nodes inside of a loop and outside of it are duplicated one after the other");
    return made;
  });
}

/** Put nodes into the pipeline, which are selected then. */
function putIn(store: EditorStore, label: string, make: (pipeline: Pipeline) => Pasted): void {
  let ids: readonly string[] = [];
  const isDone = change(store, { label }, (pipeline) => {
    const made = make(pipeline);
    ids = made.ids;
    return made.text;
  });
  if (isDone) select(store, ids);
}

/** Remove the nodes that are selected, or the edge. */
export function deleteSelected({ store }: EditorParts): void {
  const state = store.getState();
  const { selected } = state;
  if (selected.size > 0) {
    const label = selected.size === 1 ? `Delete ${[...selected][0]}` : `Delete ${selected.size} nodes`;
    change(store, { label, select: [] }, (now) => deleteNodes(now, selected));
    return;
  }
  const edge = selectedEdge(state);
  if (edge !== undefined)
    change(store, { label: `Disconnect ${edge.from} and ${edge.to}`, select: [] }, (now) => disconnect(now, edge));
}

function selectedEdge({ pipeline, selectedEdge: key }: EditorState): EdgeView | undefined {
  return pipeline.view.edges.find((edge) => `${edge.from}/${edge.port}/${edge.to}` === key);
}
