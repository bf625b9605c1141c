/**
 * The ways to change a document, each as splices of its text: set what is at a path, remove it, add to a list.
 *
 * Nothing else of the text changes: comments, the order of keys, quotes and blank lines stay as somebody wrote them.
 */

import { type CST, isAlias, isCollection, isMap, isScalar, isSeq, type Pair, type YAMLMap, type YAMLSeq } from "yaml";
import { columnOf, endOfContent, keyOf, lineEnd, lineStart, type Path, pairOf, type Source } from "./source";
import type { Splice } from "./splices";
import { type Quoting, writeAfterKey, writeItem, writeShort } from "./writing";

/** A change that the text does not allow, told to whoever wanted it. */
export class EditRefused extends Error {}

type Key = string | number;
type Collection = YAMLMap | YAMLSeq;

/** The order in which keys are written beside the one at a path, such as `id` before `type`: a new one goes where it says. */
export type KeyOrder = (path: Path) => readonly string[];

const NO_ORDER: KeyOrder = () => [];

/** Collections that stay, empty, when their last part goes: a document without them would be another one. */
const KEPT = new Set(["nodes", "body", "metadata", "spec", "cases"]);

interface Place {
  readonly collection: Collection;
  readonly key: Key;
  readonly isFlow: boolean;
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
  const { collection, key, isFlow } = place;
  if (isMap(collection)) {
    const pair = pairOf(collection, String(key));
    if (pair !== undefined) return [replaceValue(source.text, pair, whole, isFlow)];
    return [insertPair(source.text, collection, place, whole, order)];
  }
  const item = collection.items[Number(key)];
  return [
    item === undefined
      ? addItem(source.text, collection, place, whole)
      : replaceItem(source.text, collection, Number(key), whole, isFlow),
  ];
}

/** Add an item to the list at the path, which is made where there is none. One in flow is written as its neighbor is. */
export function addAt(source: Source, path: Path, value: unknown, order: KeyOrder = NO_ORDER): readonly Splice[] {
  const list = source.document.getIn(path, true);
  if (!isSeq(list) || list.items.length === 0) return setAt(source, path, [value], order);
  return setAt(source, [...path, list.items.length], value);
}

/** Give the key at the end of the path another name, quoted as the old one was. */
export function renameAt(source: Source, path: Path, name: string): readonly Splice[] {
  const map = collectionAt(source, path.slice(0, -1));
  const pair = isMap(map) ? pairOf(map, String(path.at(-1))) : undefined;
  if (!isMap(map) || pair === undefined) throw new EditRefused(`there is no ${path.join(".")}`);
  if (pairOf(map, name) !== undefined) throw new EditRefused(`there is a ${name} already`);
  const from = startOf(pair);
  const { range = null, type } = isScalar(pair.key) ? pair.key : {};
  return [{ from, to: range?.[1] ?? from, text: writeShort(name, 0, { isFlow: true, quoting: type as Quoting }) }];
}

/** Remove what is at the paths; they share one collection. What gets empty by it goes, too. */
export function removeAt(source: Source, above: Path, keys: readonly Key[]): readonly Splice[] {
  const collection = collectionAt(source, above);
  if (collection === undefined) return [];
  const places = keys.map((key) => (isMap(collection) ? placeOfPair(collection, String(key)) : Number(key)));
  const found = places.filter((place) => place >= 0 && place < collection.items.length);
  if (found.length === 0) return [];
  if (found.length === collection.items.length) return emptied(source, above, collection);
  return found.map((place) => removal(source.text, collection, place, new Set(found)));
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

/** The innermost collection of the path that exists. Raises `EditRefused` where the path leads through an alias or a value. */
function placeOf(source: Source, path: Path): Place {
  let collection = source.document.contents as unknown;
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
      return { collection, key, isFlow, above: path.slice(0, depth), missing: path.slice(depth + 1) };
    }
    collection = inner;
  }
  throw new EditRefused("a document can't be replaced as a whole");
}

