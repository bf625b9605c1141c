/** How the state of a node or a run is shown: the class, the word and the icon all follow from one name. */

import type { NodeStatus, Phase, RunStatus } from "../api/schema";

export type Look =
  | "pending"
  | "queued"
  | "starting"
  | "running"
  | "waiting"
  | "retrying"
  | "completed"
  | "reused"
  | "skipped"
  | "failed"
  | "cancelled";

export const WORDS: Readonly<Record<Look, string>> = {
  pending: "Pending",
  queued: "Queued",
  starting: "Cold start 0→1",
  running: "Running",
  waiting: "Waiting",
  retrying: "Retrying",
  completed: "Completed",
  reused: "Taken over",
  skipped: "Skipped",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** What a look needs to know of a node; a node of a pipeline's graph has no status. */
export interface Shown {
  readonly status: NodeStatus | RunStatus;
  readonly phase?: Phase | null;
  readonly completedAt?: string | null;
}

/** `runCreatedAt` tells nodes whose result an earlier run had: a retry takes them over with their times. */
export function lookOf(node: Shown, runCreatedAt: string | null = null): Look {
  if (node.status === "running" && node.phase === "queued") return "queued";
  if (node.status === "running" && node.phase === "starting") return "starting";
  if (node.status === "completed" && isBefore(node.completedAt, runCreatedAt)) return "reused";
  return node.status;
}

/** Whether the present state passes by itself: something happens, or will. */
export function isMoving(look: Look): boolean {
  return look === "running" || look === "starting" || look === "queued" || look === "retrying" || look === "waiting";
}

/** Whether nothing was executed: drawn with a dashed border. */
export function isIdle(look: Look): boolean {
  return look === "pending" || look === "queued" || look === "skipped" || look === "cancelled";
}

export function isEnded(status: RunStatus | NodeStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled" || status === "skipped";
}

/** The class that sets `--tone` and `--tint`. */
export function toneOf(look: Look): string {
  return `tone--${look === "queued" ? "pending" : look}`;
}

function isBefore(moment: string | null | undefined, other: string | null): boolean {
  return moment != null && other !== null && Date.parse(moment) < Date.parse(other);
}
