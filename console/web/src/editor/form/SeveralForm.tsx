/** What can be done with several nodes at once. */

import { copySelected, deleteSelected, duplicateSelected } from "../selected";
import { useEditor, useEditorParts } from "../store";

export function SeveralForm() {
  const parts = useEditorParts();
  const selected = useEditor((state) => state.selected);
  return (
    <aside className="inspector" aria-label="Several nodes">
      <header className="inspector__head">
        <h2>{selected.size} nodes</h2>
        <p className="soft mono">{[...selected].join(", ")}</p>
        <div className="actions">
          <button type="button" className="button" onClick={() => void copySelected(parts)}>
            Copy as YAML
          </button>
          <button type="button" className="button" onClick={() => duplicateSelected(parts)}>
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
