/**
 * Log lines, which may come more than once and in any order: a line is known by its moment, node, attempt and sequence.
 *
 * Lines are always sorted by these, so that a line is looked up in 20,000 without a set of their keys, which would have to be
 * made anew for each event.
 */

import type { LogRecord } from "../api/schema";

/** Lines that are kept in the page; the whole log has a page of its own. */
export const MAX_LINES = 20_000;

export function keyOf(line: LogRecord): string {
  return `${line.node}/${line.attempt}/${line.sequence}`;
}

/** All lines once, in the order in which they were written; the same object if `more` brings nothing new. */
export function withLines(lines: readonly LogRecord[], more: readonly LogRecord[]): readonly LogRecord[] {
  if (more.length === 0) return lines;
  const added = more
    .toSorted(compare)
    .filter((line, place, sorted) => !isSame(sorted[place - 1], line) && !isSame(lines[placeOf(lines, line)], line));
  const [first] = added;
  if (first === undefined) return lines;
  const all = [...lines, ...added];
  if (placeOf(lines, first) < lines.length) all.sort(compare);
  return all.length > MAX_LINES ? all.slice(-MAX_LINES) : all;
}

export const LEVELS = ["debug", "info", "warning", "error"] as const;
export type Level = (typeof LEVELS)[number];

export interface LineFilter {
  /** A node, with all that happened in its loop items; null for the whole run. */
  readonly instance: string | null;
  readonly level: Level;
  readonly text: string;
}

export function filterLines(lines: readonly LogRecord[], filter: LineFilter): readonly LogRecord[] {
  const text = filter.text.toLowerCase();
  const gravity = LEVELS.indexOf(filter.level);
  return lines.filter(
    (line) =>
      (filter.instance === null || isWithin(line.node, filter.instance)) &&
      LEVELS.indexOf(line.level as Level) >= gravity &&
      (text === "" || line.message.toLowerCase().includes(text)),
  );
}

/** Whether an instance is `around` or lies in its loop items: `each[3].fetch` is within `each`. */
export function isWithin(instance: string, around: string): boolean {
  return instance === around || instance.startsWith(`${around}[`);
}

/** Where a line is among the sorted ones, or would be. */
function placeOf(lines: readonly LogRecord[], line: LogRecord): number {
  let from = 0;
  let to = lines.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    const found = lines[middle];
    if (found !== undefined && compare(found, line) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

function isSame(one: LogRecord | undefined, other: LogRecord): boolean {
  return one !== undefined && compare(one, other) === 0;
}

function compare(a: LogRecord, b: LogRecord): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  if (a.node !== b.node) return a.node < b.node ? -1 : 1;
  return a.attempt - b.attempt || a.sequence - b.sequence;
}
