/** A node of a run on the canvas, its edges, and its block on the map: each finds its own state. */

import type { EdgeProps, MiniMapNodeProps, NodeProps } from "@xyflow/react";
import type { LoopRecord, NodeRecord } from "../api/schema";
import { Card } from "../graph/Card";
import type { CardNode } from "../graph/GraphCanvas";
import { RoutedEdge, type RoutedEdgeType } from "../graph/RoutedEdge";
import { formatDuration, millis } from "../model/duration";
import { isMoving, type Look, lookOf, toneOf, WORDS } from "../model/look";
import { own } from "../model/own";
import { flowOf, loopCount } from "../model/run";
import { endOf, speakerIn } from "../model/texts";
import { nodeElapsed } from "../model/timeline";
import { useNow, useRun } from "./store";

/** Characters of what a running node says that are shown on its card. */
const SAID = 26;

export function RunCard({ id, data }: NodeProps<CardNode>) {
  const state = useRun((run) => own(run.nodes, id));
  const createdAt = useRun((run) => run.run.createdAt);
  const isSelected = useRun((run) => run.selectedNode === id);
  const isTabStop = useRun((run) => (run.selectedNode === null ? data.isFirst : run.selectedNode === id));
  const look = state === undefined ? "pending" : lookOf(state, createdAt);
  const isLoop = data.node.body != null;
  const says = useRun(({ texts }) =>
    look === "running" ? endOf(texts, isLoop ? (speakerIn(id, texts) ?? id) : id, SAID) : undefined,
  );
  return (
    <Card
      node={data.node}
      ports={data.ports}
      size={data.size}
      look={look}
      left={state?.port ?? null}
      says={says}
      isSelected={isSelected}
      isTabStop={isTabStop}
    >
      {isLoop && <LoopBar loop={state?.loop ?? null} />}
      <Foot state={state} look={look} maxAttempts={data.node.maxAttempts ?? 1} />
    </Card>
  );
}

function LoopBar({ loop }: { readonly loop: LoopRecord | null }) {
  const total = Math.max(loop?.total ?? loop?.started ?? 0, 1);
  const share = (count: number) => ({ width: `${(100 * count) / total}%` });
  return (
    <span className="node__loop">
      <span className="node__loop-text">
        <span>{loop === null ? "Loop" : loopCount(loop)}</span>
        {loop !== null && loop.failed > 0 && <span className="node__loop-failed">{loop.failed} failed</span>}
        {loop !== null && loop.active > 0 && <span className="node__loop-active">{loop.active} at work</span>}
      </span>
      <span className="meter">
        <span className="meter__part meter__part--completed" style={share(loop?.succeeded ?? 0)} />
        <span className="meter__part meter__part--failed" style={share(loop?.failed ?? 0)} />
        <span className="meter__part meter__part--running" style={share(loop?.active ?? 0)} />
      </span>
    </span>
  );
}

interface FootProps {
  readonly state: NodeRecord | undefined;
  readonly look: Look;
  readonly maxAttempts: number;
}

function Foot({ state, look, maxAttempts }: FootProps) {
  const now = useNow(isMoving(look));
  return (
    <span className="node__foot">
      <span className="node__word">{wordOf(state, look, maxAttempts)}</span>
      {state !== undefined && <span className="node__time">{timeOf(state, look, now)}</span>}
    </span>
  );
}

/** The status, and which try of how many it is where there may be several: "Retrying · 2 of 3". */
function wordOf(state: NodeRecord | undefined, look: Look, maxAttempts: number): string {
  const word = WORDS[look];
  if (state === undefined || look === "completed" || look === "reused") return word;
  const number = look === "retrying" ? state.attempt + 1 : state.attempt;
  return number > 1 ? `${word} · ${number} of ${Math.max(maxAttempts, number)}` : word;
}

function timeOf(state: NodeRecord, look: Look, now: number): string {
  const due = millis(state.dueAt);
  if ((look === "waiting" || look === "retrying") && due !== null) return `in ${formatDuration(due - now)}`;
  if (look === "pending" || look === "skipped" || look === "reused") return "";
  const took = nodeElapsed(state, now);
  return took === null ? "" : formatDuration(took);
}

export function RunEdge(edge: EdgeProps<RoutedEdgeType>) {
  const flow = useRun(({ nodes }) => {
    const { source: from, target: to } = edge;
    return flowOf({ from, to, port: edge.data?.port ?? "" }, own(nodes, from), own(nodes, to));
  });
  return <RoutedEdge {...edge} flow={flow} />;
}

export function RunMapNode({ id, x, y, width, height }: MiniMapNodeProps) {
  const look = useRun((run) => {
    const state = own(run.nodes, id);
    return state === undefined ? "pending" : lookOf(state, run.run.createdAt);
  });
  return <rect className={`map-node ${toneOf(look)}`} x={x} y={y} width={width} height={height} rx={8} />;
}
