/** Where the parts of maps and lists stand in the text: their beginnings and ends, colons and dashes. */

import {
  type CST,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  type Pair,
  Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { endOfNode, keyOf } from "./source";

/** A change that the text does not allow, told to whoever wanted it. */
export class EditRefused extends Error {}

export type Collection = YAMLMap | YAMLSeq;

export function startOfPart(text: string, collection: Collection, place: number): number {
  if (isMap(collection)) return startOf(collection.items[place] as Pair);
  if (collection.flow !== true) return dashOf(collection, place);
  return rangeOf(text, collection.items[place])?.[0] ?? 0;
}

export function endOfPart(text: string, collection: Collection, place: number): number {
  if (isMap(collection)) return endOfPair(text, collection.items[place] as Pair);
  const end = rangeOf(text, collection.items[place])?.[1];
  return end ?? dashOf(collection as YAMLSeq, place) + 1;
}

export function placeOfPair(map: YAMLMap, key: string): number {
  return map.items.findIndex((pair) => keyOf(pair) === key);
}

export function first(map: YAMLMap): Pair {
  const [pair] = map.items;
  if (pair === undefined) throw new EditRefused("an empty map; change it in the YAML");
  return pair;
}

export function startOf(pair: Pair): number {
  const range = isScalar(pair.key) ? pair.key.range : null;
  if (range == null) throw new EditRefused("a key that is no text; change it in the YAML");
  return range[0];
}

export function endOfPair(text: string, pair: Pair): number {
  const end = rangeOf(text, pair.value)?.[1];
  if (end !== undefined) return end;
  const colon = findColon(text, pair);
  return colon === undefined ? endOfKey(pair) : colon + 1;
}

export function colonOf(text: string, pair: Pair): number {
  const colon = findColon(text, pair);
  if (colon === undefined) throw new EditRefused("a key without a colon; change it in the YAML");
  return colon;
}

/** Undefined of a key alone, as in `{a, b: 1}`. */
function findColon(text: string, pair: Pair): number | undefined {
  const end = endOfKey(pair);
  const colon = text.indexOf(":", end);
  return colon >= 0 && text.slice(end, colon).trim() === "" ? colon : undefined;
}

function endOfKey(pair: Pair): number {
  const range = isScalar(pair.key) ? pair.key.range : null;
  return range?.[1] ?? startOf(pair);
}

export function dashOf(list: YAMLSeq, place: number): number {
  const token = list.srcToken as CST.BlockSequence | undefined;
  const dash = token?.items[place]?.start.find((each) => each.type === "seq-item-ind");
  if (dash === undefined) throw new EditRefused("a list that can't be changed here; change it in the YAML");
  return dash.offset;
}

/** From the first to behind the last character of a value; undefined of one that is not written, as in `key:`. */
export function rangeOf(text: string, node: unknown): readonly [number, number] | undefined {
  if (!isScalar(node) && !isCollection(node) && !isAlias(node)) return undefined;
  if (node.range == null || node.range[0] === node.range[1]) return undefined;
  const [from, to] = node.range;
  if (keepsBlankLines(text, node)) return [from, text.charAt(to - 1) === "\n" ? to - 1 : to];
  return [from, endOfNode(text, node)];
}

/** Whether blank lines at its end belong to a text, as below `|+`. */
function keepsBlankLines(text: string, node: unknown): boolean {
  if (isCollection(node)) {
    const last = node.flow === true ? undefined : node.items.at(-1);
    return keepsBlankLines(text, isPair(last) ? last.value : last);
  }
  if (!isScalar(node) || node.range == null) return false;
  const isOfLines = node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED;
  return isOfLines && /^[|>]\d?\+/.test(text.slice(node.range[0], node.range[0] + 3));
}
