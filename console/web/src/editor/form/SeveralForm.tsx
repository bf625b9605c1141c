/** What can be done with several nodes at once. */

import { copy } from "../../shell/copying";
import { deleteSelected } from "../commands";
import { copyNodes, duplicateNodes } from "../document/clipboard";
import { setText, useEditor, useEditorParts } from "../store";

export function SeveralForm() {
  const parts = useEditorParts();
  const { store, types } = parts;
  const selected = useEditor((state) => state.selected);
  const duplicate = () => {
    const made = duplicateNodes(store.getState().pipeline, types, selected);
    if (made !== null) setText(store, made.text, { label: "Duplicate", select: made.ids });
  };
  return (
    <aside className="inspector" aria-label="Several nodes">
      <header className="inspector__head">
        <h2>{selected.size} nodes</h2>
        <p className="soft mono">{[...selected].join(", ")}</p>
        <div className="actions">
          <button
            type="button"
            className="button"
            onClick={() => void copy(copyNodes(store.getState().pipeline, selected))}
          >
            Copy as YAML
          </button>
          <button type="button" className="button" onClick={duplicate}>
            Duplicate
          </button>
          <button type="button" className="button button--danger" onClick={() => deleteSelected(parts)}>
            Delete
          </button>
        </div>
      </header>
    </aside>
  );
}
