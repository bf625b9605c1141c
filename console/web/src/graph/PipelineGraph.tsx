/** The graph of a pipeline, without states, and what the definition says of one node. */

import type { EdgeProps, NodeProps } from "@xyflow/react";
import { createContext, useContext, useState } from "react";
import type { DrawnGraph } from "../model/graph";
import { Value } from "../run/Value";
import { Card } from "./Card";
import { Details } from "./Details";
import { focusCard } from "./focusing";
import { type CardNode, GraphCanvas } from "./GraphCanvas";
import { RoutedEdge, type RoutedEdgeType } from "./RoutedEdge";

const SelectionContext = createContext<string | null>(null);

const NODE_TYPES = { card: PlainCard };
const EDGE_TYPES = { routed: PlainEdge };

export interface PipelineGraphProps {
  readonly graph: DrawnGraph;
  /** The nodes as they are defined, by id. */
  readonly definitions: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

export function PipelineGraph({ graph, definitions }: PipelineGraphProps) {
  const [selected, select] = useState<string | null>(null);
  const definition = selected === null ? undefined : definitions.get(selected);
  const close = () => {
    select(null);
    if (selected !== null) focusCard(selected);
  };
  return (
    <SelectionContext value={selected}>
      <div className={definition === undefined ? "run run--plain" : "run run--plain run--inspected"}>
        <div className="run__graph">
          <GraphCanvas
            graph={graph}
            hasStates={false}
            nodeTypes={NODE_TYPES}
            edgeTypes={EDGE_TYPES}
            selected={selected}
            onSelect={select}
          />
        </div>
        {selected !== null && definition !== undefined && (
          <Details node={selected} onClose={close}>
            <header className="inspector__head">
              <div className="inspector__title">
                <h2 className="clip">{selected}</h2>
                <button type="button" className="button button--plain button--small" onClick={close}>
                  Close
                </button>
              </div>
            </header>
            <div className="tab-panel">
              <Value label="Definition" value={definition} />
            </div>
          </Details>
        )}
      </div>
    </SelectionContext>
  );
}

function PlainCard({ id, data }: NodeProps<CardNode>) {
  const selected = useContext(SelectionContext);
  return (
    <Card
      node={data.node}
      ports={data.ports}
      size={data.size}
      look={null}
      isSelected={selected === id}
      isTabStop={selected === null ? data.isFirst : selected === id}
    >
      {data.node.body != null && (
        <span className="node__loop">
          <span className="node__loop-text">
            <span>Loop of {data.node.body.nodes.map((each) => each.id).join(", ")}</span>
          </span>
        </span>
      )}
    </Card>
  );
}

function PlainEdge(edge: EdgeProps<RoutedEdgeType>) {
  return <RoutedEdge {...edge} flow="open" />;
}
