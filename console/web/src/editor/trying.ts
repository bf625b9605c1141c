/** Test runs of the text as it stands, saved or not. Their states are shown on the canvas, their outputs offered to fields. */

import { ApiProblem, explain } from "../api/client";
import type { RunRecord, StartedRun } from "../api/schema";
import { isEnded } from "../model/look";
import { payloadOf, tooLargeOf } from "../model/value";
import { createRunStore, followRun, type RunParts } from "../run/store";
import { flash } from "../shell/flash";
import { followBodies } from "./bodies";
import { reachedFrom } from "./document/connecting";
import { aloneWith, type Given, type LoneNode, textUpTo } from "./document/trial";
import { tellDrafts } from "./drafts";
import { readData } from "./form/data";
import { problemsOf } from "./problems";
import type { EditorParts, EditorState, EditorStore } from "./store";

export interface Trial {
  /** The last node to run; without one, all run. */
  readonly until?: string;
}

/** Run the text as it stands, whole or up to a node; what is not finished behind that node does not matter. */
export async function startTest(parts: EditorParts, { until }: Trial = {}): Promise<void> {
  if (tellDrafts(parts.store)) return;
  const state = parts.store.getState();
  const isPart = until !== undefined && state.faults.length === 0;
  const definition = isPart ? textUpTo(state.pipeline, until) : state.text;
  await start(parts, { definition, pins: Object.fromEntries(pinned(state, until)) });
}

/** Run one node with what it reads, and nothing else of the pipeline. */
export async function testAlone(parts: EditorParts, id: string, given: Given): Promise<void> {
  if (tellDrafts(parts.store)) return;
  await start(parts, aloneWith(parts.store.getState().pipeline.view, id, given));
}

/** Start a test run and show it. What is wrong with the text or the data is told. */
async function start({ store, api, namespace, mayChange }: EditorParts, { definition, pins }: LoneNode): Promise<void> {
  if (!mayChange) return;
  const data = readData(store.getState().testData);
  if (data === undefined) {
    flash("The data for test runs is no JSON; mend it first.", "problem");
    return;
  }
  try {
    const started = await api.call<StartedRun>("/runs", { method: "POST", body: { definition, data, pins } });
    const run = await api.call<RunRecord>(`/runs/${started.id}`);
    const parts: RunParts = { store: createRunStore({ run }, null), api, runId: run.id, namespace, mayChange: true };
    show(store, parts, run);
  } catch (error) {
    const isWrong = error instanceof ApiProblem && error.status === 422 && problemsOf(store.getState()).length > 0;
    flash(isWrong ? "It can't run yet: mend what the list of problems names." : explain(error), "problem");
  }
}

/** Show a run's states on the canvas, and follow it to its end. */
function show(store: EditorStore, parts: RunParts, run: RunRecord): void {
  store.getState().stopRun?.();
  const stream = isEnded(run.status) ? null : followRun(parts, `${run.rev}.0`);
  const forget = parts.store.subscribe((now) => keepOutputs(store, now.nodes));
  const leave = followBodies(store, parts);
  const stopRun = () => {
    stream?.close();
    forget();
    leave();
  };
  store.setState({ run: parts, stopRun, bodies: new Map() });
  keepOutputs(store, run.nodes);
}

/** Pins of nodes that run; the node that is tried runs in any case. */
function pinned(
  { pins, pipeline: { view } }: EditorState,
  until: string | undefined,
): readonly (readonly [string, unknown])[] {
  const before = until === undefined ? null : new Set(reachedFrom(view.edges, until, "back"));
  return [...pins].filter(([id]) => view.byId.get(id)?.parent === null && (before === null || before.has(id)));
}

/** Outputs of the run beside those that were known: of a large one only a reference is there, which is no output. */
function keepOutputs(store: EditorStore, nodes: RunRecord["nodes"]): void {
  const before = store.getState().outputs;
  const fresh = Object.entries(nodes).filter(
    ([id, node]) => node.status === "completed" && isWhole(node.output) && before.get(id) !== node.output,
  );
  if (fresh.length > 0)
    store.setState({ outputs: new Map([...before, ...fresh.map(([id, node]) => [id, node.output] as const)]) });
}

function isWhole(value: unknown): boolean {
  return payloadOf(value) === null && tooLargeOf(value) === null;
}

/** What nodes gave, or shall give. */
export function knownOutputs({ pins, outputs }: Pick<EditorState, "pins" | "outputs">): ReadonlyMap<string, unknown> {
  return pins.size === 0 ? outputs : new Map([...outputs, ...pins]);
}

export function pin(store: EditorStore, id: string, output: unknown): void {
  store.setState(({ pins }) => ({ pins: new Map([...pins, [id, output]]) }));
}

export function unpin(store: EditorStore, id: string): void {
  store.setState(({ pins }) => ({ pins: new Map([...pins].filter(([pinned]) => pinned !== id)) }));
}

/** Let every node run again. */
export function unpinAll(store: EditorStore): void {
  store.setState({ pins: new Map() });
}

/** Show no states any more. */
export function leaveRun(store: EditorStore): void {
  store.getState().stopRun?.();
  store.setState({ run: null, stopRun: null, bodies: new Map() });
}

/** Take over what a run was started with and what its nodes gave, so that its failure can be mended here. */
export async function loadRun({ store, api, namespace }: EditorParts, id: string): Promise<void> {
  try {
    const run = await api.call<RunRecord>(`/runs/${encodeURIComponent(id)}`);
    const parts: RunParts = { store: createRunStore({ run }, null), api, runId: run.id, namespace, mayChange: true };
    const data = isWhole(run.trigger.data)
      ? JSON.stringify(run.trigger.data ?? {}, null, 2)
      : store.getState().testData;
    show(store, parts, run);
    store.setState({ testData: data });
    const completed = Object.entries(run.nodes).filter(
      ([, node]) => node.status === "completed" && isWhole(node.output),
    );
    if (run.status === "failed")
      store.setState({ pins: new Map(completed.map(([node, record]) => [node, record.output])) });
    flash(`The data of run ${id.slice(-8)} is here${run.status === "failed" ? "; what had completed is pinned" : ""}.`);
  } catch (error) {
    flash(explain(error), "problem");
  }
}
