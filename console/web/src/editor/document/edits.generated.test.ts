/** Edits of documents as people write them: in blocks, in flow, over several lines, with comments and aliases wherever they can be. */

import { expect, it } from "vitest";
import { keepingAnchors } from "./anchors";
import { addAt, EditRefused, removeAt, setAt } from "./edits";
import { commentsIn, Writer } from "./generating";
import { type Path, readSource, type Source } from "./source";
import { applySplices, type Splice } from "./splices";

type Value = unknown;

const VALUES: readonly Value[] = [
  ...["", "x", " lead", "a: b", "# hash", "{{ t }}", "one\ntwo\n", "\n", 5, null, true, {}, []],
  ...[{ a: 1, b: "x\ny" }, [1, "two\n"], { deep: { er: [{ x: [] }] } }],
];
function pathsIn(value: Value, path: Path = []): readonly Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const keys = Object.entries(value);
  return [path, ...keys.flatMap(([key, part]) => pathsIn(part, [...path, Array.isArray(value) ? Number(key) : key]))];
}

function partOf(value: Value, path: Path): Value {
  return path.reduce<Value>((part, key) => (part as Record<string | number, Value>)[key], value);
}

/** The value with another part, or without it and what gets empty by that. */
function withPart(value: Value, path: Path, part: Value): Value {
  const whole = structuredClone(value);
  const around = partOf(whole, path.slice(0, -1)) as Record<string | number, Value>;
  const key = path.at(-1) ?? "";
  if (part !== undefined) around[key] = part;
  else if (Array.isArray(around)) around.splice(Number(key), 1);
  else delete around[key];
  const isEmptied = part === undefined && path.length > 1 && Object.keys(around).length === 0;
  return isEmptied ? withPart(value, path.slice(0, -1), undefined) : whole;
}

interface Edit {
  readonly splices: (source: Source) => readonly Splice[];
  readonly wanted: Value;
  /** Of what stands here comments may go. */
  readonly replaced?: Path;
}

function anEdit(writer: Writer, before: Value): Edit {
  const paths = pathsIn(before);
  const path = writer.pick(paths.slice(1));
  const value = writer.pick(VALUES);
  const lists = paths.filter((each) => Array.isArray(partOf(before, each)));
  const maps = paths.filter((each) => {
    const part = partOf(before, each);
    return typeof part === "object" && part !== null && !Array.isArray(part);
  });
  const kind = writer.below(4);
  if (kind === 0 && lists.length > 0) {
    const list = writer.pick(lists);
    const end = [...list, (partOf(before, list) as readonly Value[]).length];
    return { splices: (source) => addAt(source, list, value), wanted: withPart(before, end, value) };
  }
  if (kind === 1) {
    const fresh = [...writer.pick(maps), "fresh"];
    const order = writer.pick([["fresh", "k0", "k1", "k2", "k3"], ["k0", "fresh", "k1", "k2", "k3"], []]);
    return { splices: (source) => setAt(source, fresh, value, () => order), wanted: withPart(before, fresh, value) };
  }
  const isGone = kind === 2;
  const splices = (source: Source) =>
    isGone ? removeAt(source, path.slice(0, -1), path.slice(-1)) : setAt(source, path, value);
  return { splices, wanted: withPart(before, path, isGone ? undefined : value), replaced: path };
}

function read(text: string): Value {
  const { faults, document } = readSource(text);
  expect(faults, text).toEqual([]);
  return document.toJS({ maxAliasCount: -1 });
}

it.each([1, 2, 3, 4])("says just what it said but for what was changed, and keeps all other comments (%i)", (seed) => {
  const writer = new Writer(seed);
  let done = 0;
  for (let round = 0; round < 60; round += 1) {
    const text = new Writer(seed * 1000 + round).map(0, 3);
    const source = readSource(text);
    if (source.faults.length > 0) continue;
    const before = read(text);
    const { splices, wanted, replaced } = anEdit(writer, before);
    let after = "";
    try {
      after = applySplices(text, keepingAnchors(source, splices(source)));
    } catch (error) {
      if (error instanceof EditRefused) continue;
      throw error;
    }
    done += 1;
    // What is changed where an alias stands for it is changed in several places.
    if (!text.includes("*n")) expect(read(after), `${text}--- becomes\n${after}`).toEqual(wanted);
    else read(after);
    if (replaced !== undefined) continue;
    expect(commentsIn(after), `${text}--- becomes\n${after}`).toEqual(expect.arrayContaining([...commentsIn(text)]));
  }
  expect(done).toBeGreaterThan(30);
});
