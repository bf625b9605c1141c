/** Where the time of a node went: the whole of it, and each attempt. */

import type { NodeRecord } from "../api/schema";
import { formatClock, formatDuration } from "../model/duration";
import { isEnded, lookOf } from "../model/look";
import { type Attempt, attemptsOf, nodeElapsed, PART_WORDS, type Share, sharesOf, spansOf } from "../model/timeline";
import { useNow, useRun } from "./store";

export function TimeSpent({ node }: { readonly node: NodeRecord }) {
  const createdAt = useRun((state) => state.run.createdAt);
  const now = useNow(!isEnded(node.status) && node.startedAt !== null, 500);
  const whole = nodeElapsed(node, now);
  if (whole === null || lookOf(node, createdAt) === "reused") return null;
  const shares = sharesOf(spansOf(node, now));
  return (
    <>
      {shares.length > 0 && (
        <section className="section" aria-label="Where the time went">
          <h3>
            Where {formatDuration(whole)} went{node.attempt > 1 && `, in ${node.attempt} attempts`}
          </h3>
          <Shares shares={shares} />
          <Legend shares={shares} whole={whole} />
        </section>
      )}
      {(node.attempt > 1 || node.status === "retrying") && <Attempts attempts={attemptsOf(node, now)} />}
    </>
  );
}

function Shares({ shares }: { readonly shares: readonly Share[] }) {
  return (
    <div className="spent" aria-hidden="true">
      {shares.map(({ part, length }) => (
        <span key={part} className={`timeline__bar timeline__bar--${part}`} style={{ flexGrow: length }} />
      ))}
    </div>
  );
}

function Legend({ shares, whole }: { readonly shares: readonly Share[]; readonly whole: number }) {
  return (
    <ul className="spent__legend">
      {shares.map(({ part, length }) => (
        <li key={part}>
          <i className={`timeline__bar timeline__bar--${part}`} />
          {PART_WORDS[part]}
          <span className="number">{formatDuration(length)}</span>
          <span className="soft number">{Math.round((100 * length) / Math.max(whole, 1))} %</span>
        </li>
      ))}
    </ul>
  );
}

function Attempts({ attempts }: { readonly attempts: readonly Attempt[] }) {
  return (
    <section className="section" aria-label="Attempts">
      <h3>Attempts</h3>
      <ol className="attempts">
        {attempts.map((attempt) => (
          <li key={attempt.number} className={toneOf(attempt)}>
            <span className="attempts__number">{attempt.number}</span>
            <span className="attempts__text">
              <Outcome attempt={attempt} />
              {attempts.length > 1 && <Shares shares={attempt.shares} />}
              {attempt.shares.length > 1 && <span className="soft">{wordsOf(attempt.shares)}</span>}
            </span>
            <span className="number">{formatDuration(attempt.length)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Outcome({ attempt: { record } }: { readonly attempt: Attempt }) {
  if (record === null) return <span>At work</span>;
  return (
    <>
      <span>
        {record.error === null ? "Completed" : "Failed"} at {formatClock(record.endedAt)}
      </span>
      {record.error !== null && (
        <span>
          {record.error.message} <code className="error-code">{record.error.code}</code>
        </span>
      )}
    </>
  );
}

function toneOf({ record }: Attempt): string {
  if (record === null) return "tone--running";
  return record.error === null ? "tone--completed" : "tone--failed";
}

/** "Queued 50 ms, executed 450 ms" */
function wordsOf(shares: readonly Share[]): string {
  const words = shares
    .map(({ part, length }) => `${PART_WORDS[part].toLowerCase()} ${formatDuration(length)}`)
    .join(", ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
