/** What a node in an item of a loop gave: asked for when its state is known, and again when that changes. */

import { useEffect, useState } from "react";
import type { NodeDetailRecord } from "../../api/schema";
import type { RunParts } from "../../run/store";
import type { BodyState } from "../store";

/** Null until it is there, and where it can't be read: the state is shown all the same. */
export function useBodyResult({ api, runId }: RunParts, state: BodyState | undefined): NodeDetailRecord | null {
  const [detail, setDetail] = useState<NodeDetailRecord | null>(null);
  const { instance, status } = state ?? {};
  // biome-ignore lint/correctness/useExhaustiveDependencies: another state is the reason to read again
  useEffect(() => {
    setDetail(null);
    if (instance === undefined) return;
    const abort = new AbortController();
    api
      .call<NodeDetailRecord>(`/runs/${runId}/nodes/${encodeURIComponent(instance)}`, { signal: abort.signal })
      .then(setDetail)
      .catch(() => undefined);
    return () => abort.abort();
  }, [api, runId, instance, status]);
  return detail;
}
