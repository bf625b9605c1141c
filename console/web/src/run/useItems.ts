/** The items of a loop as the API gives them: page by page, in one state or in any, from an index on. */

import { useCallback, useEffect, useRef, useState } from "react";
import { explain } from "../api/client";
import type { ItemRecord, LoopRecord, PageOfItemRecord } from "../api/schema";
import { isEnded } from "../model/look";
import { useRunParts } from "./store";

/** The state that items are shown of; empty for any. */
export type ItemStatus = "" | "failed" | "running" | "completed" | "cancelled";

export interface ItemFilter {
  readonly status: ItemStatus;
  /** The least index. */
  readonly from: number;
}

/** Items of one page. */
export const PAGE = 100;
/** While the loop runs, what is shown is read again this often. */
const REFRESH_MS = 2000;

export function useItems(instance: string, loop: LoopRecord, { status, from }: ItemFilter) {
  const { api, runId } = useRunParts();
  const [items, setItems] = useState<readonly ItemRecord[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const [problem, setProblem] = useState("");
  const [isLoading, setLoading] = useState(true);

  const extend = useCallback(
    async (after: string | null, signal?: AbortSignal) => {
      setLoading(true);
      try {
        const query = { after: after ?? from - 1, limit: PAGE, status };
        const page = await api.call<PageOfItemRecord>(itemsPath(runId, instance), { query, ...(signal && { signal }) });
        if (signal?.aborted) return;
        setItems((before) => (after === null ? page.items : [...before, ...page.items]));
        setCursor(page.nextCursor);
        setProblem("");
      } catch (error) {
        if (!signal?.aborted) setProblem(`The items can't be read: ${explain(error)}`);
      } finally {
        if (!signal?.aborted) setLoading(false);
      }
    },
    [api, runId, instance, status, from],
  );

  useEffect(() => {
    const abort = new AbortController();
    setItems([]);
    void extend(null, abort.signal);
    return () => abort.abort();
  }, [extend]);

  const isFirstPage = items.length <= PAGE;
  useFreshness(loop, () => {
    if (isFirstPage) void extend(null);
  });
  return { items, hasMore: cursor !== null, isLoading, problem, loadMore: () => void extend(cursor) };
}

/** One item, read again until it has settled; null until it was read, or where it can't be. */
export function useItem(loop: string, index: number): ItemRecord | null {
  const { api, runId } = useRunParts();
  const [item, setItem] = useState<ItemRecord | null>(null);
  const isOver = item !== null && isEnded(item.status);
  useEffect(() => {
    if (isOver) return;
    const abort = new AbortController();
    const read = () =>
      api
        .call<PageOfItemRecord>(itemsPath(runId, loop), { query: { after: index - 1, limit: 1 }, signal: abort.signal })
        .then(({ items }) => setItem(items.find((each) => each.index === index) ?? null))
        // What can't be read of the node itself is told beside this.
        .catch(() => {});
    void read();
    const timer = setInterval(read, REFRESH_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [api, runId, loop, index, isOver]);
  return item;
}

function itemsPath(runId: string, loop: string): string {
  return `/runs/${runId}/nodes/${encodeURIComponent(loop)}/items`;
}

/** Calls `refresh` after the loop has moved, at most each `REFRESH_MS`, and once more when it has stopped. */
function useFreshness(loop: LoopRecord, refresh: () => void): void {
  const latest = useRef(refresh);
  latest.current = refresh;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const isFirst = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each of the loop's states is a reason
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      latest.current();
    }, REFRESH_MS);
  }, [loop]);
  useEffect(() => () => clearTimeout(timer.current), []);
}
