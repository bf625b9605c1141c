/** A node on the editor's canvas: ports to connect, what is wrong with it, and how it did in the latest test run. */

import {
  EdgeLabelRenderer,
  type EdgeProps,
  Handle,
  type MiniMapNodeProps,
  type Node,
  type NodeProps,
  Position,
} from "@xyflow/react";
import { Plus, TriangleAlert } from "lucide-react";
import { useMemo } from "react";
import { useStore } from "zustand";
import { Card } from "../../graph/Card";
import { kindOf, LookIcon, TypeIcon } from "../../graph/icons";
import { RoutedEdge, type RoutedEdgeType } from "../../graph/RoutedEdge";
import { elapsed, formatDuration } from "../../model/duration";
import type { CardSize } from "../../model/graph";
import { lookOf, toneOf, WORDS } from "../../model/look";
import { own } from "../../model/own";
import { flowOf, loopCount } from "../../model/run";
import type { RunParts } from "../../run/store";
import { ERROR_PORT } from "../document/connecting";
import { problemsByNode } from "../problems";
import { useEditor, useEditorParts } from "../store";
import type { ShapeNode } from "./shape";

export type EditorNode = Node<
  { readonly node: ShapeNode; readonly size: CardSize; readonly isFirst: boolean },
  "card" | "frame"
>;

export function EditorCard(props: NodeProps<EditorNode>) {
  const run = useEditor((state) => state.run);
  return run === null ? <Drawn {...props} state={null} /> : <Running {...props} run={run} />;
}

interface StateOfNode {
  readonly look: ReturnType<typeof lookOf>;
  readonly says: string | undefined;
  readonly took: string;
  readonly port: string | null;
}

function Running({ run, ...props }: NodeProps<EditorNode> & { readonly run: RunParts }) {
  const record = useStore(run.store, (state) => own(state.nodes, props.id));
  const createdAt = useStore(run.store, (state) => state.run.createdAt);
  const text = useStore(run.store, (state) => state.texts.get(props.id)?.text.slice(-26).replace(/\s+/g, " "));
  const body = useEditor((state) => state.bodies.get(props.id));
  if (record === undefined) {
    const look = body && lookOf(body);
    return <Drawn {...props} state={look ? { look, says: undefined, took: "", port: null } : null} />;
  }
  const look = lookOf(record, createdAt);
  const took = record.completedAt === null ? null : elapsed(record, Date.now());
  const says = look === "running" ? text : undefined;
  return (
    <Drawn {...props} state={{ look, says, took: took === null ? "" : formatDuration(took), port: record.port }} />
  );
}

function Drawn({ id, data, state }: NodeProps<EditorNode> & { readonly state: StateOfNode | null }) {
  const { types } = useEditorParts();
  const { node, size } = data;
  const { ports } = node;
  const isSelected = useEditor((editor) => editor.selected.has(id));
  const isTabStop = useEditor((editor) => (editor.selected.size === 0 ? data.isFirst : editor.selected.has(id)));
  const problems = useEditor((editor) => problemsByNode(editor).get(id));
  const isPinned = useEditor((editor) => editor.pins.has(id));
  const type = types.get(node.type);
  const drawn = useMemo(
    () => ({ id, type: node.type, name: node.name, category: type?.category ?? "", icon: type?.icon ?? "" }),
    [id, node.type, node.name, type],
  );
  const mark = (
    <>
      {isPinned && <span className="node__pin">pinned</span>}
      {state?.took && <span className="node__time">{state.took}</span>}
      {problems !== undefined && (
        <span className="node__problem" title={problems.join("\n")}>
          <TriangleAlert size={15} aria-hidden />
          <span className="hidden-text">{problems.length === 1 ? "1 problem" : `${problems.length} problems`}</span>
        </span>
      )}
    </>
  );
  return (
    <>
      <Card
        node={drawn}
        ports={ports}
        size={size}
        look={state?.look ?? null}
        left={state?.port ?? null}
        says={state?.says}
        isSelected={isSelected}
        isTabStop={isTabStop}
        isConnectable
        mark={mark}
      />
      <ErrorPort isUsed={ports.includes(ERROR_PORT)} />
    </>
  );
}

/** The way out of a failure that no edge uses yet: seen when it may be wanted. */
function ErrorPort({ isUsed }: { readonly isUsed: boolean }) {
  if (isUsed) return null;
  return (
    <Handle
      type="source"
      id={ERROR_PORT}
      position={Position.Bottom}
      className="port port--spare"
      title="error: drag from here to what follows a failure"
    />
  );
}

