/** Log lines of the run or of one node: the newest ones, new ones as they come, and older ones on demand. */

import { memo, useEffect, useMemo, useRef, useState } from "react";
import { explain } from "../api/client";
import type { LogRecord, PageOfFoundLogRecord } from "../api/schema";
import { formatClock } from "../model/duration";
import { filterLines, keyOf, LEVELS, type Level } from "../model/lines";
import { isEnded } from "../model/look";
import { showWithin } from "./scrolling";
import { addLines, show, useRun, useRunParts } from "./store";

const PAGE = 500;
/** Lines that are drawn at first, and more at each "Earlier lines": the browser lays out all that are drawn. */
const DRAWN = 1000;

export function LogPane({ instance }: { readonly instance: string | null }) {
  const lines = useRun((state) => state.lines);
  const isOver = useRun((state) => isEnded(state.run.status));
  const [level, setLevel] = useState<Level>("debug");
  const [text, setText] = useState("");
  const earlier = useEarlierLines(instance);
  const shown = useMemo(() => filterLines(lines, { instance, level, text }), [lines, instance, level, text]);
  const [limit, setLimit] = useState(DRAWN);
  const end = useFollowedEnd(shown.length);
  const showEarlier = () => {
    // What the page has comes before what it would have to ask for.
    if (shown.length <= limit) earlier.load();
    setLimit(limit + DRAWN);
  };
  return (
    <div className="log-pane">
      <div className="toolbar">
        <input
          type="search"
          className="input"
          aria-label="Filter the lines"
          placeholder="Filter"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <select aria-label="Least level" value={level} onChange={(event) => setLevel(event.target.value as Level)}>
          {LEVELS.map((each) => (
            <option key={each} value={each}>
              {each === "debug" ? "All levels" : `${each} and graver`}
            </option>
          ))}
        </select>
        {(earlier.canLoad || shown.length > limit) && (
          <button type="button" className="button button--small" onClick={showEarlier}>
            Earlier lines
          </button>
        )}
      </div>
      {earlier.problem && <p className="panel-note">{earlier.problem}</p>}
      <div className="log" role="log">
        {shown.slice(-limit).map((line) => (
          <Line key={keyOf(line)} line={line} hasNode={line.node !== instance} />
        ))}
        <div ref={end} />
      </div>
      {shown.length === 0 && (
        <p className="panel-note">{emptyNote(lines.length > 0 && (text !== "" || level !== "debug"), isOver)}</p>
      )}
    </div>
  );
}

function emptyNote(isFiltered: boolean, isOver: boolean): string {
  if (isFiltered) return "No line passes the filter.";
  return isOver ? "Nothing was written to the log." : "Nothing has been written to the log yet.";
}

interface LineProps {
  readonly line: LogRecord;
  readonly hasNode: boolean;
}

/** Drawn once: a line never changes, and there are many. */
const Line = memo(function Line({ line, hasNode }: LineProps) {
  const { store } = useRunParts();
  const fields = Object.entries(line.fields);
  return (
    <div className={`log__line log__line--${line.level}`}>
      <time className="log__at" dateTime={line.at} title={line.at}>
        {formatClock(line.at)}
      </time>
      <span className="log__level">{line.level}</span>
      <span className="log__node">
        {hasNode && (
          <button type="button" className="link" title={line.node} onClick={() => show(store, line.node)}>
            {line.node}
          </button>
        )}
        {line.attempt > 1 && <span className="soft"> #{line.attempt}</span>}
      </span>
      <span className="log__message">
        {line.message}
        {fields.map(([name, value]) => (
          <span key={name} className="log__field">
            {" "}
            {name}={typeof value === "string" ? value : JSON.stringify(value)}
          </span>
        ))}
      </span>
    </div>
  );
});

/** Loads the newest lines once, and a page of older ones at each call of `load`. */
function useEarlierLines(instance: string | null) {
  const { api, runId, store } = useRunParts();
  const [cursor, setCursor] = useState<string | null | undefined>(undefined);
  const [problem, setProblem] = useState("");
  const load = async (from: string | undefined, signal?: AbortSignal) => {
    try {
      const query = { run: runId, node: instance ?? undefined, limit: PAGE, cursor: from };
      const page = await api.call<PageOfFoundLogRecord>("/logs", { query, ...(signal && { signal }) });
      addLines(store, page.items.toReversed());
      setCursor(page.nextCursor);
      setProblem("");
    } catch (error) {
      if (!signal?.aborted) setProblem(`The log can't be read: ${explain(error)}`);
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: `load` reads nothing but what is listed
  useEffect(() => {
    const abort = new AbortController();
    setCursor(undefined);
    void load(undefined, abort.signal);
    return () => abort.abort();
  }, [api, runId, instance]);
  return { canLoad: cursor != null, problem, load: () => void load(cursor ?? undefined) };
}

/** Keeps the end in sight while the reader is there; whoever has scrolled up is left alone. */
function useFollowedEnd(count: number) {
  const end = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const element = end.current;
    if (element === null) return;
    const observer = new IntersectionObserver(([entry]) => {
      isAtEnd.current = entry?.isIntersecting ?? false;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (count > 0 && isAtEnd.current && end.current !== null) showWithin(end.current, ".tab-panel");
  }, [count]);
  return end;
}
