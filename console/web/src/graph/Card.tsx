/** A node on the canvas: what it is, its ways out and, in a run, how it stands. */

import { Handle, Position, type ReactFlowState, useStore } from "@xyflow/react";
import type { ReactNode } from "react";
import { type CardSize, type DrawnNode, portTop } from "../model/graph";
import { isIdle, type Look, toneOf, WORDS } from "../model/look";
import { kindOf, LookIcon, TypeIcon } from "./icons";

/** How much of a card can be seen: all of it, a colored block with its name, or only the block. */
export type Detail = "near" | "far" | "farthest";

export function detailOf(flow: ReactFlowState): Detail {
  const zoom = flow.transform[2];
  if (zoom < 0.18) return "farthest";
  return zoom < 0.4 ? "far" : "near";
}

export interface CardProps {
  readonly node: DrawnNode;
  readonly ports: readonly string[];
  readonly size: CardSize;
  /** Null on a pipeline's graph, which has no states. */
  readonly look: Look | null;
  /** The port by which the node left. */
  readonly left?: string | null;
  /** What the node says right now; it stands in the place of the type. */
  readonly says?: string | undefined;
  readonly isSelected: boolean;
  /** Whether Tab leads here: to one card of the graph, from which arrow keys go on. */
  readonly isTabStop: boolean;
  /** Whether edges can be drawn from and to its ports: in the editor. */
  readonly isConnectable?: boolean;
  /** What is wrong with the node, as the editor marks it. */
  readonly mark?: ReactNode;
  readonly children?: ReactNode;
}

export function Card(props: CardProps) {
  const { node, ports, size, look, isSelected, isTabStop, isConnectable = false } = props;
  const detail = useStore(detailOf);
  const classes = ["node"];
  if (look !== null) classes.push("node--state", toneOf(look));
  if (detail !== "near") classes.push("node--far");
  if (look !== null && isIdle(look)) classes.push("node--idle");
  if (look === "running") classes.push("node--moving");
  if (look === "failed") classes.push("node--failed");
  return (
    <>
      <Handle type="target" position={Position.Left} className="port" isConnectable={isConnectable} />
      <button
        type="button"
        className={classes.join(" ")}
        style={{ width: size.width, height: size.height }}
        data-node={node.id}
        tabIndex={isTabStop ? 0 : -1}
        aria-pressed={isSelected}
      >
        {detail === "near" ? <Near {...props} /> : <Block node={node} look={look} hasName={detail === "far"} />}
      </button>
      {ports.length === 0 ? (
        <SourcePort port="" top={size.height / 2} isLeft={props.left != null} isConnectable={isConnectable} />
      ) : (
        ports.map((port) => (
          <SourcePort
            key={port}
            port={port}
            top={portTop(ports, port, size.height)}
            isLeft={props.left === port}
            isConnectable={isConnectable}
          />
        ))
      )}
    </>
  );
}

interface BlockProps {
  readonly node: DrawnNode;
  readonly look: Look | null;
  readonly hasName: boolean;
}

function Block({ node, look, hasName }: BlockProps) {
  return (
    <span className={hasName ? "node__far" : "hidden-text"}>
      {node.name || node.id}
      {look !== null && <span className="hidden-text">, {WORDS[look]}</span>}
    </span>
  );
}

function Near({ node, ports, look, left, says, mark, children }: CardProps) {
  return (
    <>
      <span className="node__head">
        <span className={kindOf(node.category)}>
          <TypeIcon name={node.icon} />
        </span>
        <span className="node__names">
          <span className="node__name">{node.name || node.id}</span>
          {says === undefined ? (
            <span className="node__type">{node.name ? `${node.id} · ${node.type}` : node.type}</span>
          ) : (
            <span className="node__says" aria-hidden="true">
              {says}
            </span>
          )}
        </span>
        {mark}
        {look !== null && (
          <span className="node__mark">
            <LookIcon look={look} />
          </span>
        )}
      </span>
      {ports.length > 0 && (
        <span className="node__ports">
          {ports.map((port) => (
            <span key={port} className={left === port ? "node__port node__port--left" : "node__port"}>
              {port}
            </span>
          ))}
        </span>
      )}
      {children}
    </>
  );
}

interface SourcePortProps {
  readonly port: string;
  readonly top: number;
  readonly isLeft: boolean;
  readonly isConnectable: boolean;
}

function SourcePort({ port, top, isLeft, isConnectable }: SourcePortProps) {
  return (
    <Handle
      type="source"
      id={port}
      position={Position.Right}
      className={isLeft ? "port port--left" : "port"}
      style={{ top }}
      isConnectable={isConnectable}
    />
  );
}
