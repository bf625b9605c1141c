/** Draws the graph of a run, or of a pipeline, into the page that has a place for it. */

import "@xyflow/react/dist/base.css";
import "../styles/graph.css";
import "../styles/run.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Api } from "../api/client";
import type { PipelineDetailRecord } from "../api/schema";
import { Boundary } from "../graph/Boundary";
import { PipelineGraph } from "../graph/PipelineGraph";
import type { DrawnGraph } from "../model/graph";
import type { Snapshot } from "../model/run";
import { RunPage } from "../run/RunPage";
import { createRunStore, followRun, RunContext } from "../run/store";

const RUN = "run-graph";
const PIPELINE = "pipeline-graph";

function drawRun(place: HTMLElement): void {
  const { runId = "", namespace = "default", api: base = "/api/v1", after = "", mayChange } = place.dataset;
  const snapshot = contentOf<Snapshot>("run-data");
  const store = createRunStore(snapshot, new URLSearchParams(location.search).get("node"));
  const parts = { store, api: new Api(base, namespace), runId, namespace, mayChange: mayChange !== "false" };
  createRoot(place).render(
    <StrictMode>
      <Boundary
        what="This run"
        advice="Load the page again; the log of the run is on the page Logs."
        onFailure={() => setReplaced(RUN, false)}
      >
        <RunContext value={parts}>
          <RunPage graph={snapshot.graph} />
        </RunContext>
      </Boundary>
    </StrictMode>,
  );
  followRun(parts, after);
  setReplaced(RUN, true);
}

function drawPipeline(place: HTMLElement): void {
  const { pipeline, graph } = contentOf<{ pipeline: PipelineDetailRecord; graph: DrawnGraph }>("pipeline-data");
  const nodes = (pipeline.definition as { nodes?: readonly { id: string }[] } | null)?.nodes ?? [];
  const definitions = new Map(nodes.map((node) => [node.id, { ...node }]));
  createRoot(place).render(
    <StrictMode>
      <Boundary
        what="The graph of this pipeline"
        advice="Its YAML says what it is made of, and Check finds what is out of order there."
        onFailure={() => setReplaced(PIPELINE, false)}
      >
        <PipelineGraph graph={graph} definitions={definitions} />
      </Boundary>
    </StrictMode>,
  );
  setReplaced(PIPELINE, true);
}

function contentOf<T>(id: string): T {
  return JSON.parse(document.getElementById(id)?.textContent ?? "null") as T;
}

/** Hide, or bring back, what the server put into the page for readers without scripts and the island shows itself. */
function setReplaced(by: string, isReplaced: boolean): void {
  for (const each of document.querySelectorAll<HTMLElement>(`[data-replaced-by="${by}"]`)) each.hidden = isReplaced;
}

const runPlace = document.getElementById(RUN);
if (runPlace !== null) drawRun(runPlace);
const pipelinePlace = document.getElementById(PIPELINE);
if (pipelinePlace !== null) drawPipeline(pipelinePlace);
