/** Above the canvas: what can be taken back, how the text stands, and the ways to try and to save it. */

import { Command, PinOff, Play, Redo2, Save, Undo2, Wand, X } from "lucide-react";
import { useStore } from "zustand";
import { LookIcon } from "../../graph/icons";
import { lookOf, toneOf, WORDS } from "../../model/look";
import type { RunParts } from "../../run/store";
import { tidy } from "../document/places";
import { problemsOf } from "../problems";
import { save } from "../server";
import { change, isUnsaved, redo, undo, useEditor, useEditorParts } from "../store";
import { leaveRun, startTest, unpinAll } from "../trying";

export interface ToolbarProps {
  readonly isYamlShown: boolean;
  readonly onYaml: () => void;
  readonly onCommands: () => void;
}

export function Toolbar({ isYamlShown, onYaml, onCommands }: ToolbarProps) {
  const parts = useEditorParts();
  const { store, api, namespace, mayChange } = parts;
  const back = useEditor((state) => state.history.past.at(-1)?.label);
  const on = useEditor((state) => state.history.future[0]?.label);
  const hasLayout = useEditor((state) => state.pipeline.view.layout.size > 0);
  const run = useEditor((state) => state.run);
  const isSaving = useEditor((state) => state.isSaving);
  return (
    <div className="editor-bar">
      <button
        type="button"
        className="button button--icon"
        disabled={back === undefined}
        aria-label="Undo"
        title={back === undefined ? "Undo" : `Undo: ${back} (Ctrl Z)`}
        onClick={() => undo(store)}
      >
        <Undo2 size={16} aria-hidden />
      </button>
      <button
        type="button"
        className="button button--icon"
        disabled={on === undefined}
        aria-label="Redo"
        title={on === undefined ? "Redo" : `Redo: ${on} (Ctrl Y)`}
        onClick={() => redo(store)}
      >
        <Redo2 size={16} aria-hidden />
      </button>
      <button
        type="button"
        className="button button--icon"
        disabled={!hasLayout}
        aria-label="Tidy up"
        title="Tidy up: forget all places, so that nodes are arranged by themselves"
        onClick={() => change(store, { label: "Tidy up" }, tidy)}
      >
        <Wand size={16} aria-hidden />
      </button>
      <button type="button" className="button" aria-pressed={isYamlShown} onClick={onYaml}>
        YAML
      </button>
      <button
        type="button"
        className="button button--icon"
        aria-label="All commands"
        title="All commands (Ctrl K)"
        onClick={onCommands}
      >
        <Command size={15} aria-hidden />
      </button>
      <Standing />
      {!mayChange && <span className="soft">View only</span>}
      <Pinned />
      {run !== null && <RunStanding run={run} onLeave={() => leaveRun(store)} />}
      <button
        type="button"
        className="button"
        disabled={!mayChange}
        title="Run the text as it stands, saved or not (Ctrl Enter)"
        onClick={() => void startTest(parts)}
      >
        <Play size={15} aria-hidden /> Test run
      </button>
      <button
        type="button"
        className="button button--primary"
        disabled={isSaving || !mayChange}
        title="Save (Ctrl S)"
        onClick={() => void save(store, api, namespace)}
      >
        <Save size={15} aria-hidden /> Save
      </button>
    </div>
  );
}

function Standing() {
  const isChanged = useEditor(isUnsaved);
  const isNew = useEditor((state) => state.saved.name === "");
  const isBroken = useEditor((state) => state.faults.length > 0);
  const count = useEditor((state) => problemsOf(state).length);
  const unchecked = useEditor((state) => state.unchecked);
  const words = isBroken
    ? "The YAML can't be read; the graph is the last that could"
    : count === 1
      ? "1 problem"
      : count > 1
        ? `${count} problems`
        : "";
  return (
    <span className="editor-bar__standing" role="status">
      {words && <span className="editor-bar__problems">{words}</span>}
      {unchecked && <span className="editor-bar__problems editor-bar__unchecked">Not checked: {unchecked}</span>}
      <span className={isChanged || isNew ? "editor-bar__unsaved" : "soft"}>
        {isNew ? "Never saved" : isChanged ? "Not saved" : "Saved"}
      </span>
    </span>
  );
}

/** That test runs do not run everything must be seen, or their results would be taken for more than they are. */
function Pinned() {
  const { store } = useEditorParts();
  const count = useEditor(({ pins, pipeline }) => [...pins.keys()].filter((id) => pipeline.view.byId.has(id)).length);
  if (count === 0) return null;
  return (
    <button
      type="button"
      className="button button--small"
      title="Test runs take these outputs instead of running their nodes; this lets all run again"
      onClick={() => unpinAll(store)}
    >
      <PinOff size={13} aria-hidden /> Unpin {count}
    </button>
  );
}

function RunStanding({ run, onLeave }: { readonly run: RunParts; readonly onLeave: () => void }) {
  const look = useStore(run.store, (state) => lookOf(state.run));
  const query = run.namespace === "default" ? "" : `?namespace=${encodeURIComponent(run.namespace)}`;
  return (
    <span className={`editor-bar__run ${toneOf(look)}`}>
      <a
        href={`/runs/${run.runId}${query}`}
        target="_blank"
        rel="noreferrer"
        className="pill"
        title="Open this run in a tab of its own"
      >
        <LookIcon look={look} />
        {WORDS[look]}
      </a>
      <button
        type="button"
        className="button button--plain button--icon button--small"
        aria-label="Show no states"
        onClick={onLeave}
      >
        <X size={13} aria-hidden />
      </button>
    </span>
  );
}
