/** The Gantt chart of the run: one row a node, its time by what it went into. */

import { memo, useEffect, useMemo, useRef } from "react";
import { useShallow } from "zustand/react/shallow";
import { LookIcon } from "../graph/icons";
import { formatDuration } from "../model/duration";
import { isEnded, isMoving, lookOf, toneOf, WORDS } from "../model/look";
import { own } from "../model/own";
import {
  type Bar,
  barsOf,
  nodeElapsed,
  orderOf,
  PART_WORDS,
  type Part,
  type Scale,
  scaleOf,
  ticksOf,
} from "../model/timeline";
import { showWithin } from "./scrolling";
import { select, useNow, useRun, useRunParts } from "./store";

/** Pixels that the scale covers at the upper edge. */
const HEAD = 56;

const LEGEND: readonly Part[] = ["queued", "starting", "running", "completed", "failed", "waiting"];

export function TimelineView() {
  const run = useRun((state) => state.run);
  const ids = useRun(useShallow((state) => orderOf(state.nodes)));
  const now = useNow(!isEnded(run.status));
  const { begin, length } = scaleOf(run, now);
  const scale = useMemo(() => ({ begin, length }), [begin, length]);
  if (ids.length === 0) return <p className="panel-note">No node has begun yet.</p>;
  return (
    <div className="timeline">
      <Head length={length} />
      {ids.map((id) => (
        <TimelineRow key={id} id={id} scale={scale} />
      ))}
    </div>
  );
}

const Head = memo(({ length }: { readonly length: number }) => (
  <div className="timeline__scale" aria-hidden="true">
    <ul className="timeline__legend">
      {LEGEND.map((part) => (
        <li key={part}>
          <i className={`timeline__bar timeline__bar--${part}`} />
          {PART_WORDS[part]}
        </li>
      ))}
    </ul>
    <div className="timeline__ticks">
      {ticksOf(length).map((tick) => (
        <span key={tick.offset} style={{ left: `${tick.at * 100}%` }}>
          {tick.offset === 0 ? "0" : shortly(tick.offset)}
        </span>
      ))}
    </div>
  </div>
));

/** Draws itself anew when its node has moved, or its own clock has; hundreds of others stay as they are. */
const TimelineRow = memo(({ id, scale }: { readonly id: string; readonly scale: Scale }) => {
  const { store } = useRunParts();
  const node = useRun((run) => own(run.nodes, id));
  const createdAt = useRun((run) => run.run.createdAt);
  const isSelected = useRun((run) => run.selectedNode === id);
  const element = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isSelected && element.current !== null) showWithin(element.current, ".tab-panel", HEAD);
  }, [isSelected]);
  const look = node === undefined ? "pending" : lookOf(node, createdAt);
  const now = useNow(isMoving(look), 250);
  if (node === undefined) return null;
  const took = look === "reused" ? null : nodeElapsed(node, now);
  return (
    <button
      ref={element}
      type="button"
      className={`timeline__row ${toneOf(look)}`}
      aria-pressed={isSelected}
      onClick={() => select(store, id)}
    >
      <span className="timeline__node">
        <LookIcon look={look} />
        <span className="clip" title={id}>
          {id}
        </span>
        {node.attempt > 1 && look !== "reused" && (
          <span className="timeline__tries number" title={`${node.attempt} attempts`}>
            ×{node.attempt}
          </span>
        )}
        <span className="hidden-text">, {WORDS[look]}</span>
      </span>
      <span className="timeline__lane">
        {barsOf(node, look, scale, now).map((bar) => (
          <TimelineBar key={`${bar.part}${bar.from}`} bar={bar} />
        ))}
        {look === "reused" && <span className="timeline__reused">from an earlier run</span>}
      </span>
      <span className="timeline__took number">{took === null ? "" : formatDuration(took)}</span>
    </button>
  );
});

function TimelineBar({ bar }: { readonly bar: Bar }) {
  const style = { left: `${bar.from * 100}%`, width: `${(bar.to - bar.from) * 100}%` };
  return <span className={`timeline__bar timeline__bar--${bar.part}`} style={style} title={bar.words} />;
}

/** "2.0 s" on a scale is "2 s". */
function shortly(offset: number): string {
  return formatDuration(offset)
    .replace(/\.0 s$/, " s")
    .replace(/ 00 [sm]$/, "");
}
