/** Puts the editor into its page. */

import "@xyflow/react/dist/base.css";
import "../styles/graph.css";
import "../styles/run.css";
import "../styles/editor.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Api } from "../api/client";
import type { NodeTypeRecord } from "../api/schema";
import { EditorPage } from "../editor/EditorPage";
import { keepPins, ownStorage } from "../editor/pins";
import { createEditorStore, EditorContext, type SavedFile, type Schema } from "../editor/store";
import { loadRun } from "../editor/trying";
import { UnsavedText } from "../editor/UnsavedText";
import { Boundary } from "../graph/Boundary";

interface Given {
  readonly saved: SavedFile;
  readonly nodeTypes: readonly NodeTypeRecord[];
  /** The JSON Schema of the document. */
  readonly schema: Schema;
  readonly namespace: string;
  readonly mayChange: boolean;
}

function drawEditor(place: HTMLElement): void {
  const given = JSON.parse(document.getElementById("editor-data")?.textContent ?? "null") as Given;
  const parts = {
    store: createEditorStore(given.saved),
    api: new Api(place.dataset.api ?? "/api/v1", given.namespace),
    types: new Map(given.nodeTypes.map((type) => [type.name, type])),
    namespace: given.namespace,
    mayChange: given.mayChange,
    schema: given.schema,
  };
  keepPins(parts.store, given.namespace, ownStorage());
  createRoot(place).render(
    <StrictMode>
      <Boundary
        what="The editor"
        advice="Load the page again, or take As text above."
        onFailure={() => undefined}
        rest={<UnsavedText parts={parts} />}
      >
        <EditorContext value={parts}>
          <EditorPage />
        </EditorContext>
      </Boundary>
    </StrictMode>,
  );
  const run = new URLSearchParams(location.search).get("run");
  if (run !== null) void loadRun(parts, run);
}

const place = document.getElementById("editor");
if (place !== null) drawEditor(place);
