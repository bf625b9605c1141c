/** The line that says how the run is, why it failed, and what can be done. */

import { LookIcon } from "../graph/icons";
import { elapsed, formatCount, formatDuration } from "../model/duration";
import { isEnded, type Look, lookOf, toneOf, WORDS } from "../model/look";
import { countDone } from "../model/run";
import { wordOf } from "../shell/live";
import { ActButton } from "./ActButton";
import { cancelRun, retryRun, runAgain } from "./actions";
import { type RunParts, show, useNow, useRun, useRunParts } from "./store";

export function RunBar() {
  const run = useRun((state) => state.run);
  const { done, all } = countDone(useRun((state) => state.nodes));
  const look = lookOf(run);
  const now = useNow(!isEnded(run.status), 100);
  const took = elapsed(run, now);
  return (
    <div className="run-bar">
      <Pill look={look} />
      {took !== null && <span className="number">{formatDuration(took)}</span>}
      <span className="soft">
        {formatCount(done)} of {formatCount(all)} nodes done
      </span>
      {/* Read out when it changes; the seconds beside it are not. */}
      <span className="hidden-text" role="status">
        The run is {WORDS[look].toLowerCase()}
      </span>
      <Connection />
      <Buttons />
    </div>
  );
}

export function Pill({ look }: { readonly look: Look }) {
  return (
    <span className={`pill pill--${look} ${toneOf(look)}`}>
      <LookIcon look={look} />
      {WORDS[look]}
    </span>
  );
}

function Connection() {
  const connection = useRun((state) => state.connection);
  const isOver = useRun((state) => isEnded(state.run.status));
  const state = isOver ? "finished" : connection;
  return (
    <span className="live" data-state={state}>
      {wordOf(state)}
    </span>
  );
}

function Buttons() {
  const parts = useRunParts();
  const status = useRun((state) => state.run.status);
  const pipeline = useRun((state) => state.run.pipeline);
  if (!isEnded(status)) {
    return (
      <div className="actions">
        <ActButton className="button button--danger" isAllowed={parts.mayChange} act={() => cancelRun(parts)}>
          Cancel
        </ActButton>
      </div>
    );
  }
  return (
    <div className="actions">
      <ActButton
        className="button"
        title="Do everything again, in the pipeline's present version"
        isAllowed={parts.mayChange}
        act={() => runAgain(parts)}
      >
        Run again
      </ActButton>
      {status === "failed" && (
        <a
          className="button"
          href={editAddress(parts, pipeline)}
          title="Change the pipeline, with the data of this run"
        >
          Mend in the editor
        </a>
      )}
      {status !== "completed" && (
        <ActButton
          className="button button--primary"
          title="Go on from what failed; what has completed is not done again"
          isAllowed={parts.mayChange}
          act={() => retryRun(parts)}
        >
          Retry
        </ActButton>
      )}
    </div>
  );
}

/** The editor with what this run was started with and what its nodes gave. */
function editAddress({ runId, namespace }: RunParts, pipeline: string): string {
  const query = new URLSearchParams({ run: runId, ...(namespace !== "default" && { namespace }) });
  return `/pipelines/${encodeURIComponent(pipeline)}/edit?${query}`;
}

/** Why the run failed, in one line, with the way to what is to blame. */
export function RunProblem() {
  const { store } = useRunParts();
  const error = useRun((state) => state.run.error);
  const status = useRun((state) => state.run.status);
  if (error === null || status !== "failed") return null;
  const { node } = error;
  return (
    <div className="run-problem" role="alert">
      <LookIcon look="failed" size={16} />
      <p>
        <strong>{node === null ? "The run failed" : `${node} failed`}:</strong> {error.message}{" "}
        <code className="error-code">{error.code}</code>
      </p>
      {node !== null && (
        <button type="button" className="button button--small" onClick={() => show(store, node)}>
          <span className="clip">Show {node}</span>
        </button>
      )}
    </div>
  );
}
