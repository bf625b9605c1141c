/** What can be added, by category, with search. A click adds behind the selected node; a drag puts it where it is dropped. */

import { PanelLeftClose, PanelLeftOpen } from "lucide-react";
import { type MouseEvent, type PointerEvent, useRef, useState } from "react";
import { kindOf, TypeIcon } from "../../graph/icons";
import { useRemembered } from "../../run/useRemembered";
import { addAfterSelected, sortedTypes } from "../adding";
import { useEditorParts } from "../store";
import { addTriggerOf, TRIGGER_KINDS } from "../triggers";

export interface PaletteProps {
  readonly onDrop: (type: string, screen: { readonly x: number; readonly y: number }) => void;
}

/** Pixels after which a press is a drag. */
const DRAG = 6;

export function Palette({ onDrop }: PaletteProps) {
  const parts = useEditorParts();
  const [search, setSearch] = useState("");
  const [folded, setFolded] = useRemembered("flume.editor.palette-folded");
  if (folded !== null) return <Folded onUnfold={() => setFolded(null)} />;
  const groups = sortedTypes(parts.types.values(), search);
  const triggers = TRIGGER_KINDS.filter((each) =>
    `${each.name} trigger ${each.description}`.toLowerCase().includes(search.toLowerCase()),
  );
  return (
    <aside className="palette" aria-label="Nodes to add">
      <div className="palette__head">
        <input
          type="search"
          className="input"
          placeholder="Search nodes"
          aria-label="Search nodes"
          data-search=""
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <button
          type="button"
          className="button button--plain button--icon button--small"
          aria-label="Hide the nodes to add"
          title="Hide the nodes to add"
          onClick={() => setFolded(1)}
        >
          <PanelLeftClose size={16} aria-hidden />
        </button>
      </div>
      <div className="palette__list">
        {groups.map(([category, types]) => (
          <section key={category} aria-label={category}>
            <h3>{category}</h3>
            {types.map((type) => (
              <Entry
                key={type.name}
                name={type.name}
                description={type.description}
                icon={type.icon}
                category={type.category}
                onAdd={() => addAfterSelected(parts, type.name)}
                onDrop={onDrop}
              />
            ))}
          </section>
        ))}
        {triggers.length > 0 && (
          <section aria-label="Triggers">
            <h3>Triggers</h3>
            {triggers.map((each) => (
              <Entry
                key={each.name}
                name={each.name}
                description={each.description}
                icon={each.icon}
                category=""
                onAdd={() => addTriggerOf(parts, each.name)}
                onDrop={onDrop}
              />
            ))}
          </section>
        )}
        {groups.length === 0 && triggers.length === 0 && (
          <p className="soft">No node type has “{search}” in its name or description.</p>
        )}
      </div>
    </aside>
  );
}

/** A strip in its place: the canvas gets the room, and nodes are added by `a` or a double-click. */
function Folded({ onUnfold }: { readonly onUnfold: () => void }) {
  return (
    <aside className="palette palette--folded" aria-label="Nodes to add">
      <button
        type="button"
        className="button button--plain button--icon"
        aria-label="Show the nodes to add"
        title="Show the nodes to add"
        onClick={onUnfold}
      >
        <PanelLeftOpen size={16} aria-hidden />
      </button>
    </aside>
  );
}

interface EntryProps {
  readonly name: string;
  readonly description: string;
  readonly icon: string;
  readonly category: string;
  readonly onAdd: () => void;
  readonly onDrop: PaletteProps["onDrop"];
}

function Entry({ name, description, icon, category, onAdd, onDrop }: EntryProps) {
  const begun = useRef<{ readonly x: number; readonly y: number } | null>(null);
  const hasMoved = useRef(false);
  const [ghost, setGhost] = useState<{ readonly x: number; readonly y: number } | null>(null);
  const start = (event: PointerEvent) => {
    if (event.button !== 0) return;
    begun.current = { x: event.clientX, y: event.clientY };
    hasMoved.current = false;
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const follow = (event: PointerEvent) => {
    if (begun.current === null) return;
    if (!hasMoved.current && Math.hypot(event.clientX - begun.current.x, event.clientY - begun.current.y) < DRAG)
      return;
    hasMoved.current = true;
    setGhost({ x: event.clientX, y: event.clientY });
  };
  const leave = () => {
    begun.current = null;
    setGhost(null);
  };
  const end = (event: PointerEvent) => {
    leave();
    if (hasMoved.current) onDrop(name, { x: event.clientX, y: event.clientY });
  };
  const click = (event: MouseEvent) => {
    // A browser may or may not tell of a click where a drag ends. One by key or by a program has no count, and none before it.
    const isOfDrag = hasMoved.current && event.detail > 0;
    hasMoved.current = false;
    if (!isOfDrag) onAdd();
  };
  return (
    <>
      <button
        type="button"
        className="palette__entry"
        title={description}
        onPointerDown={start}
        onPointerMove={follow}
        onPointerUp={end}
        onPointerCancel={leave}
        onClick={click}
      >
        <span className={kindOf(category)}>
          <TypeIcon name={icon} />
        </span>
        <span className="palette__name">{name}</span>
      </button>
      {ghost !== null && (
        <div className="palette__ghost" style={{ left: ghost.x, top: ghost.y }} aria-hidden>
          {name}
        </div>
      )}
    </>
  );
}
