/** All nodes as a table: what the graph shows, for those who read rather than look. */

import { memo } from "react";
import { useShallow } from "zustand/react/shallow";
import { formatDuration } from "../model/duration";
import { isMoving, lookOf } from "../model/look";
import { own } from "../model/own";
import { loopCount } from "../model/run";
import { nodeElapsed } from "../model/timeline";
import { Pill } from "./RunBar";
import { show, useNow, useRun, useRunParts } from "./store";

export function NodeTable() {
  const ids = useRun(useShallow((state) => Object.keys(state.nodes)));
  return (
    <table className="table table--tight">
      <thead>
        <tr>
          <th scope="col">Node</th>
          <th scope="col">Type</th>
          <th scope="col">Status</th>
          <th scope="col">Attempts</th>
          <th scope="col" className="number">
            Duration
          </th>
          <th scope="col">Why it failed</th>
        </tr>
      </thead>
      <tbody>
        {ids.map((id) => (
          <NodeRow key={id} id={id} />
        ))}
      </tbody>
    </table>
  );
}

const NodeRow = memo(({ id }: { readonly id: string }) => {
  const { store } = useRunParts();
  const node = useRun((state) => own(state.nodes, id));
  const createdAt = useRun((state) => state.run.createdAt);
  const isSelected = useRun((state) => state.selected === id);
  const look = node === undefined ? "pending" : lookOf(node, createdAt);
  const now = useNow(isMoving(look));
  if (node === undefined) return null;
  const took = look === "reused" ? null : nodeElapsed(node, now);
  return (
    <tr aria-selected={isSelected}>
      <td>
        <button type="button" className="link" onClick={() => show(store, id)}>
          {id}
        </button>
      </td>
      <td className="mono soft">{node.type}</td>
      <td>
        <Pill look={look} />
        {node.loop != null && <span className="soft"> {loopCount(node.loop)}</span>}
      </td>
      <td>{node.attempt || ""}</td>
      <td className="number">{took === null ? "" : formatDuration(took)}</td>
      <td className="clip" title={node.error?.message}>
        {node.error?.message ?? ""}
      </td>
    </tr>
  );
});
