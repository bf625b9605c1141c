/** The page of a run: how it is, its graph, the details of one node, and what happened when. */

import { type CSSProperties, useEffect, useMemo, useRef, useState } from "react";
import { GraphCanvas } from "../graph/GraphCanvas";
import type { DrawnGraph } from "../model/graph";
import { lookOf, WORDS } from "../model/look";
import { topLevelOf } from "../model/run";
import { Border } from "./Border";
import { Inspector } from "./Inspector";
import { LogPane } from "./LogPane";
import { NodeTable } from "./NodeTable";
import { RunBar, RunProblem } from "./RunBar";
import { RunCard, RunEdge, RunMapNode } from "./RunCard";
import { select, useRun, useRunParts } from "./store";
import { Tabs } from "./Tabs";
import { TimelineView } from "./TimelineView";
import { useRemembered } from "./useRemembered";
import { Value } from "./Value";

const NODE_TYPES = { card: RunCard };
const EDGE_TYPES = { routed: RunEdge };

export function RunPage({ graph }: { readonly graph: DrawnGraph | null }) {
  const { store } = useRunParts();
  const selected = useRun((state) => state.selected);
  useSelectionInAddress(selected);
  useStatusInTitle();
  return (
    <div className={selected === null ? "run" : "run run--inspected"}>
      <div className="run__top">
        <RunBar />
        <RunProblem />
      </div>
      <div className="run__graph">
        {graph === null ? (
          <p className="panel-note">
            The definition that this run follows can't be read any more, so there is no graph. The nodes are listed
            below.
          </p>
        ) : (
          <GraphCanvas
            graph={graph}
            hasStates
            nodeTypes={NODE_TYPES}
            edgeTypes={EDGE_TYPES}
            mapNode={RunMapNode}
            selected={selected === null ? null : topLevelOf(selected)}
            onSelect={(id) => select(store, id)}
          />
        )}
      </div>
      {selected !== null && <Inspector key={selected} instance={selected} />}
      <Bottom hasGraph={graph !== null} />
    </div>
  );
}

type Tab = "timeline" | "nodes" | "log" | "result";

function Bottom({ hasGraph }: { readonly hasGraph: boolean }) {
  const [tab, setTab] = useState<Tab>(hasGraph ? "timeline" : "nodes");
  const [isFolded, setFolded] = useState(false);
  const [height, setHeight] = useRemembered("flume.run.panel");
  const panel = useRef<HTMLElement>(null);
  const count = useRun((state) => Object.keys(state.nodes).length);
  const items = useMemo(
    () =>
      [
        { key: "timeline", title: "Timeline" },
        { key: "nodes", title: "Nodes", count },
        { key: "log", title: "Log" },
        { key: "result", title: "Result" },
      ] as const,
    [count],
  );
  const fold = (
    <button
      type="button"
      className="button button--plain button--small"
      aria-expanded={!isFolded}
      onClick={() => setFolded(!isFolded)}
    >
      {isFolded ? "Show" : "Hide"}
    </button>
  );
  const show = (key: Tab) => {
    setTab(key);
    setFolded(false);
  };
  return (
    <section
      ref={panel}
      className={isFolded ? "run__bottom run__bottom--folded" : "run__bottom"}
      style={height === null ? undefined : ({ "--panel-height": `${height}px` } as CSSProperties)}
      aria-label="The run over time"
    >
      {!isFolded && <Border panel={panel} above=".run__graph" height={height} onChange={setHeight} />}
      <Tabs label="Views of the run" items={items} active={tab} onChange={show} aside={fold}>
        {tab === "timeline" && <TimelineView />}
        {tab === "nodes" && <NodeTable />}
        {tab === "log" && <LogPane instance={null} />}
        {tab === "result" && <Result />}
      </Tabs>
    </section>
  );
}

function Result() {
  const run = useRun((state) => state.run);
  return (
    <div className="result">
      {run.status === "completed" && <Value label="Output" value={run.output} />}
      {run.status !== "completed" && (
        <p className="panel-note">The run has no output{run.completedAt ? "." : " yet."}</p>
      )}
      <Value label="Trigger" value={run.trigger} />
    </div>
  );
}

/** The address names the node, so that it can be sent to somebody and survives a reload. */
function useSelectionInAddress(selected: string | null): void {
  useEffect(() => {
    const address = new URL(location.href);
    if (selected === null) address.searchParams.delete("node");
    else address.searchParams.set("node", selected);
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  }, [selected]);
}

/** The server wrote "Running: triage 12ab · Flume": its first word follows the run. */
function useStatusInTitle(): void {
  const word = useRun((state) => WORDS[lookOf(state.run)]);
  useEffect(() => {
    document.title = document.title.replace(/^[^:]*/, word);
  }, [word]);
}
