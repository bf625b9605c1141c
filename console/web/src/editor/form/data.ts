/** The data of test runs: JSON, changed by a form at paths. Pure. */

import type { Path } from "../document/source";
import { type Fields, listOf, objectOf } from "../document/values";

/** What a text of JSON says; an empty one is `{}`. `undefined` if it is no JSON. */
export function readData(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export function writeData(data: unknown): string {
  return JSON.stringify(data, null, 2);
}

export function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** With another value at the path, and what has to be above it; `undefined` removes what is there, as a place beyond a list adds. */
export function setIn(data: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (typeof key === "number") {
    const items = listOf(data);
    const item = setIn(items[key], rest, value);
    const place = Math.min(key, items.length);
    return [...items.slice(0, place), ...(item === undefined ? [] : [item]), ...items.slice(place + 1)];
  }
  const fields = objectOf(data);
  const inner = setIn(Object.hasOwn(fields, key) ? fields[key] : undefined, rest, value);
  if (inner !== undefined) return { ...fields, [key]: inner };
  return Object.fromEntries(Object.entries(fields).filter(([other]) => other !== key));
}

/** With another name for the key at the end of the path, in its place; a name that is taken changes nothing. */
export function renameIn(data: unknown, path: Path, name: string): unknown {
  const [key, ...rest] = path;
  if (rest.length > 0 && key !== undefined) {
    const inner = typeof key === "number" ? listOf(data)[key] : objectOf(data)[key];
    return setIn(data, [key], renameIn(inner, rest, name));
  }
  const fields = objectOf(data);
  if (Object.hasOwn(fields, name)) return data;
  return Object.fromEntries(Object.entries(fields).map(([other, value]) => [other === key ? name : other, value]));
}
