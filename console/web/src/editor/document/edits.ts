/**
 * The ways to change a document, each as splices of its text: set what is at a path, remove it, add to a list.
 *
 * Nothing else of the text changes: comments, the order of keys, quotes and blank lines stay as somebody wrote them.
 */

import { isAlias, isCollection, isMap, isScalar, isSeq, type Pair, Scalar, type YAMLMap, type YAMLSeq } from "yaml";
import { cutOut } from "./cutting";
import { type Collection, dashOf, EditRefused, endOfPair, first, placeOfPair, rangeOf, startOf } from "./positions";
import { replaceItem, replaceValue } from "./replacing";
import { columnOf, keyOf, lineEnd, lineStart, type Path, pairOf, type Source } from "./source";
import type { Splice } from "./splices";
import { inLines, type Quoting, writeAfterKey, writeItem, writeShort } from "./writing";

export { EditRefused };

type Key = string | number;

/** The order in which keys are written beside the one at a path, such as `id` before `type`: a new one goes where it says. */
export type KeyOrder = (path: Path) => readonly string[];

const NO_ORDER: KeyOrder = () => [];

/** Collections that stay, empty, when their last part goes: a document without them would be another one. */
const KEPT = new Set(["nodes", "body", "metadata", "spec", "cases"]);

interface Place {
  readonly collection: Collection;
  readonly key: Key;
  readonly isFlow: boolean;
  readonly isJson: boolean;
  /** The part of the path that exists, up to the collection. */
  readonly above: Path;
  /** What of the path does not exist, behind the key. */
  readonly missing: Path;
}

/** Set what is at the path, with all that has to be above it. */
export function setAt(source: Source, path: Path, value: unknown, order: KeyOrder = NO_ORDER): readonly Splice[] {
  const place = placeOf(source, path);
  const whole = place.missing.reduceRight<unknown>(
    (inner, key) => (typeof key === "number" ? [inner] : { [key]: inner }),
    value,
  );
  const { collection, key } = place;
  if (isMap(collection)) {
    const pair = pairOf(collection, String(key));
    if (pair !== undefined) return [replaceValue(source.text, pair, whole, place)];
    return [insertPair(source.text, collection, place, whole, order)];
  }
  const item = collection.items[Number(key)];
  return [
    item === undefined
      ? addItem(source.text, collection, place, whole)
      : replaceItem(source.text, collection, Number(key), whole, place),
  ];
}

/** Add an item to the list at the path, which is made where there is none. One in flow is written as its neighbor is. */
export function addAt(source: Source, path: Path, value: unknown, order: KeyOrder = NO_ORDER): readonly Splice[] {
  return addAllAt(source, path, [value], order);
}

/** Add items, one after the other. */
export function addAllAt(
  source: Source,
  path: Path,
  values: readonly unknown[],
  order: KeyOrder = NO_ORDER,
): readonly Splice[] {
  const list = source.document.getIn(path, true);
  if (isAlias(list)) refuseAlias(source, path);
  if (!isSeq(list) || list.items.length === 0) return setAt(source, path, values, order);
  return values.flatMap((value) => setAt(source, [...path, list.items.length], value));
}

/** Give the key at the end of the path another name, quoted as the old one was. */
export function renameAt(source: Source, path: Path, name: string): readonly Splice[] {
  const map = collectionAt(source, path.slice(0, -1));
  const pair = isMap(map) ? pairOf(map, String(path.at(-1))) : undefined;
  if (!isMap(map) || pair === undefined) throw new EditRefused(`there is no ${path.join(".")}`);
  if (pairOf(map, name) !== undefined) throw new EditRefused(`there is a ${name} already`);
  const from = startOf(pair);
  const { range = null, type } = isScalar(pair.key) ? pair.key : {};
  return [
    {
      from,
      to: range?.[1] ?? from,
      text: writeShort(name, 0, { isFlow: true, isJson: isJson(source), quoting: type as Quoting }),
    },
  ];
}

/** Remove what is at the paths; they share one collection. What gets empty by it goes, too. */
export function removeAt(source: Source, above: Path, keys: readonly Key[]): readonly Splice[] {
  const collection = collectionAt(source, above);
  if (collection === undefined) {
    refuseAlias(source, above);
    return [];
  }
  const places = keys.map((key) => (isMap(collection) ? placeOfPair(collection, String(key)) : Number(key)));
  const found = places.filter((place) => place >= 0 && place < collection.items.length);
  if (found.length === 0) return [];
  if (found.length === collection.items.length) return emptied(source, above, collection);
  return found.map((place) => cutOut(source.text, collection, place, new Set(found)));
}

function emptied(source: Source, path: Path, collection: Collection): readonly Splice[] {
  const key = path.at(-1);
  if (key === undefined || (typeof key === "string" && KEPT.has(key))) {
    return setAt(source, path, isMap(collection) ? {} : []);
  }
  return removeAt(source, path.slice(0, -1), [key]);
}

function collectionAt(source: Source, path: Path): Collection | undefined {
  const found = path.length === 0 ? source.document.contents : source.document.getIn(path, true);
  return isMap(found) || isSeq(found) ? found : undefined;
}