function replaceValue(text: string, pair: Pair, value: unknown, isFlow: boolean): Splice {
  const colon = colonOf(text, pair);
  const column = columnOf(text, startOf(pair));
  const old = pair.value;
  const span = rangeOf(text, old);
  if (span !== undefined && isScalar(old) && !isObject(value)) {
    return { from: span[0], to: span[1], text: writeShort(value, column, { isFlow, quoting: old.type }) };
  }
  const style = {
    isFlow: isFlow || (isCollection(old) && old.flow === true && old.items.length > 0),
    quoting: undefined,
  };
  return { from: colon + 1, to: span === undefined ? colon + 1 : span[1], text: writeAfterKey(value, column, style) };
}

function replaceItem(text: string, list: YAMLSeq, place: number, value: unknown, isFlow: boolean): Splice {
  const old = list.items[place];
  const span = rangeOf(text, old);
  if (isFlow || list.flow === true) {
    if (span === undefined) throw new EditRefused("an empty item of a list; change it in the YAML");
    return {
      from: span[0],
      to: span[1],
      text: writeShort(value, 0, { isFlow: true, quoting: isScalar(old) ? old.type : undefined }),
    };
  }
  const dash = dashOf(list, place);
  const written = writeItem(value, columnOf(text, dash), isCollection(old) && old.flow === true);
  return { from: dash, to: span === undefined ? dash + 1 : span[1], text: written };
}

function insertPair(text: string, map: YAMLMap, place: Place, value: unknown, order: KeyOrder): Splice {
  const key = String(place.key);
  const written = writeShort(key, 0, { isFlow: place.isFlow });
  if (map.items.length === 0) {
    const span = rangeOf(text, map);
    if (span === undefined) throw new EditRefused("an empty map; change it in the YAML");
    return { from: span[0], to: span[1], text: `{${written}:${writeAfterKey(value, 0, { isFlow: true })}}` };
  }
  const before = pairBefore(map, key, order([...place.above, place.key]));
  if (place.isFlow) {
    const inner = `${written}:${writeAfterKey(value, 0, { isFlow: true })}`;
    if (before === undefined) return insertion(startOf(first(map)), `${inner}, `);
    return insertion(endOfPair(text, before), `, ${inner}`);
  }
  const column = columnOf(text, startOf(first(map)));
  const line = `${written}:${writeAfterKey(value, column, { isFlow: false })}`;
  const margin = " ".repeat(column);
  if (before === undefined) return insertion(startOf(first(map)), `${line}\n${margin}`);
  return insertion(lineEnd(text, endOfPair(text, before)), `\n${margin}${line}`);
}

/** The last key that comes before the new one by the order; keys that it does not name keep their places. */
function pairBefore(map: YAMLMap, key: string, order: readonly string[]): Pair | undefined {
  const rank = order.indexOf(key);
  if (rank < 0) return map.items.at(-1);
  const followers = new Set(order.slice(rank + 1));
  const next = map.items.findIndex((pair) => followers.has(keyOf(pair)));
  return next < 0 ? map.items.at(-1) : map.items[next - 1];
}

function addItem(text: string, list: YAMLSeq, place: Place, value: unknown): Splice {
  const last = list.items.at(-1);
  const end = rangeOf(text, last)?.[1];
  if (place.isFlow || list.flow === true || end === undefined) {
    const span = rangeOf(text, list);
    if (span === undefined) throw new EditRefused("an empty list; change it in the YAML");
    const inner = writeShort(value, 0, { isFlow: true });
    return insertion(end ?? span[0] + 1, end === undefined ? inner : `, ${inner}`);
  }
  const dash = dashOf(list, list.items.length - 1);
  const column = columnOf(text, dash);
  const gap = list.items.length > 1 && isBlankBefore(text, dash) ? "\n\n" : "\n";
  const isLong = isCollection(last) && last.flow !== true && isCollection(value) && value.flow === true;
  const written = writeItem(isLong ? value.toJSON() : value, column, false);
  return insertion(lineEnd(text, end), `${gap}${" ".repeat(column)}${written}`);
}

