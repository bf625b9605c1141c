/**
 * A field for a name. It counts when it is done, as each letter by itself would be a name, too: when the field is left, at Enter,
 * and before a key that saves or runs what is here.
 */

import { type KeyboardEvent, useEffect, useRef, useState } from "react";

interface NameInputProps {
  readonly name: string;
  readonly label: string;
  readonly onChange: (name: string) => void;
  readonly id?: string;
  /** Just made, and waiting for its name: it takes the focus, and what is typed replaces what it has. */
  readonly isBegun?: boolean;
}

export function NameInput({ name, label, onChange, id, isBegun = false }: NameInputProps) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (isBegun) field.current?.select();
  }, [isBegun]);
  const [draft, setDraft] = useState<string | null>(null);
  const done = () => {
    if (draft !== null) onChange(draft.trim());
    setDraft(null);
  };
  return (
    <input
      ref={field}
      id={id}
      className="input mono"
      aria-label={label}
      value={draft ?? name}
      spellCheck={false}
      autoComplete="off"
      onChange={(event) => setDraft(event.target.value)}
      onBlur={done}
      onKeyDown={(event) => {
        if (event.nativeEvent.isComposing) return;
        if (event.key === "Enter" || isSaving(event)) done();
        if (event.key === "Escape" && draft !== null) {
          setDraft(null);
          event.stopPropagation();
        }
      }}
    />
  );
}

function isSaving({ key, ctrlKey, metaKey }: KeyboardEvent): boolean {
  return (ctrlKey || metaKey) && key.toLowerCase() === "s";
}
