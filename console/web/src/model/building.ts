/** Builders for tests: a run and its nodes with only what a test is about. */

import type { LogRecord, NodeRecord, RunRecord } from "../api/schema";
import type { ServerEvent } from "../live/parser";

/** A moment so many milliseconds after the run was created. */
export function at(offset: number): string {
  return new Date(Date.UTC(2026, 10, 24, 12) + offset).toISOString();
}

export function aNode(given: Partial<NodeRecord> = {}): NodeRecord {
  return {
    type: "nap",
    name: "",
    status: "pending",
    phase: null,
    output: null,
    meta: null,
    error: null,
    port: null,
    attempt: 0,
    attempts: [],
    startedAt: null,
    completedAt: null,
    dueAt: null,
    ...given,
  };
}

export function aRun(given: Partial<RunRecord> = {}): RunRecord {
  return {
    id: "run-1",
    namespace: "default",
    pipeline: "triage",
    pipelineVersion: 1,
    status: "running",
    trigger: { type: "manual", id: "manual", data: null },
    inputs: {},
    output: null,
    error: null,
    createdAt: at(0),
    startedAt: at(0),
    completedAt: null,
    attempt: 1,
    retryOf: null,
    test: false,
    rev: 1,
    links: {},
    nodes: {},
    ...given,
  };
}

export function aLine(given: Partial<LogRecord> = {}): LogRecord {
  return { at: at(0), level: "info", node: "fetch", attempt: 1, sequence: 0, message: "hello", fields: {}, ...given };
}

export function anEvent(name: string, content: unknown, id: string | null = null): ServerEvent {
  return { id, name, data: JSON.stringify(content) };
}
