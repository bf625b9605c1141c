/** What stands below the sentence that the editor can't be drawn: the text that is not saved, to be saved or copied. */

import { useEffect } from "react";
import { useStore } from "zustand";
import { copy } from "../shell/copying";
import { guardLeaving, keepMine, save } from "./server";
import { type EditorParts, isUnsaved } from "./store";

export function UnsavedText({ parts }: { readonly parts: EditorParts }) {
  const { store, api, namespace, mayChange } = parts;
  const text = useStore(store, (state) => state.text);
  const isLost = useStore(store, isUnsaved);
  const isSaving = useStore(store, (state) => state.isSaving);
  const theirs = useStore(store, (state) => state.theirs);
  useEffect(() => guardLeaving(store), [store]);
  if (!isLost) return null;
  return (
    <section className="stack stack--padded" aria-label="The text that is not saved">
      <p>
        {theirs === null
          ? "This text is not saved. Save it, or copy it, before the page is left."
          : "Somebody else saved this pipeline meanwhile. Copy this text, or save it over theirs."}
      </p>
      <div className="actions">
        <button
          type="button"
          className="button button--primary"
          disabled={isSaving || !mayChange}
          onClick={() => {
            keepMine(store);
            void save(store, api, namespace);
          }}
        >
          {theirs === null ? "Save" : "Save over theirs"}
        </button>
        <button type="button" className="button" onClick={() => void copy(text)}>
          Copy
        </button>
      </div>
      <textarea className="editor" readOnly rows={24} spellCheck={false} value={text} aria-label="The text" />
    </section>
  );
}
