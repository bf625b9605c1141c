/** Somebody else saved meanwhile: what differs, line by line, and whose text goes on. */

import { useRef } from "react";
import { compareLines } from "../document/comparing";
import { keepMine, takeTheirs } from "../server";
import { setText, type Theirs, useEditor, useEditorParts } from "../store";
import { useModal } from "./useModal";

export function Conflict() {
  const theirs = useEditor((state) => state.theirs);
  return theirs === null ? null : <Comparison theirs={theirs} />;
}

function Comparison({ theirs }: { readonly theirs: Theirs }) {
  const { store } = useEditorParts();
  const text = useEditor((state) => state.text);
  const dialog = useRef<HTMLDialogElement>(null);
  useModal(dialog);
  const lines = compareLines(theirs.text, text);
  return (
    <dialog
      ref={dialog}
      className="dialog dialog--compare"
      aria-labelledby="conflict-title"
      onCancel={(event) => event.preventDefault()}
      // A browser closes it all the same when Escape is pressed again: nothing is decided then, and the next save asks anew.
      onClose={() => store.setState({ theirs: null })}
    >
      <h2 id="conflict-title">Somebody else saved this pipeline meanwhile</h2>
      <p>
        Lines with − are theirs alone, lines with + are yours. Nothing is lost either way: undo brings your text back.
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre className="code code--diff" tabIndex={0}>
        {lines.map((line, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no name but their place
          <span key={place} className={line.kind === "same" ? "line" : `line line--${line.kind}`}>
            {`${line.kind === "added" ? "+" : line.kind === "removed" ? "−" : " "} ${line.text}\n`}
          </span>
        ))}
      </pre>
      <div className="actions">
        <button
          type="button"
          className="button"
          onClick={() => takeTheirs(store, (fresh) => setText(store, fresh, { label: "Take theirs" }))}
        >
          Go on with theirs
        </button>
        <button type="button" className="button button--primary" onClick={() => keepMine(store)}>
          Keep mine, to be saved over theirs
        </button>
      </div>
    </dialog>
  );
}
