/** Connecting by hand: an edge drawn from a port, one led elsewhere by its end, and a node wanted where one is let go. */

import type { Connection, FinalConnectionState } from "@xyflow/react";
import { useCallback, useEffect, useRef } from "react";
import type { RoutedEdgeType } from "../../graph/RoutedEdge";
import type { Point } from "../../model/routes";
import { flash } from "../../shell/flash";
import { type Ends, objectionTo } from "../document/connecting";
import { connect, reconnect } from "../document/edges";
import type { PipelineView } from "../document/view";
import { change, useEditor, useEditorParts } from "../store";
import { portOf } from "./drawing";
import { GRID } from "./moving";
import type { Flow } from "./viewing";

/** Where a node is wanted: at a place of the screen, and what it shall be connected with. */
export interface Wish {
  readonly screen: Point;
  readonly at: Point | null;
  readonly after?: { readonly from: string; readonly port: string };
  readonly into?: Ends;
  readonly parent: string | null;
}

type Connected = Pick<Connection, "source" | "target"> & { readonly sourceHandle?: string | null | undefined };

/** What React Flow has to be told about connections. */
export function useConnections(flow: Flow | null, onWish: (wish: Wish) => void) {
  const { store, types } = useEditorParts();
  const view = useEditor((state) => state.pipeline.view);
  const led = useRef<RoutedEdgeType | null>(null);

  const objection = useCallback(
    (ends: Connected) => {
      const without = led.current === null ? view : withoutEdge(view, endsOf(led.current));
      return objectionTo(without, types, endsOf(ends));
    },
    [view, types],
  );
  const isValidConnection = useCallback((ends: Connection | RoutedEdgeType) => objection(ends) === null, [objection]);
  const onConnect = (connection: Connection) => {
    const ends = endsOf(connection);
    change(store, { label: `Connect ${ends.from} and ${ends.to}` }, (pipeline) => connect(pipeline, types, ends));
  };
  const onReconnect = (edge: RoutedEdgeType, connection: Connection) => {
    const [old, wanted] = [endsOf(edge), endsOf(connection)];
    if (isSame(old, wanted)) return;
    const label = `Lead ${old.from} to ${wanted.to}`;
    change(store, { label }, (pipeline) => reconnect(pipeline, types, old, wanted));
  };
  const onConnectEnd = (event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
    const { fromHandle, toNode } = state;
    if (state.fromNode == null || fromHandle == null) return;
    if (toNode !== null) {
      const [source, target] = fromHandle.type === "source" ? [state.fromNode, toNode] : [toNode, state.fromNode];
      const sourceHandle = (fromHandle.type === "source" ? fromHandle : state.toHandle)?.id;
      const why = state.isValid === true ? null : objection({ source: source.id, target: target.id, sourceHandle });
      if (why !== null) flash(`${why}.`, "problem");
      return;
    }
    if (led.current !== null || fromHandle.type !== "source") return;
    const from = state.fromNode.id;
    const parent = view.byId.get(from)?.parent ?? null;
    const screen = pointOf(event);
    onWish({ screen, at: placeAt(flow, screen, view, parent), after: { from, port: portOf(fromHandle.id) }, parent });
  };
  return {
    isValidConnection,
    onConnect,
    onConnectEnd,
    onReconnect,
    onReconnectStart: (_: unknown, edge: RoutedEdgeType) => {
      led.current = edge;
    },
    onReconnectEnd: () => {
      led.current = null;
    },
  };
}

/** The button in the middle of an edge asks for a node between its two. */
export function useInsertion(
  around: { readonly current: HTMLElement | null },
  view: PipelineView,
  onWish: (wish: Wish) => void,
): void {
  useEffect(() => {
    const element = around.current;
    const insert = (event: Event) => {
      const into = (event as CustomEvent<Ends>).detail;
      const box = (event.target as Element).getBoundingClientRect();
      onWish({ screen: { x: box.x, y: box.y }, at: null, into, parent: view.byId.get(into.from)?.parent ?? null });
    };
    element?.addEventListener("flume:insert", insert);
    return () => element?.removeEventListener("flume:insert", insert);
  }, [around, view, onWish]);
}

function withoutEdge(view: PipelineView, ends: Ends): PipelineView {
  return { ...view, edges: view.edges.filter((edge) => !isSame(edge, ends)) };
}

function isSame(one: Ends, other: Ends): boolean {
  return one.from === other.from && one.port === other.port && one.to === other.to;
}

function endsOf(connection: Connected & { readonly data?: RoutedEdgeType["data"] }): Ends {
  const port = connection.data?.port ?? portOf(connection.sourceHandle);
  return { from: connection.source, port, to: connection.target };
}

/** Where on the screen it is. */
export function pointOf(event: Pick<MouseEvent, "clientX" | "clientY"> | TouchEvent): Point {
  const touch = "changedTouches" in event ? event.changedTouches[0] : event;
  return { x: touch?.clientX ?? 0, y: touch?.clientY ?? 0 };
}

/** A place of the screen on the canvas; null as long as nothing is placed by hand, and the layout decides. */
export function placeAt(flow: Flow | null, screen: Point, view: PipelineView, parent: string | null): Point | null {
  if (flow === null || parent !== null || view.layout.size === 0) return null;
  return flow.screenToFlowPosition(screen, { snapToGrid: true, snapGrid: GRID });
}
