/** What starts a pipeline: a single `trigger`, or a list of `triggers`. Pure. */

import { isMap } from "yaml";
import { addAt, EditRefused, removeAt, renameAt } from "./edits";
import { ORDER, onPipeline, type Pipeline } from "./pipeline";
import { columnOf, lineStart, nodeAt, type Source, spanAt } from "./source";
import { applySplices, type Splice } from "./splices";
import type { Fields } from "./view";
import { inFlow } from "./writing";

/** Add a trigger. A single one of `trigger` becomes the first of the list, as it is written. */
export function addTrigger({ source, view }: Pipeline, trigger: Fields): string {
  const listed = applySplices(source.text, asList(source, view.base));
  const value = isPlain(trigger) ? inFlow(trigger) : trigger;
  return onPipeline(listed, (each) =>
    applySplices(listed, addAt(each.source, [...view.base, "triggers"], value, ORDER)),
  );
}

function isPlain(fields: Fields): boolean {
  return Object.values(fields).every((value) => typeof value !== "object");
}

/** Splices that make `triggers` with one item of `trigger`; none where there is no single one. */
function asList(source: Source, base: Source["base"]): readonly Splice[] {
  const path = [...base, "trigger"];
  const value = nodeAt(source, path);
  const span = spanAt(source, path);
  if (value === undefined || nodeAt(source, [...base, "triggers"]) !== undefined) return [];
  if (span === undefined || span[0] === span[1]) return removeAt(source, base, ["trigger"]);
  const [key] = renameAt(source, path, "triggers");
  if (key === undefined) return [];
  const around = base.length === 0 ? source.document.contents : nodeAt(source, base);
  if (isMap(around) && around.flow === true) {
    return [key, { from: span[0], to: span[0], text: "[" }, { from: span[1], to: span[1], text: "]" }];
  }
  return [key, ...asItem(source.text, key, span)];
}

/** The dash in front of a value, and the lines behind its first as much further in. */
function asItem(text: string, key: Splice, [from, to]: readonly [number, number]): readonly Splice[] {
  const start = lineStart(text, from);
  const inner = [...text.slice(from, to).matchAll(/\n(?=[^\n])/g)].map((found) => from + found.index + 1);
  const shift = (by: string) => inner.map((at) => ({ from: at, to: at, text: by }));
  const colon = text.indexOf(":", key.to);
  if (
    text
      .slice(colon + 1, from)
      .replace(/#.*/g, "")
      .trim() !== ""
  )
    throw new EditRefused("the trigger has an anchor or a tag; make it a list in the YAML");
  if (text.slice(start, from).trim() === "") return [{ from, to: from, text: "- " }, ...shift("  ")];
  const margin = " ".repeat(columnOf(text, key.from) + 2);
  return [{ from: colon + 1, to: from, text: `\n${margin}- ` }, ...shift("    ")];
}
