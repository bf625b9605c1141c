/** A file taken into the editor: dropped anywhere on the page, or chosen. One step, which undo takes back. */

import { flash } from "../shell/flash";
import { type EditorStore, setText } from "./store";

/** As long as the server takes a document. */
const MOST_BYTES = 1024 * 1024;
const ENDINGS = /\.(ya?ml|json)$/i;

/** Take dropped files. Returns how to stop. */
export function acceptDrops(store: EditorStore): () => void {
  const over = (event: DragEvent) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  };
  const drop = (event: DragEvent) => {
    const [file] = event.dataTransfer?.files ?? [];
    if (file === undefined) return;
    event.preventDefault();
    // Before CodeMirror, which would write the file's text where it was let go.
    event.stopPropagation();
    void takeFile(store, file);
  };
  document.addEventListener("dragover", over, true);
  document.addEventListener("drop", drop, true);
  return () => {
    document.removeEventListener("dragover", over, true);
    document.removeEventListener("drop", drop, true);
  };
}

/** Have a file chosen, and take it. */
export function chooseFile(store: EditorStore): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = ".yaml,.yml,.json";
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    if (file !== undefined) void takeFile(store, file);
  });
  input.click();
}

async function takeFile(store: EditorStore, file: File): Promise<void> {
  if (!ENDINGS.test(file.name) || file.size > MOST_BYTES) {
    flash(`${file.name} is no pipeline: a file of YAML or JSON of at most 1 MB is needed.`, "problem");
    return;
  }
  setText(store, await file.text(), { label: `Import ${file.name}`, select: [] });
  flash(`${file.name} is here. Undo brings back what was before.`);
}
