/** What the page of a run knows, and the connection that keeps it true. */

import { createContext, useContext, useEffect, useState } from "react";
import { useStore } from "zustand";
import { createStore, type StoreApi } from "zustand/vanilla";
import type { Api } from "../api/client";
import type { LogRecord } from "../api/schema";
import { focusDetails } from "../graph/focusing";
import type { ServerEvent } from "../live/parser";
import { LiveStream, type StreamState } from "../live/stream";
import { withLines } from "../model/lines";
import { isEnded } from "../model/look";
import { afterEvents, blamedNode, type RunView, type Snapshot, topLevelOf, viewOf } from "../model/run";

export interface RunState extends RunView {
  readonly connection: StreamState;
  /** What the server's clock is ahead of the browser's, in milliseconds. */
  readonly clockAhead: number;
  /** The instance whose details are shown, such as `fetch` or `each[3].fetch`. */
  readonly selected: string | null;
  /** The node of the top level that `selected` is or lies in. */
  readonly selectedNode: string | null;
}

export type RunStore = StoreApi<RunState>;

export interface RunParts {
  readonly store: RunStore;
  readonly api: Api;
  readonly runId: string;
  readonly namespace: string;
  /** Whether the reader's token may change anything. */
  readonly mayChange: boolean;
}

export function createRunStore(snapshot: Pick<Snapshot, "run">, selected: string | null): RunStore {
  const view = viewOf(snapshot.run);
  // Whoever opens a failed run wants to know why: what is to blame is open already.
  const first = selected ?? (view.run.status === "failed" ? blamedNode(view) : null);
  return createStore<RunState>(() => ({
    ...view,
    connection: isEnded(view.run.status) ? "finished" : "connecting",
    clockAhead: 0,
    ...selectionOf(first),
  }));
}

export function select(store: RunStore, instance: string | null): void {
  store.setState(selectionOf(instance));
}

/** Select it and lead the focus to its details, for a button that is not on the canvas or goes away with what it is in. */
export function show(store: RunStore, instance: string): void {
  select(store, instance);
  focusDetails();
}

function selectionOf(instance: string | null): Pick<RunState, "selected" | "selectedNode"> {
  return { selected: instance, selectedNode: instance === null ? null : topLevelOf(instance) };
}

export function addLines(store: RunStore, lines: readonly LogRecord[]): void {
  store.setState((state) => ({ lines: withLines(state.lines, lines) }));
}

/** A clock that differs by less than this is right: the server tells its time in whole seconds. */
const CLOCK_TOLERANCE_MS = 2000;

/** A run with more nodes than this changes so often that painting each change would leave no time for its reader. */
const MANY_NODES = 150;
const LARGE_PAUSE_MS = 200;

/** Follow the run from `after` on. What comes within one frame of the screen, or 200 ms of a large run, changes the page once. */
export function followRun({ store, api, runId }: RunParts, after: string): LiveStream {
  let waiting: ServerEvent[] = [];
  const apply = () => {
    const events = waiting;
    waiting = [];
    store.setState((state) => withBlamed(state, afterEvents(state, events)));
  };
  const isLarge = Object.keys(store.getState().nodes).length > MANY_NODES;
  const schedule = isLarge ? () => setTimeout(apply, LARGE_PAUSE_MS) : () => requestAnimationFrame(apply);
  const stream = new LiveStream({
    url: api.address(`/runs/${runId}/events`),
    after,
    onEvents: (events) => {
      if (waiting.length === 0) schedule();
      waiting.push(...events);
    },
    onState: (connection, serverTime) => {
      const ahead = serverTime === null ? 0 : serverTime - Date.now();
      const clock = Math.abs(ahead) > CLOCK_TOLERANCE_MS ? { clockAhead: ahead } : {};
      store.setState({ connection, ...clock });
    },
  });
  stream.start();
  return stream;
}

/** A run that fails before its reader's eyes opens what is to blame, unless something else is being looked at. */
function withBlamed(before: RunState, after: RunView): Partial<RunState> {
  const hasFailed = before.run.status !== "failed" && after.run.status === "failed";
  return hasFailed && before.selected === null ? { ...after, ...selectionOf(blamedNode(after)) } : after;
}

export const RunContext = createContext<RunParts | null>(null);

export function useRunParts(): RunParts {
  const parts = useContext(RunContext);
  if (parts === null) throw new Error("a part of the run page was drawn outside of it");
  return parts;
}

export function useRun<T>(pick: (state: RunState) => T): T {
  return useStore(useRunParts().store, pick);
}

/** The server's time, kept true while `isRunning`: often at first, when seconds count, and then each second. */
export function useNow(isRunning: boolean, intervalMs = 500): number {
  const ahead = useRun((state) => state.clockAhead);
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isRunning) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [isRunning, intervalMs]);
  return now + ahead;
}
