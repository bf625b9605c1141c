/**
 * The states of nodes in the bodies of loops, for the canvas: those of one item, the first that failed, else the latest.
 * The stream tells of the top level only, so that they are asked for while the loop moves, and once it has ended.
 */

import type { ItemRecord, NodeDetailRecord, PageOfItemRecord } from "../api/schema";
import { isEnded } from "../model/look";
import { instanceIn } from "../model/run";
import type { RunParts } from "../run/store";
import type { PipelineView } from "./document/view";
import type { BodyState, EditorStore } from "./store";

/** A loop that moves is asked for at most so often. */
const PAUSE_MS = 600;

/** Keeps `bodies` of the store true to a run. Returns how to stop. */
export function followBodies(store: EditorStore, parts: RunParts): () => void {
  const abort = new AbortController();
  let timer = 0;
  const read = async () => {
    timer = 0;
    try {
      const bodies = await readBodies(parts, store.getState().pipeline.view, abort.signal);
      if (!abort.signal.aborted) store.setState({ bodies });
    } catch {
      // Away or stopped: the frames keep what they show, and the run's own page tells more.
    }
  };
  const schedule = (pause: number) => {
    if (timer === 0) timer = window.setTimeout(() => void read(), pause);
  };
  const stop = parts.store.subscribe((state, before) => {
    if (state.nodes === before.nodes && state.run.status === before.run.status) return;
    if (Object.values(state.nodes).some((node) => node.loop != null))
      schedule(isEnded(state.run.status) ? 0 : PAUSE_MS);
  });
  schedule(0);
  return () => {
    stop();
    abort.abort();
    clearTimeout(timer);
  };
}

async function readBodies(parts: RunParts, view: PipelineView, signal: AbortSignal) {
  const bodies = new Map<string, BodyState>();
  const loops = Object.entries(parts.store.getState().nodes).filter(([, node]) => (node.loop?.started ?? 0) > 0);
  for (const [id, node] of loops) {
    await readBody({ parts, view, signal, bodies }, id, id, (node.loop?.started ?? 1) - 1);
  }
  return bodies;
}

interface Reading {
  readonly parts: RunParts;
  readonly view: PipelineView;
  readonly signal: AbortSignal;
  readonly bodies: Map<string, BodyState>;
}

async function readBody(reading: Reading, id: string, instance: string, latest: number): Promise<void> {
  const { view, bodies } = reading;
  const item =
    (await oneItem(reading, instance, { status: "failed" })) ??
    (await oneItem(reading, instance, { after: latest - 1 }));
  if (item === undefined) return;
  for (const [node, status] of Object.entries(item.nodes)) {
    const inner = instanceIn(instance, item.index, node);
    bodies.set(node, { instance: inner, index: item.index, status });
    if (node !== id && view.byId.get(node)?.isLoop)
      await readBody(reading, node, inner, await latestOf(reading, inner));
  }
}

/** The latest item that was started of a loop in an item of another: the run's record has loops of the top level only. */
async function latestOf({ parts: { api, runId }, signal }: Reading, instance: string): Promise<number> {
  const path = `/runs/${runId}/nodes/${encodeURIComponent(instance)}`;
  const { loop } = await api.call<NodeDetailRecord>(path, { signal });
  return (loop?.started ?? 1) - 1;
}

async function oneItem(
  { parts: { api, runId }, signal }: Reading,
  instance: string,
  query: { readonly status?: string; readonly after?: number },
): Promise<ItemRecord | undefined> {
  const path = `/runs/${runId}/nodes/${encodeURIComponent(instance)}/items`;
  const page = await api.call<PageOfItemRecord>(path, { query: { ...query, limit: 1 }, signal });
  return page.items[0];
}
