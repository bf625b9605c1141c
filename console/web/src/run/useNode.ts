/** One node with its input, output and attempts, read again whenever it has moved on. */

import { useEffect, useState } from "react";
import { explain } from "../api/client";
import type { NodeDetailRecord } from "../api/schema";
import { isEnded } from "../model/look";
import { own } from "../model/own";
import { itemAround } from "../model/run";
import { useRun, useRunParts } from "./store";

export interface NodeReading {
  readonly detail: NodeDetailRecord | null;
  readonly problem: string;
}

/** A node in a loop item has no events of its own: it is read again this often until it has settled. */
const REFRESH_MS = 2000;

export function useNode(instance: string): NodeReading {
  const { api, runId } = useRunParts();
  const [reading, setReading] = useState<NodeReading>({ detail: null, problem: "" });
  const version = useVersion(instance, reading.detail);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new version is the reason to read again
  useEffect(() => {
    const abort = new AbortController();
    api
      .call<NodeDetailRecord>(`/runs/${runId}/nodes/${encodeURIComponent(instance)}`, { signal: abort.signal })
      .then((detail) => setReading({ detail, problem: "" }))
      .catch((error: unknown) => {
        if (!abort.signal.aborted) setReading({ detail: null, problem: explain(error) });
      });
    return () => abort.abort();
  }, [api, runId, instance, version]);
  return reading.detail?.instance === instance || reading.problem ? reading : { detail: null, problem: "" };
}

/** Changes when the node has: told by the stream for the top level, by the clock within items. */
function useVersion(instance: string, detail: NodeDetailRecord | null): string {
  const state = useRun((run) => own(run.nodes, instance));
  const isRunOver = useRun((run) => isEnded(run.run.status));
  const [turn, setTurn] = useState(0);
  const isWatched = itemAround(instance) !== null && !isRunOver && !(detail !== null && isEnded(detail.status));
  useEffect(() => {
    if (!isWatched) return;
    const timer = setInterval(() => setTurn((before) => before + 1), REFRESH_MS);
    return () => clearInterval(timer);
  }, [isWatched]);
  return state === undefined ? `${turn}/${isRunOver}` : `${state.status}/${state.attempt}/${state.attempts.length}`;
}
