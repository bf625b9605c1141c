/**
 * A run as the page knows it, and what each event of its stream makes of it: pure.
 *
 * The page begins with a snapshot and hears of everything behind it. Events may come twice after a lost connection, and an
 * older one never undoes a newer one: `rev` says so for the run, and a settled node never changes.
 */

import type { GraphEdge, LogRecord, NodeRecord, RunRecord } from "../api/schema";
import type { ServerEvent } from "../live/parser";
import { formatCount } from "./duration";
import type { DrawnGraph } from "./graph";
import { withLines } from "./lines";
import { isEnded } from "./look";
import { own } from "./own";
import { type Piece, type Texts, withPieces } from "./texts";

/** A run without its nodes, as later `run` events bring it. */
export type RunHead = Omit<RunRecord, "nodes">;

export type Nodes = Readonly<Record<string, NodeRecord>>;

export interface RunView {
  readonly run: RunHead;
  readonly nodes: Nodes;
  readonly texts: Texts;
  readonly lines: readonly LogRecord[];
}

export interface Snapshot {
  readonly run: RunRecord;
  /** Null where the definition that the run follows can't be read any more. */
  readonly graph: DrawnGraph | null;
}

export function viewOf({ nodes, ...run }: RunRecord): RunView {
  return { run, nodes, texts: new Map(), lines: [] };
}

/** The view after these events, which belong together: one change for all of them. */
export function afterEvents(view: RunView, events: readonly ServerEvent[]): RunView {
  let { run, nodes } = view;
  const pieces: Piece[] = [];
  const lines: LogRecord[] = [];
  for (const event of events) {
    const content: unknown = JSON.parse(event.data);
    switch (event.name) {
      case "run":
        ({ run, nodes } = afterRun(run, nodes, content as RunHead & { nodes?: Nodes }));
        break;
      case "node":
        nodes = afterNode(nodes, content as NodeRecord & { id: string });
        break;
      case "progress":
        pieces.push(content as Piece);
        break;
      case "log":
        lines.push(content as LogRecord);
        break;
      default:
        // An event of a newer server, which this page can do without.
        break;
    }
  }
  return { run, nodes, texts: withPieces(view.texts, pieces), lines: withLines(view.lines, lines) };
}

function afterRun(run: RunHead, nodes: Nodes, { nodes: all, ...head }: RunHead & { nodes?: Nodes }) {
  if (head.rev < run.rev) return { run, nodes };
  return { run: head, nodes: all ?? nodes };
}

function afterNode(nodes: Nodes, { id, ...node }: NodeRecord & { id: string }): Nodes {
  const before = own(nodes, id);
  if (before !== undefined && isEnded(before.status) && !isEnded(node.status)) return nodes;
  return { ...nodes, [id]: node };
}

/** What an edge shows: whether its node left by its port, and whether something moves along it now. */
export type Flow = "open" | "taken" | "moving" | "refused" | "broken";

/** The flow along an edge, from the states at its two ends. `broken`: what it leads to failed. */
export function flowOf(edge: GraphEdge, source: NodeRecord | undefined, target: NodeRecord | undefined): Flow {
  if (source === undefined || !isEnded(source.status)) return "open";
  if (source.port !== edge.port) return "refused";
  if (target === undefined || target.status === "pending") return "taken";
  if (target.status === "failed") return "broken";
  return isEnded(target.status) ? "taken" : "moving";
}

export interface Count {
  readonly done: number;
  readonly all: number;
}

/** How many nodes of the top level are settled. */
export function countDone(nodes: Nodes): Count {
  const all = Object.values(nodes);
  return { done: all.filter((node) => isEnded(node.status)).length, all: all.length };
}

/** The instance to look at first: the one to blame, which may be in a loop item, else the first node that failed, else none. */
export function blamedNode(view: RunView): string | null {
  const blamed = view.run.error?.node;
  if (blamed != null && Object.hasOwn(view.nodes, topLevelOf(blamed))) return blamed;
  return Object.entries(view.nodes).find(([, node]) => node.status === "failed")?.[0] ?? null;
}

/** `each[3].fetch` lives in the node `each`. */
export function topLevelOf(instance: string): string {
  return instance.split(/[[.]/, 1)[0] ?? instance;
}

/** The loop item around an instance: `{loop: "each", index: 3}` of `each[3].fetch`; null at the top level. */
export function itemAround(instance: string): { readonly loop: string; readonly index: number } | null {
  const found = /^(.*)\[(\d+)\]\.[^.[\]]+$/.exec(instance);
  return found?.[1] === undefined ? null : { loop: found[1], index: Number(found[2]) };
}

/** The scope of an item, such as `each[3]`, and the instance of a node in it. */
export function instanceIn(loop: string, index: number, node: string): string {
  return `${loop}[${index}].${node}`;
}

/** "842 of 1,000", or "842 done" while the end of the loop is not known. */
export function loopCount(loop: { succeeded: number; failed: number; total: number | null }): string {
  const done = formatCount(loop.succeeded + loop.failed);
  return loop.total === null ? `${done} done` : `${done} of ${formatCount(loop.total)}`;
}