/** A loop: a frame around the nodes of its body. */
export function LoopFrame({ id, data, width, height }: NodeProps<EditorNode>) {
  const { types } = useEditorParts();
  const isSelected = useEditor((editor) => editor.selected.has(id));
  const isTabStop = useEditor((editor) => (editor.selected.size === 0 ? data.isFirst : editor.selected.has(id)));
  const problems = useEditor((editor) => problemsByNode(editor).get(id));
  const run = useEditor((editor) => editor.run);
  const isEmpty = useEditor((editor) => !editor.pipeline.view.nodes.some((node) => node.parent === id));
  const { node } = data;
  const type = types.get(node.type);
  return (
    <div className={isSelected ? "frame-node frame-node--selected" : "frame-node"} style={{ width, height }}>
      <Handle type="target" position={Position.Left} className="port" isConnectable />
      <button
        type="button"
        className="frame-node__head"
        data-node={id}
        tabIndex={isTabStop ? 0 : -1}
        aria-pressed={isSelected}
      >
        <span className={kindOf(type?.category)}>
          <TypeIcon name={type?.icon} />
        </span>
        <span className="node__names">
          <span className="node__name">{node.name || id}</span>
          <span className="node__type">{node.repetition}</span>
        </span>
        {run !== null && <LoopState run={run} id={id} />}
        {problems !== undefined && (
          <span className="node__problem" title={problems.join("\n")}>
            <TriangleAlert size={15} aria-hidden />
            <span className="hidden-text">{problems.length} problems</span>
          </span>
        )}
      </button>
      {isEmpty && <p className="frame-node__empty">Drop a node here</p>}
      <Handle type="source" id="" position={Position.Right} className="port" isConnectable />
      <ErrorPort isUsed={false} />
    </div>
  );
}

/** How far a loop is, and which of its items the cards in it show. */
function LoopState({ run, id }: { readonly run: RunParts; readonly id: string }) {
  const record = useStore(run.store, (state) => own(state.nodes, id));
  const inner = useEditor((state) => state.bodies.get(id));
  const shown = useEditor(({ bodies, pipeline }) => {
    const child = pipeline.view.nodes.find((node) => node.parent === id && bodies.has(node.id));
    return child === undefined ? undefined : bodies.get(child.id)?.index;
  });
  const state = record ?? inner;
  if (state === undefined) return null;
  const look = lookOf(state);
  return (
    <span className={`frame-node__state ${toneOf(look)}`}>
      <LookIcon look={look} />
      {WORDS[look]}
      {record?.loop != null && `, ${loopCount(record.loop)}`}
      {shown !== undefined && <span className="soft">shows item {shown}</span>}
    </span>
  );
}

export function EditorEdge(edge: EdgeProps<RoutedEdgeType>) {
  const run = useEditor((state) => state.run);
  const isSelected = useEditor((state) => state.selectedEdge === edge.id);
  return (
    <>
      {run === null ? (
        <RoutedEdge {...edge} flow="open" isEditable isSelected={isSelected} />
      ) : (
        <RunningEdge {...edge} run={run} isSelected={isSelected} />
      )}
      {isSelected && <InsertButton edge={edge} />}
    </>
  );
}

function RunningEdge({
  run,
  isSelected,
  ...edge
}: EdgeProps<RoutedEdgeType> & { readonly run: RunParts; readonly isSelected: boolean }) {
  const flow = useStore(run.store, ({ nodes }) => {
    const { source: from, target: to } = edge;
    return flowOf({ from, to, port: edge.data?.port ?? "" }, own(nodes, from), own(nodes, to));
  });
  return <RoutedEdge {...edge} flow={flow} isEditable isSelected={isSelected} />;
}

/** In the middle of a selected edge: puts a node between its two. */
function InsertButton({ edge }: { readonly edge: EdgeProps<RoutedEdgeType> }) {
  const x = (edge.sourceX + edge.targetX) / 2;
  const y = (edge.sourceY + edge.targetY) / 2;
  const detail = { from: edge.source, to: edge.target, port: edge.data?.port ?? "out" };
  return (
    <EdgeLabelRenderer>
      <button
        type="button"
        className="button button--icon button--small insert nodrag nopan"
        style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
        aria-label={`Add a node between ${edge.source} and ${edge.target}`}
        onClick={(event) =>
          event.currentTarget.dispatchEvent(new CustomEvent("flume:insert", { bubbles: true, detail }))
        }
      >
        <Plus size={14} aria-hidden />
      </button>
    </EdgeLabelRenderer>
  );
}

/** A node on the map, in the color of its kind. */
export function MapNode({ id, x, y, width, height }: MiniMapNodeProps) {
  const { types } = useEditorParts();
  const type = useEditor((state) => state.pipeline.view.byId.get(id)?.type ?? "");
  const isSelected = useEditor((state) => state.selected.has(id));
  const kind = kindOf(types.get(type)?.category).replace(/^kind /, "");
  return (
    <rect
      className={isSelected ? `map-kind map-kind--selected ${kind}` : `map-kind ${kind}`}
      x={x}
      y={y}
      width={width}
      height={height}
      rx={8}
    />
  );
}
