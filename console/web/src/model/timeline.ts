/** The Gantt chart of a run: what each node's time went into, and where it stands on the scale. */

import type { AttemptRecord, NodeRecord } from "../api/schema";
import { elapsed, formatDuration, millis } from "./duration";
import type { Look } from "./look";
import type { Nodes, RunHead } from "./run";

/** In the order in which shares of a time are told. */
const PARTS = ["queued", "starting", "failed", "waiting", "running", "completed", "cancelled"] as const;

export type Part = (typeof PARTS)[number];

export const PART_WORDS: Readonly<Record<Part, string>> = {
  queued: "Queued",
  starting: "Cold start",
  waiting: "Waiting",
  running: "Running",
  completed: "Executed",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** A stretch of time, as shares of the whole chart (0 to 1). */
export interface Bar {
  readonly part: Part;
  readonly from: number;
  readonly to: number;
  /** "Failed, attempt 2: 600 ms" */
  readonly words: string;
}

export interface Tick {
  readonly at: number;
  /** Milliseconds since the run began. */
  readonly offset: number;
}

/** The stretch of time that the chart shows. */
export interface Scale {
  readonly begin: number;
  readonly length: number;
}

export interface Span {
  readonly part: Part;
  readonly start: number;
  readonly end: number;
  /** The attempt that it belongs to; for a pause, the one before it. */
  readonly attempt: number;
}

/** How much of a time one part took. */
export interface Share {
  readonly part: Part;
  readonly length: number;
}

/** An attempt that is over, or the present one, for which there is no `record` yet. */
export interface Attempt {
  readonly number: number;
  readonly length: number;
  readonly shares: readonly Share[];
  readonly record: AttemptRecord | null;
}

/**
 * The scale for a run at `now`. While the run goes on, its end lies ahead on a round moment: a scale that grew all the time
 * would have every bar drawn anew all the time.
 */
export function scaleOf(run: RunHead, now: number): Scale {
  const begin = millis(run.startedAt) ?? millis(run.createdAt) ?? now;
  const end = millis(run.completedAt);
  if (end !== null) return { begin, length: Math.max(end - begin, 1) };
  const step = stepOf(Math.max(now - begin, 1));
  return { begin, length: Math.ceil((now - begin + 1) / step) * step };
}

/** The nodes that have begun, in the order in which they did. */
export function orderOf(nodes: Nodes): readonly string[] {
  return Object.entries(nodes)
    .filter(([, node]) => node.startedAt !== null)
    .map(([id, node]) => ({ id, start: firstStart(node) }))
    .sort((a, b) => a.start - b.start)
    .map(({ id }) => id);
}

/** The bars of one node. What an earlier run did lies before this chart and has none. */
export function barsOf(node: NodeRecord, look: Look, { begin, length }: Scale, now: number): readonly Bar[] {
  if (look === "reused") return [];
  const share = (at: number) => Math.min(Math.max((at - begin) / length, 0), 1);
  return spansOf(node, now).map((span) => ({
    part: span.part,
    from: share(span.start),
    to: share(span.end),
    words: wordsOf(span, node.attempt > 1),
  }));
}

function wordsOf({ part, start, end, attempt }: Span, isOneOfMany: boolean): string {
  const which = isOneOfMany && part !== "waiting" ? `, attempt ${attempt}` : "";
  return `${PART_WORDS[part]}${which}: ${formatDuration(end - start)}`;
}

/** How long a node has taken with all its attempts and the pauses between them; null before it began. */
export function nodeElapsed(node: NodeRecord, now: number): number | null {
  return elapsed({ startedAt: node.attempts[0]?.startedAt ?? node.startedAt, completedAt: node.completedAt }, now);
}

/** What spans went into, in the order of `PARTS`: what took no time is left out. */
export function sharesOf(spans: readonly Span[]): readonly Share[] {
  return PARTS.map((part) => ({ part, length: lengthOf(spans.filter((span) => span.part === part)) })).filter(
    ({ length }) => length > 0,
  );
}

/** The attempts of a node with what each one's time went into, the present one last. */
export function attemptsOf(node: NodeRecord, now: number): readonly Attempt[] {
  const spans = spansOf(node, now).filter((span) => span.part !== "waiting");
  return [...new Set(spans.map((span) => span.attempt))].map((number) => {
    const own = spans.filter((span) => span.attempt === number);
    const record = node.attempts.find((attempt) => attempt.number === number) ?? null;
    return { number, length: lengthOf(own), shares: sharesOf(own), record };
  });
}

function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** Where a node's time went, in its order: each attempt that is over, the pauses between, and the present one. */
export function spansOf(node: NodeRecord, now: number): readonly Span[] {
  const spans: Span[] = [];
  const add = (start: number, more: readonly Span[]) => {
    const last = spans.at(-1);
    if (last !== undefined && start > last.end) {
      spans.push({ part: "waiting", start: last.end, end: start, attempt: last.attempt });
    }
    spans.push(...more);
  };
  for (const attempt of node.attempts) add(Date.parse(attempt.startedAt), spansOfAttempt(attempt));
  const begun = millis(node.startedAt);
  const covered = spans.at(-1)?.end ?? Number.NEGATIVE_INFINITY;
  const end = millis(node.completedAt) ?? now;
  if (begun !== null && end > covered) {
    const start = Math.max(begun, covered);
    add(start, [{ part: partOf(node), start, end, attempt: node.attempt }]);
  }
  return spans;
}

function spansOfAttempt(attempt: AttemptRecord): readonly Span[] {
  const start = Date.parse(attempt.startedAt);
  const end = Date.parse(attempt.endedAt);
  const { queuedMs = 0, coldStartMs = 0 } = timingOf(attempt.timing);
  const queued = Math.min(start + queuedMs, end);
  const begun = Math.min(queued + coldStartMs, end);
  const spans: readonly Span[] = [
    { part: "queued", start, end: queued, attempt: attempt.number },
    { part: "starting", start: queued, end: begun, attempt: attempt.number },
    { part: attempt.error === null ? "completed" : "failed", start: begun, end, attempt: attempt.number },
  ];
  return spans.filter((span) => span.end > span.start || span.part === "completed" || span.part === "failed");
}

interface Timing {
  readonly queuedMs?: number;
  readonly coldStartMs?: number;
}

/** What went before an attempt's work, where it is known. */
function timingOf(timing: unknown): Timing {
  return typeof timing === "object" && timing !== null ? timing : {};
}

function partOf(node: NodeRecord): Part {
  if (node.status === "running") return node.phase === "queued" || node.phase === "starting" ? node.phase : "running";
  if (node.status === "waiting" || node.status === "retrying") return "waiting";
  if (node.status === "failed" || node.status === "completed") return node.status;
  return "cancelled";
}

function firstStart(node: NodeRecord): number {
  return Date.parse(node.attempts[0]?.startedAt ?? node.startedAt ?? "");
}

const MAX_TICKS = 8;
const STEPS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500].concat(
  [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400].map((s) => s * 1000),
);

/** What is written to the right of a moment further on than this would not fit. */
const LAST_TICK_AT = 0.9;

/** Round moments on a chart of this many milliseconds: at most eight steps, and none too near to the end for its words. */
export function ticksOf(length: number): readonly Tick[] {
  const step = stepOf(length);
  const count = Math.floor((length * LAST_TICK_AT) / step);
  return Array.from({ length: count + 1 }, (_, place) => ({ at: (place * step) / length, offset: place * step }));
}

function stepOf(length: number): number {
  const longest = STEPS_MS.at(-1) ?? 1;
  return STEPS_MS.find((each) => length / each <= MAX_TICKS) ?? longest * Math.ceil(length / longest / MAX_TICKS);
}