/** What has to go for an item or pair to go: its lines with the comment right above, or in flow a comma with it. */
function removal(text: string, collection: Collection, place: number, gone: ReadonlySet<number>): Splice {
  const start = startOfPart(text, collection, place);
  const end = endOfPart(text, collection, place);
  if (collection.flow === true || text.slice(lineStart(text, start), start).trim() !== "") {
    const isFollowed = collection.items.some((_, other) => other > place && !gone.has(other));
    // The comma behind it goes with it, or the one in front where nothing follows that stays.
    if (isFollowed) return { from: start, to: startOfPart(text, collection, place + 1), text: "" };
    return { from: endOfPart(text, collection, place - 1), to: end, text: "" };
  }
  const from = withComment(text, lineStart(text, start), place > 0);
  const to = Math.min(lineEnd(text, end) + 1, text.length);
  return { from, to: Math.max(from, to), text: "" };
}

/** Where the lines begin that belong to a part: comments right above it, at its indentation, are about it. */
function withComment(text: string, start: number, mayTakeBlank: boolean): number {
  let at = start;
  const margin = /^ */.exec(text.slice(start))?.[0].length ?? 0;
  while (at > 0) {
    const above = lineStart(text, at - 1);
    const line = text.slice(above, at - 1);
    if (!line.trimStart().startsWith("#") || line.length - line.trimStart().length !== margin) break;
    at = above;
  }
  if (!mayTakeBlank || at === 0) return at;
  const above = lineStart(text, at - 1);
  return text.slice(above, at - 1).trim() === "" ? above : at;
}

function isBlankBefore(text: string, at: number): boolean {
  const start = lineStart(text, at);
  return start > 0 && text.slice(lineStart(text, start - 1), start - 1).trim() === "";
}

function startOfPart(text: string, collection: Collection, place: number): number {
  if (isMap(collection)) return startOf(collection.items[place] as Pair);
  if (collection.flow !== true) return dashOf(collection, place);
  return rangeOf(text, collection.items[place])?.[0] ?? 0;
}

function endOfPart(text: string, collection: Collection, place: number): number {
  if (isMap(collection)) return endOfPair(text, collection.items[place] as Pair);
  const end = rangeOf(text, collection.items[place])?.[1];
  return end ?? dashOf(collection as YAMLSeq, place) + 1;
}

function placeOfPair(map: YAMLMap, key: string): number {
  return map.items.findIndex((pair) => keyOf(pair) === key);
}

function first(map: YAMLMap): Pair {
  const [pair] = map.items;
  if (pair === undefined) throw new EditRefused("an empty map; change it in the YAML");
  return pair;
}

function startOf(pair: Pair): number {
  const range = isScalar(pair.key) ? pair.key.range : null;
  if (range == null) throw new EditRefused("a key that is no text; change it in the YAML");
  return range[0];
}

function endOfPair(text: string, pair: Pair): number {
  return rangeOf(text, pair.value)?.[1] ?? colonOf(text, pair) + 1;
}

function colonOf(text: string, pair: Pair): number {
  const range = isScalar(pair.key) ? pair.key.range : null;
  return text.indexOf(":", range?.[1] ?? startOf(pair));
}

function dashOf(list: YAMLSeq, place: number): number {
  const token = list.srcToken as CST.BlockSequence | undefined;
  const dash = token?.items[place]?.start.find((each) => each.type === "seq-item-ind");
  if (dash === undefined) throw new EditRefused("a list that can't be changed here; change it in the YAML");
  return dash.offset;
}

/** From the first to behind the last character of a value; undefined of one that is not written, as in `key:`. */
function rangeOf(text: string, node: unknown): readonly [number, number] | undefined {
  if (!isScalar(node) && !isCollection(node) && !isAlias(node)) return undefined;
  if (node.range == null || node.range[0] === node.range[1]) return undefined;
  return [node.range[0], endOfContent(text, node.range[1])];
}

function insertion(at: number, text: string): Splice {
  return { from: at, to: at, text };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