function refuseAlias(source: Source, path: Path): void {
  const depth = path.findIndex((_, place) => isAlias(source.document.getIn(path.slice(0, place + 1), true)));
  if (depth >= 0) throw new EditRefused(`${path.slice(0, depth + 1).join(".")} is an alias; change it in the YAML`);
}

/** The innermost collection of the path that exists. Raises `EditRefused` where the path leads through an alias or a value. */
function placeOf(source: Source, path: Path): Place {
  let collection = source.document.contents as unknown;
  const style = { isJson: isJson(source) };
  let isFlow = false;
  for (const [depth, key] of path.entries()) {
    if (isAlias(collection))
      throw new EditRefused(`${path.slice(0, depth).join(".")} is an alias; change it in the YAML`);
    if (!isMap(collection) && !isSeq(collection))
      throw new EditRefused(`${path.slice(0, depth).join(".")} is no map; change it in the YAML`);
    isFlow ||= collection.flow === true;
    const inner = isMap(collection) ? pairOf(collection, String(key))?.value : collection.items[Number(key)];
    const isLast = depth === path.length - 1;
    if (isLast || inner === undefined || inner === null || (isScalar(inner) && inner.value === null)) {
      return { ...style, collection, key, isFlow, above: path.slice(0, depth), missing: path.slice(depth + 1) };
    }
    collection = inner;
  }
  throw new EditRefused("a document can't be replaced as a whole");
}

/** Whether the document is written as JSON: in braces, and its keys in quotes. */
export function isJson({ document: { contents } }: Source): boolean {
  if (!isMap(contents) || contents.flow !== true) return false;
  const key = contents.items[0]?.key;
  return isScalar(key) && key.type === Scalar.QUOTE_DOUBLE;
}

function insertPair(
  text: string,
  map: YAMLMap,
  { key, isFlow, isJson, above }: Place,
  value: unknown,
  order: KeyOrder,
): Splice {
  const name = writeShort(String(key), 0, { isFlow, isJson });
  const inner = `${name}:${writeAfterKey(value, 0, { isFlow: true, isJson })}`;
  if (map.items.length === 0) {
    const span = rangeOf(text, map);
    if (span === undefined) throw new EditRefused("an empty map; change it in the YAML");
    const isBlank = text.slice(span[0] + 1, span[1] - 1).trim() === "";
    return isBlank ? { from: span[0], to: span[1], text: `{${inner}}` } : insertion(span[0] + 1, inner);
  }
  const before = pairBefore(map, String(key), order([...above, key]));
  const start = startOf(before ?? first(map));
  if (isFlow) {
    if (before === undefined) return insertion(start, inner + separator(text, start, start));
    const end = endOfPair(text, before);
    return insertion(end, separator(text, start, end) + inner);
  }
  const column = columnOf(text, startOf(first(map)));
  const line = `${name}:${writeAfterKey(value, column, { isFlow: false })}`;
  const margin = " ".repeat(column);
  if (before === undefined) return insertion(start, `${line}\n${margin}`);
  return insertion(lineEnd(text, endOfPair(text, before)), `\n${margin}${line}`);
}

/** What divides a part in flow from a new one: where it has a line of its own, the new one has, too. */
function separator(text: string, start: number, end: number): string {
  const margin = text.slice(lineStart(text, start), start);
  // The comment would come to stand behind the new part.
  const hasComment = text.slice(end, lineEnd(text, end)).includes("#");
  return margin.trim() === "" && !hasComment ? `,\n${margin}` : ", ";
}

/** The last key that comes before the new one by the order; keys that it does not name keep their places. */
function pairBefore(map: YAMLMap, key: string, order: readonly string[]): Pair | undefined {
  const rank = order.indexOf(key);
  if (rank < 0) return map.items.at(-1);
  const followers = new Set(order.slice(rank + 1));
  const next = map.items.findIndex((pair) => followers.has(keyOf(pair)));
  return next < 0 ? map.items.at(-1) : map.items[next - 1];
}

function addItem(text: string, list: YAMLSeq, { isFlow, isJson }: Place, value: unknown): Splice {
  const last = list.items.at(-1);
  const [start, end] = rangeOf(text, last) ?? [];
  if (isFlow || list.flow === true) {
    const inner = writeShort(value, 0, { isFlow: true, isJson });
    if (start !== undefined && end !== undefined) return insertion(end, separator(text, start, end) + inner);
    const span = rangeOf(text, list);
    if (span === undefined) throw new EditRefused("an empty list; change it in the YAML");
    return insertion(span[0] + 1, inner);
  }
  const dash = dashOf(list, list.items.length - 1);
  const column = columnOf(text, dash);
  const gap = list.items.length > 1 && isBlankBefore(text, dash) ? "\n\n" : "\n";
  const isLong = isCollection(last) && last.flow !== true && isCollection(value) && value.flow === true;
  const written = writeItem(isLong ? inLines(value) : value, column, false);
  return insertion(lineEnd(text, end ?? dash), `${gap}${" ".repeat(column)}${written}`);
}

function isBlankBefore(text: string, at: number): boolean {
  const start = lineStart(text, at);
  return start > 0 && text.slice(lineStart(text, start - 1), start - 1).trim() === "";
}

function insertion(at: number, text: string): Splice {
  return { from: at, to: at, text };
}
