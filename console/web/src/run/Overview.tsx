/** The first thing seen of a node: its error, where its time went, its attempts and what it told of itself. */

import type { ErrorRecord, LoopRecord, NodeRecord } from "../api/schema";
import { formatClock, formatCount, formatDuration, millis } from "../model/duration";
import { loopCount } from "../model/run";
import { speakerIn } from "../model/texts";
import { show, useNow, useRun, useRunParts } from "./store";
import { TimeSpent } from "./TimeSpent";
import type { ItemStatus } from "./useItems";
import { Value } from "./Value";

interface OverviewProps {
  readonly instance: string;
  readonly node: NodeRecord;
  /** Shows the items of a loop, those in one state or all. */
  readonly onItems: (status: ItemStatus) => void;
}

export function Overview({ instance, node, onItems }: OverviewProps) {
  const meta = Object.fromEntries(Object.entries(node.meta ?? {}).filter(([name]) => name !== "timing"));
  return (
    <>
      {node.error !== null && <Failure error={node.error} instance={instance} />}
      <Facts node={node} />
      {node.loop != null && <LoopSummary loop={node.loop} onItems={onItems} />}
      <Said instance={instance} node={node} />
      <TimeSpent node={node} />
      {Object.keys(meta).length > 0 && <Value label="Measured" value={meta} />}
    </>
  );
}

function Failure({ error, instance }: { readonly error: ErrorRecord; readonly instance: string }) {
  const { store } = useRunParts();
  const { node } = error;
  return (
    <div className="note note--problem">
      <div className="failure">
        <p className="failure__message">{error.message}</p>
        <p className="soft">
          Error code <code className="error-code">{error.code}</code>
        </p>
        <p className="soft">{error.retryable ? "Trying again may help." : "Trying again as it is would fail again."}</p>
        {node !== null && node !== instance && (
          <button type="button" className="button button--small" onClick={() => show(store, node)}>
            <span className="clip">Show {node}</span>
          </button>
        )}
      </div>
    </div>
  );
}

function Facts({ node }: { readonly node: NodeRecord }) {
  const due = millis(node.dueAt);
  const isDue = due !== null && (node.status === "waiting" || node.status === "retrying");
  const now = useNow(isDue);
  return (
    <dl className="facts">
      {node.startedAt !== null && (
        <>
          <dt>Started</dt>
          <dd className="mono">{formatClock(node.startedAt)}</dd>
        </>
      )}
      {node.completedAt !== null && (
        <>
          <dt>Ended</dt>
          <dd className="mono">{formatClock(node.completedAt)}</dd>
        </>
      )}
      {node.port !== null && (
        <>
          <dt>Left by</dt>
          <dd className="mono">{node.port}</dd>
        </>
      )}
      {isDue && (
        <>
          <dt>{node.status === "retrying" ? "Next attempt" : "Goes on"}</dt>
          <dd className="mono">in {formatDuration(due - now)}</dd>
        </>
      )}
    </dl>
  );
}

/** The end of what a running node has given so far, such as a model's tokens; of a loop, what the item gives that spoke last. */
function Said({ instance, node }: { readonly instance: string; readonly node: NodeRecord }) {
  const { store } = useRunParts();
  const isLoop = node.loop != null;
  const speaker = useRun(({ texts }) => (isLoop ? speakerIn(instance, texts) : instance));
  const growing = useRun(({ texts }) => (speaker === null ? undefined : texts.get(speaker)));
  if (growing === undefined || node.status !== "running" || (!isLoop && growing.attempt !== node.attempt)) return null;
  return (
    <section className="section" aria-label="Output so far">
      <h3>Output so far</h3>
      {isLoop && speaker !== null && (
        <button type="button" className="link mono" onClick={() => show(store, speaker)}>
          {speaker}
        </button>
      )}
      <div className="text text--short">
        {growing.text.slice(-600)}
        <span className="caret" />
      </div>
    </section>
  );
}

/** How far a loop is, with the way to its items. */
function LoopSummary({ loop, onItems }: { readonly loop: LoopRecord; readonly onItems: (status: ItemStatus) => void }) {
  return (
    <section className="section" aria-label="Items">
      <h3>{loopCount(loop)} items</h3>
      <div className="actions">
        <button type="button" className="button button--small" onClick={() => onItems("")}>
          Show items
        </button>
        {loop.failed > 0 && (
          <button type="button" className="button button--small button--danger" onClick={() => onItems("failed")}>
            Show the {formatCount(loop.failed)} that failed
          </button>
        )}
      </div>
    </section>
  );
}
