/** A dialog with a search field and a list: to add a node at a place, and to run any command. Arrow keys and Enter choose. */

import { type KeyboardEvent, type ReactNode, useId, useRef, useState } from "react";
import { useModal } from "./useModal";

export interface Choice {
  readonly key: string;
  readonly title: string;
  readonly detail: string;
  readonly icon?: ReactNode;
  readonly onChoose: () => void;
}

interface ChooserProps {
  readonly label: string;
  readonly choices: readonly Choice[];
  readonly onClose: () => void;
  /** Where its corner is on the screen; in the middle if not given. */
  readonly at?: { readonly x: number; readonly y: number } | null;
}

export function Chooser({ label, choices, onClose, at = null }: ChooserProps) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const [search, setSearch] = useState("");
  const [active, setActive] = useState(0);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = choices
    .filter((each) => words.every((word) => `${each.title} ${each.detail}`.toLowerCase().includes(word)))
    .sort((one, other) => rankOf(one.title, search) - rankOf(other.title, search));
  useModal(dialog);
  const choose = (choice: Choice | undefined) => {
    if (choice === undefined) return;
    onClose();
    choice.onChoose();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) setActive((active + step + found.length) % Math.max(found.length, 1));
    else if (event.key === "Enter") choose(found[active]);
    else return;
    event.preventDefault();
  };
  const place =
    at === null
      ? {}
      : {
          margin: 0,
          left: Math.max(8, Math.min(at.x, innerWidth - 340)),
          top: Math.max(8, Math.min(at.y, innerHeight - 380)),
        };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes every dialog
    <dialog
      ref={dialog}
      className="dialog chooser"
      style={place}
      aria-label={label}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <input
        className="input"
        autoFocus
        role="combobox"
        aria-label={label}
        aria-expanded
        aria-controls={id}
        aria-activedescendant={`${id}-${active}`}
        placeholder={label}
        value={search}
        onChange={(event) => {
          setSearch(event.target.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div className="chooser__list" id={id} role="listbox" aria-label={label}>
        {found.map((each, number) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field
          // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field, as in every combobox
          <div
            key={each.key}
            id={`${id}-${number}`}
            role="option"
            className="chooser__choice"
            aria-selected={number === active}
            ref={number === active ? (element) => element?.scrollIntoView({ block: "nearest" }) : null}
            onClick={() => choose(each)}
          >
            {each.icon}
            <span>{each.title}</span>
            <span className="chooser__detail">{each.detail}</span>
          </div>
        ))}
        {found.length === 0 && <p className="soft">Nothing is called “{search}”.</p>}
      </div>
    </dialog>
  );
}

/** What is called so comes before what only has the word in its name, and that before what is described by it. */
function rankOf(title: string, search: string): number {
  const place = title.toLowerCase().indexOf(search.toLowerCase().trim());
  return place < 0 ? 2 : Math.min(place, 1);
}
