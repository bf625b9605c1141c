/** Everything that can be done from the keyboard and from the list of commands. Keys are silent while somebody writes. */

import { focusDetails } from "../graph/focusing";
import { flash } from "../shell/flash";
import { tidy } from "./document/places";
import { chooseFile } from "./importing";
import { loopsFor, moveOut } from "./nesting";
import { copySelected, cutSelected, deleteSelected, duplicateSelected, pasteFromClipboard } from "./selected";
import { save } from "./server";
import { change, type EditorParts, redo, select, undo } from "./store";
import { addTriggerOf, TRIGGER_KINDS } from "./triggers";
import { leaveRun, startTest } from "./trying";

export interface Command {
  readonly title: string;
  /** Each as people read it: "Ctrl S". */
  readonly keys: readonly string[];
  /** Works in fields, too: what no field does itself. */
  readonly isEverywhere?: boolean;
  /** Takes nodes away, and so is silent in the panes beside the canvas, where the key seems to be for what has the focus. */
  readonly isOfCanvas?: boolean;
  readonly act: () => void;
}

export interface PageActions {
  readonly yaml: () => void;
  readonly commands: () => void;
  readonly add: () => void;
  readonly chooseLoop: () => void;
  readonly fit: () => void;
}

export function commandsOf(parts: EditorParts, page: PageActions): readonly Command[] {
  const { store, api, namespace } = parts;
  const pipeline = () => store.getState().pipeline;
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
    {
      title: "Delete what is selected",
      keys: ["Delete", "Backspace"],
      isOfCanvas: true,
      act: () => deleteSelected(parts),
    },
    { title: "Copy as YAML", keys: ["Ctrl C"], act: () => void copySelected(parts) },
    { title: "Cut", keys: ["Ctrl X"], isOfCanvas: true, act: () => void cutSelected(parts) },
    { title: "Paste", keys: [], act: () => void pasteFromClipboard(parts) },
    { title: "Duplicate", keys: ["Ctrl D"], act: () => duplicateSelected(parts) },
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
    { title: "Move into a loop …", keys: [], act: () => moveIn(parts, page) },
    { title: "Move out of the loop", keys: [], act: () => moveOut(store) },
    { title: "Import a file", keys: [], act: () => chooseFile(store) },
    { title: "Tidy up", keys: [], act: () => change(store, { label: "Tidy up" }, tidy) },
    { title: "Show everything", keys: ["f"], act: page.fit },
    { title: "Show or hide the YAML", keys: ["y"], act: page.yaml },
    { title: "Show no states of a test run", keys: [], act: () => leaveRun(store) },
  ];
}

function moveIn({ store }: EditorParts, page: PageActions): void {
  if (loopsFor(store.getState()).length > 0) page.chooseLoop();
  else flash("There is no loop that what is selected could be moved into.", "problem");
}

const WRITING = "input, textarea, select, [contenteditable]:not([contenteditable='false'])";
const BESIDE = ".inspector, .palette, .problem-list";

/** Do what the key is for. Returns whether it is for anything here. */
export function runKey(commands: readonly Command[], event: KeyboardEvent): boolean {
  if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return false;
  const target = event.target as Element;
  if (document.querySelector("dialog[open]") !== null) return false;
  const isWriting = target.matches(WRITING) || target.closest(".cm-editor") !== null;
  const command = commands.find(({ keys }) => keys.some((each) => isPressed(each, event)));
  if (command === undefined || (isWriting && command.isEverywhere !== true)) return false;
  if (command.isOfCanvas === true && target.closest(BESIDE) !== null) return false;
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
