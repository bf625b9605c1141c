/** A pipeline's text as it was read, and its fields: each change is the new text, with all else of the text as it was. */

import { keepingAnchors } from "./anchors";
import { addAt, EditRefused, type KeyOrder, removeAt, renameAt, setAt } from "./edits";
import { type Path, readSource, type Source } from "./source";
import { applySplices, type Splice } from "./splices";
import { type PipelineView, viewOf } from "./view";

const TOP = [
  "apiVersion",
  "kind",
  "metadata",
  "state",
  "trigger",
  "triggers",
  "inputs",
  "variables",
  "timeout",
  "nodes",
  "edges",
  "layout",
];
const NODE = [
  "id",
  "name",
  "type",
  "runOn",
  "config",
  "inputs",
  "when",
  "retry",
  "timeout",
  "startTimeout",
  "resources",
  "durable",
  "onError",
];
const METADATA = ["name", "namespace", "description", "labels"];

/** A pipeline's text as it was read, which every operation begins with. */
export interface Pipeline {
  readonly source: Source;
  readonly view: PipelineView;
}

/** The pipeline of a text; null if it can't be read. */
export function readPipeline(text: string): Pipeline | null {
  const source = readSource(text);
  return source.faults.length > 0 ? null : { source, view: viewOf(source) };
}

/** Keys as people write them, by where they stand; of other maps in the order in which they come. */
export const ORDER: KeyOrder = (path) => {
  const [parent, key] = [path.at(-3), path.at(-2)];
  if (path.length === 1 || (path.length === 2 && key === "spec")) return TOP;
  if (parent === "nodes" && typeof key === "number") return NODE;
  return key === "metadata" ? METADATA : key === "body" ? TOP : [];
};

/** Set a field anywhere; `undefined` removes it, and what gets empty by it. */
export function setField({ source }: Pipeline, path: Path, value: unknown): string {
  const key = path.at(-1);
  if (key === undefined) throw new EditRefused("a document can't be replaced as a whole");
  const splices =
    value === undefined ? removed(source, [path]) : keepingAnchors(source, setAt(source, path, value, ORDER));
  return applySplices(source.text, splices);
}

/** Add an item to a list; all else of the list stays as it is written. */
export function addItem({ source }: Pipeline, path: Path, value: unknown): string {
  return applySplices(source.text, addAt(source, path, value, ORDER));
}

/** Give a key of a map another name; all else of the map, its comments included, stays as it is written. */
export function renameKey({ source }: Pipeline, path: Path, name: string): string {
  return applySplices(source.text, renameAt(source, path, name));
}

/** Where nodes of a body are, of the top level for null. */
export function bodyPath(view: PipelineView, parent: string | null): Path {
  if (parent === null) return view.base;
  const loop = view.byId.get(parent);
  if (loop === undefined) throw new EditRefused(`there is no loop ${parent}`);
  return [...loop.path, "config", "body"];
}

/** A further change of a text that an operation gave. */
export function onPipeline(text: string, change: (pipeline: Pipeline) => string): string {
  const pipeline = readPipeline(text);
  if (pipeline === null) throw new EditRefused("the text can't be read; mend the YAML first");
  return change(pipeline);
}

/** Splices that remove parts of lists or maps. What aliases stand for stays, at one of them. */
export function removed(source: Source, paths: readonly Path[]): readonly Splice[] {
  return keepingAnchors(source, taken(source, paths));
}

/** Splices that take parts away with all that is in them, those of one collection at once. */
export function taken(source: Source, paths: readonly Path[]): readonly Splice[] {
  const groups = new Map<string, Path[]>();
  for (const path of paths) {
    const above = JSON.stringify(path.slice(0, -1));
    groups.set(above, [...(groups.get(above) ?? []), path]);
  }
  return [...groups.values()].flatMap((group) =>
    removeAt(
      source,
      group[0]?.slice(0, -1) ?? [],
      group.map((path) => path.at(-1) ?? ""),
    ),
  );
}
