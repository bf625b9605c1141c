/** Everything that can be done from the keyboard and from the list of commands. Keys are silent while somebody writes. */

import { focusDetails } from "../graph/focusing";
import { flash } from "../shell/flash";
import { copyNodes, duplicateNodes, pasteNodes } from "./document/clipboard";
import { deleteNodes, disconnect, tidy } from "./document/operations";
import { chooseFile } from "./importing";
import { save } from "./server";
import { change, type EditorParts, redo, select, setText, undo } from "./store";
import { addTriggerOf, TRIGGER_KINDS } from "./triggers";
import { leaveRun, startTest } from "./trying";

export interface Command {
  readonly title: string;
  /** Each as people read it: "Ctrl S". */
  readonly keys: readonly string[];
  /** Works in fields, too: what no field does itself. */
  readonly isEverywhere?: boolean;
  readonly act: () => void;
  /** Takes a text out of the clipboard. Returns whether there was something in it. */
  readonly paste?: (text: string) => boolean;
}

export interface PageActions {
  readonly yaml: () => void;
  readonly commands: () => void;
  readonly add: () => void;
  readonly fit: () => void;
}

export function commandsOf(parts: EditorParts, page: PageActions): readonly Command[] {
  const { store, api, namespace, types } = parts;
  const selected = () => store.getState().selected;
  const pipeline = () => store.getState().pipeline;
  const copy = async () => {
    if (selected().size === 0) return;
    await navigator.clipboard.writeText(copyNodes(pipeline(), selected()));
    flash(selected().size === 1 ? "The node is copied as YAML." : `${selected().size} nodes are copied as YAML.`);
  };
  const paste = (text: string) => {
    const [id = ""] = selected();
    const node = pipeline().view.byId.get(id);
    const pasted = pasteNodes(pipeline(), types, text, node?.isLoop ? node.id : (node?.parent ?? null), null);
    if (pasted === null) return false;
    setText(store, pasted.text, { label: "Paste", select: pasted.ids });
    return true;
  };
  const duplicate = () => {
    const made = selected().size === 0 ? null : duplicateNodes(pipeline(), types, selected());
    if (made !== null) setText(store, made.text, { label: "Duplicate", select: made.ids });
  };
  return [
    { title: "Save", keys: ["Ctrl S"], isEverywhere: true, act: () => void save(store, api, namespace) },
    { title: "Test run", keys: ["Ctrl Enter"], isEverywhere: true, act: () => void startTest(parts) },
    { title: "All commands", keys: ["Ctrl K"], isEverywhere: true, act: page.commands },
    { title: "Undo", keys: ["Ctrl Z"], act: () => undo(store) },
    { title: "Redo", keys: ["Ctrl Y", "Ctrl Shift Z"], act: () => redo(store) },
    { title: "Add a node", keys: ["a"], act: page.add },
    ...TRIGGER_KINDS.map(({ name }) => ({
      title: `Add the trigger ${name}`,
      keys: [],
      act: () => addTriggerOf(parts, name),
    })),
    { title: "Delete what is selected", keys: ["Delete", "Backspace"], act: () => deleteSelected(parts) },
    { title: "Copy as YAML", keys: ["Ctrl C"], act: () => void copy() },
    { title: "Cut", keys: ["Ctrl X"], act: () => void copy().then(() => deleteSelected(parts)) },
    { title: "Paste", keys: [], act: () => void navigator.clipboard.readText().then(paste), paste },
    { title: "Duplicate", keys: ["Ctrl D"], act: duplicate },
    {
      title: "Select all",
      keys: ["Ctrl A"],
      act: () =>
        select(
          store,
          pipeline()
            .view.nodes.filter((node) => node.parent === null)
            .map((node) => node.id),
        ),
    },
    { title: "Select nothing", keys: ["Escape"], act: () => select(store, []) },
    {
      title: "Settings of the pipeline",
      keys: ["p"],
      act: () => {
        select(store, []);
        focusDetails();
      },
    },
    { title: "Import a file", keys: [], act: () => chooseFile(store) },
    { title: "Tidy up", keys: [], act: () => change(store, { label: "Tidy up" }, tidy) },
    { title: "Show everything", keys: ["f"], act: page.fit },
    { title: "Show or hide the YAML", keys: ["y"], act: page.yaml },
    { title: "Show no states of a test run", keys: [], act: () => leaveRun(store) },
  ];
}

/** Remove the nodes that are selected, or the edge. */
export function deleteSelected({ store }: EditorParts): void {
  const { selected, selectedEdge, pipeline } = store.getState();
  if (selected.size > 0) {
    const label = selected.size === 1 ? `Delete ${[...selected][0]}` : `Delete ${selected.size} nodes`;
    change(store, { label, select: [] }, (now) => deleteNodes(now, selected));
    return;
  }
  const edge = pipeline.view.edges.find((each) => `${each.from}/${each.port}/${each.to}` === selectedEdge);
  if (edge !== undefined)
    change(store, { label: `Disconnect ${edge.from} and ${edge.to}`, select: [] }, (now) => disconnect(now, edge));
}

const WRITING = "input, textarea, select, [contenteditable]:not([contenteditable='false'])";

/** Do what the key is for. Returns whether it is for anything here. */
export function runKey(commands: readonly Command[], event: KeyboardEvent): boolean {
  if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return false;
  const target = event.target as Element;
  if (document.querySelector("dialog[open]") !== null) return false;
  const isWriting = target.matches(WRITING) || target.closest(".cm-editor") !== null;
  const command = commands.find(({ keys }) => keys.some((each) => isPressed(each, event)));
  if (command === undefined || (isWriting && command.isEverywhere !== true)) return false;
  // Text that is marked with the pointer is what is meant to be copied.
  if (command.keys.includes("Ctrl C") && String(getSelection()) !== "") return false;
  command.act();
  return true;
}

function isPressed(keys: string, event: KeyboardEvent): boolean {
  const parts = keys.split(" ");
  const key = parts.at(-1) ?? "";
  const wanted = { ctrl: parts.includes("Ctrl"), shift: parts.includes("Shift") };
  return (
    event.key.toLowerCase() === key.toLowerCase() &&
    (event.ctrlKey || event.metaKey) === wanted.ctrl &&
    (event.shiftKey === wanted.shift || key === "?") &&
    !event.altKey
  );
}
