/** The editor: palette, canvas, settings, and the YAML beside them; and the keys that work in all of it. */

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Details } from "../graph/Details";
import { focusCard, focusDetails } from "../graph/focusing";
import { kindOf, TypeIcon } from "../graph/icons";
import { add, dropAt, wishBehindSelected } from "./adding";
import type { Wish } from "./canvas/connections";
import { loopAt } from "./canvas/dropping";
import { EditorCanvas } from "./canvas/EditorCanvas";
import type { Flow } from "./canvas/viewing";
import { keepChecked } from "./checking";
import { type Command, commandsOf, runKey } from "./commands";
import { NodeForm } from "./form/NodeForm";
import { PipelineForm } from "./form/PipelineForm";
import { SeveralForm } from "./form/SeveralForm";
import { acceptDrops, chooseFile } from "./importing";
import { loopsFor, nest } from "./nesting";
import { Chooser } from "./panes/Chooser";
import { Conflict } from "./panes/Conflict";
import { Palette } from "./panes/Palette";
import { Problems } from "./panes/Problems";
import { Toolbar } from "./panes/Toolbar";
import { YamlPanel } from "./panes/YamlPanel";
import { pasteText } from "./selected";
import { guardLeaving, lookForTheirs } from "./server";
import { onlySelected, select, useEditor, useEditorParts } from "./store";

export function EditorPage() {
  const parts = useEditorParts();
  const { store, types, api } = parts;
  const [isYamlShown, setYamlShown] = useState(() => innerWidth > 700);
  const [wish, setWish] = useState<Wish | null>(null);
  const [isCommanding, setCommanding] = useState(false);
  const [isNesting, setNesting] = useState(false);
  const flow = useRef<Flow | null>(null);
  const place = useRef<HTMLDivElement>(null);

  useEffect(() => keepChecked(store, api), [store, api]);
  useEffect(() => guardLeaving(store), [store]);
  useEffect(() => acceptDrops(store), [store]);
  useEffect(() => {
    const link = document.querySelector("[data-import]");
    const choose = (event: Event) => {
      event.preventDefault();
      chooseFile(store);
    };
    link?.addEventListener("click", choose);
    return () => link?.removeEventListener("click", choose);
  }, [store]);
  useTheirs();
  const commands = useMemo(
    () =>
      commandsOf(parts, {
        yaml: () => setYamlShown((isShown) => !isShown),
        commands: () => setCommanding(true),
        add: () => setWish({ screen: { x: innerWidth / 2 - 160, y: 140 }, at: null, ...wishBehindSelected(parts) }),
        chooseLoop: () => setNesting(true),
        fit: () => void flow.current?.fitView({ maxZoom: 1, duration: 160 }),
      }),
    [parts],
  );
  useKeys(commands);
  usePasting();

  const drop = (type: string, screen: { readonly x: number; readonly y: number }) => {
    const canvas = place.current?.getBoundingClientRect();
    const made = flow.current;
    if (!canvas || made === null) return;
    if (screen.x < canvas.left || screen.x > canvas.right || screen.y < canvas.top || screen.y > canvas.bottom) return;
    const at = made.screenToFlowPosition(
      { x: screen.x - 112, y: screen.y - 23 },
      { snapToGrid: true, snapGrid: [8, 8] },
    );
    const seen = new Map(made.getNodes().map((node) => [node.id, node.position]));
    dropAt(parts, type, at, seen, loopAt(screen));
  };
  const onFlow = useCallback((made: Flow) => {
    flow.current = made;
  }, []);
  return (
    <div className="edit">
      <Palette onDrop={drop} />
      <div className="edit__middle">
        <Toolbar
          isYamlShown={isYamlShown}
          onYaml={() => setYamlShown(!isYamlShown)}
          onCommands={() => setCommanding(true)}
        />
        <div className="edit__canvas" ref={place}>
          <EditorCanvas onFlow={onFlow} onWish={setWish} />
        </div>
        <Problems />
      </div>
      <Inspector />
      {isYamlShown && <YamlPanel />}
      {wish !== null && (
        <Chooser
          label="Add a node"
          at={wish.screen}
          onClose={() => setWish(null)}
          choices={[...types.values()].map((type) => ({
            key: type.name,
            title: type.name,
            detail: type.description,
            icon: (
              <span className={kindOf(type.category)}>
                <TypeIcon name={type.icon} />
              </span>
            ),
            onChoose: () => {
              add(parts, type.name, wish);
              focusDetails();
            },
          }))}
        />
      )}
      {isCommanding && (
        <Chooser
          label="What shall be done?"
          onClose={() => setCommanding(false)}
          choices={commands.map(({ title, keys, act }) => ({
            key: title,
            title,
            detail: keys.join(", "),
            onChoose: act,
          }))}
        />
      )}
      {isNesting && (
        <Chooser
          label="Move into which loop?"
          onClose={() => setNesting(false)}
          choices={loopsFor(store.getState()).map(({ id, name }) => ({
            key: id,
            title: id,
            detail: name,
            onChoose: () => void nest(store, store.getState().selected, id),
          }))}
        />
      )}
      <Conflict />
    </div>
  );
}

function Inspector() {
  const { store } = useEditorParts();
  const id = useEditor(onlySelected);
  const count = useEditor((state) => state.selected.size);
  const node = useEditor((state) => (id === null ? undefined : state.pipeline.view.byId.get(id)));
  if (count > 1) return <SeveralForm />;
  if (id === null || node === undefined) {
    return (
      <aside className="inspector" aria-label="Pipeline" tabIndex={-1} onKeyDown={leaveByKey}>
        <PipelineForm />
      </aside>
    );
  }
  const close = () => {
    select(store, []);
    focusCard(id);
  };
  return (
    <Details key={node.path.join()} node={id} onClose={close}>
      <NodeForm node={node} />
    </Details>
  );
}

/** Escape leads out of the fields, so that single keys are commands again. */
function leaveByKey(event: React.KeyboardEvent): void {
  if (event.key === "Escape" && !event.nativeEvent.isComposing) document.querySelector<HTMLElement>("#main")?.focus();
}

/** Whoever comes back to the tab is told what others did meanwhile. */
function useTheirs(): void {
  const { store, api } = useEditorParts();
  useEffect(() => {
    const look = () => {
      if (document.visibilityState === "visible") void lookForTheirs(store, api);
    };
    window.addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      window.removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
    };
  }, [store, api]);
}

function useKeys(commands: readonly Command[]): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (runKey(commands, event)) event.preventDefault();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [commands]);
}

/** Ctrl V is an event of its own: its text can be read where the clipboard as such can't. */
function usePasting(): void {
  const parts = useEditorParts();
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const target = event.target as Element;
      if (target.closest("input, textarea, [contenteditable], dialog") !== null) return;
      event.preventDefault();
      pasteText(parts, event.clipboardData?.getData("text/plain") ?? "");
    };
    document.addEventListener("paste", paste);
    return () => document.removeEventListener("paste", paste);
  }, [parts]);
}
