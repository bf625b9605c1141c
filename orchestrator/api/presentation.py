"""Runs, nodes and log lines as the API shows them (spec 5): pure functions from what the engine and the store hold.

What these functions give is meant for `to_json` alone: values that a run keeps are put in as the JSON that they have
already, and are not encoded a second time.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from flume.ids import ROOT, Instance, Millis, NodeId, RunId, ScopePath, item_scope
from flume.plan import Plan, PlanNode
from flume.values import JsonObject
from orchestrator.state import (
    AttemptRecord,
    Failure,
    LoopState,
    NodeState,
    NodeStatus,
    PayloadRef,
    Run,
    RunStatus,
    Scope,
    ScopeOutput,
    SingleOutput,
    Stored,
)
from orchestrator.store import LogLine, RunSummary

Record = dict[str, Any]
"""A JSON-able object under the API's names."""

Loaded = Mapping[str, bytes]
"""The JSON of values that are stored apart, by the payload's id. What is not in it is shown as a reference."""

NOTHING_LOADED: Loaded = {}

DEFAULT_NAMESPACE = "default"


def to_json(record: object) -> bytes:
    """The JSON text of what this module gives."""
    return orjson.dumps(record)


def timestamp(at: Millis | None) -> str | None:
    """A moment in RFC 3339, UTC, with milliseconds."""
    if at is None:
        return None
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def run_record(run: Run, rev: int, plan: Plan | None, loaded: Loaded = NOTHING_LOADED) -> Record:
    """A run, whole. Without its plan it has only the nodes that were reached, and their types are unknown."""
    record = run_head(run, rev, loaded)
    record["nodes"] = nodes_record(run, plan, loaded)
    return record


def run_head(run: Run, rev: int, loaded: Loaded = NOTHING_LOADED) -> Record:
    """A run without its nodes."""
    origin, root, trigger = run.origin, run.root, run.origin.trigger
    values = _Values(loaded, run.id, origin.namespace)
    return {
        "id": run.id,
        "namespace": origin.namespace,
        "pipeline": origin.pipeline,
        "pipelineVersion": origin.version,
        "status": root.status.value,
        "trigger": {**trigger.detail, "type": trigger.type, "id": trigger.id, "data": values.of(trigger.data)},
        "inputs": values.of(origin.inputs),
        "output": values.of_output(root.output),
        "error": failure_record(root.error),
        "createdAt": timestamp(origin.created_at),
        "startedAt": timestamp(root.started_at),
        "completedAt": timestamp(root.completed_at),
        "attempt": origin.attempt,
        "retryOf": origin.retry_of,
        "test": origin.test,
        "rev": rev,
        "links": run_links(run.id, origin.namespace, origin.pipeline),
    }


def nodes_record(run: Run, plan: Plan | None, loaded: Loaded = NOTHING_LOADED) -> Record:
    """The nodes of a run's top level by id, in the plan's order."""
    reached = run.root.nodes
    order = reached.keys() if plan is None else plan.root.order
    return {
        node_id: node_record(
            run, ROOT, node_id, None if plan is None else plan.root.nodes[node_id], reached.get(node_id), loaded
        )
        for node_id in order
    }


def node_record(
    run: Run,
    path: ScopePath,
    node_id: NodeId,
    node: PlanNode | None,
    state: NodeState | None,
    loaded: Loaded = NOTHING_LOADED,
) -> Record:
    """A node in a scope of a run. ``state`` None means that nothing has reached it."""
    record: Record = {
        "type": "" if node is None else node.type.name,
        "name": "" if node is None else node.name,
        "status": status_of(run, path, state).value,
    }
    if state is None:
        return {**record, **_UNREACHED}
    values = _Values(loaded, run.id, run.origin.namespace, path)
    record |= {
        "phase": None if state.phase is None else state.phase.value,
        "output": None if state.output is None else values.of(state.output),
        "meta": None if state.meta is None else dict(state.meta),
        "error": failure_record(state.error),
        "port": state.port,
        "attempt": state.attempt,
        "attempts": [_attempt_record(attempt) for attempt in state.attempts],
        "startedAt": timestamp(state.started_at),
        "completedAt": timestamp(state.completed_at),
        "dueAt": timestamp(state.due_at),
    }
    if state.loop is not None:
        record["loop"] = loop_record(state.loop)
    return record


_UNREACHED: Mapping[str, Any] = {
    "phase": None,
    "output": None,
    "meta": None,
    "error": None,
    "port": None,
    "attempt": 0,
    "attempts": [],
    "startedAt": None,
    "completedAt": None,
    "dueAt": None,
}


def status_of(run: Run, path: ScopePath, state: NodeState | None) -> NodeStatus:
    """How far a node is; one that nothing has reached is pending, or cancelled once its scope or the run has ended."""
    if state is not None:
        return state.status
    scope = run.scopes.get(path)
    is_over = run.status.is_ended or (scope is not None and scope.status.is_ended)
    return NodeStatus.CANCELLED if is_over else NodeStatus.PENDING


def loop_record(loop: LoopState) -> Record:
    """How far a loop is; ``total`` None means that its end shows as it goes."""
    return {
        "total": loop.total,
        "started": loop.next,
        "active": len(loop.active),
        "succeeded": loop.succeeded,
        "failed": loop.failed,
    }


def item_record(run: Run, loop: Instance, index: int, item: Scope, loaded: Loaded = NOTHING_LOADED) -> Record:
    """An item of a loop, with its nodes' states and without their values."""
    values = _Values(loaded, run.id, run.origin.namespace, item_scope(loop, index))
    return {
        "index": index,
        "status": item.status.value,
        "output": values.of_output(item.output),
        "error": failure_record(item.error),
        "startedAt": timestamp(item.started_at),
        "completedAt": timestamp(item.completed_at),
        "nodes": {node_id: state.status.value for node_id, state in item.nodes.items()},
    }


def summary_record(summary: RunSummary) -> Record:
    """A run as lists show it."""
    return {
        "id": summary.id,
        "namespace": summary.namespace,
        "pipeline": summary.pipeline,
        "pipelineVersion": summary.version,
        "status": summary.status.value,
        "trigger": {"type": summary.trigger_type, "id": summary.trigger_id},
        "error": None if summary.error is None else dict(summary.error),
        "createdAt": timestamp(summary.created_at),
        "startedAt": timestamp(summary.started_at),
        "completedAt": timestamp(summary.completed_at),
        "attempt": summary.attempt,
        "retryOf": summary.retry_of,
        "test": summary.test,
        "links": run_links(summary.id, summary.namespace, summary.pipeline),
    }


def started_record(run_id: RunId, namespace: str, pipeline: str, status: RunStatus) -> Record:
    """What one who started a run is told at once."""
    return {"id": run_id, "status": status.value, "links": run_links(run_id, namespace, pipeline)}


def failure_record(failure: Failure | None) -> Record | None:
    """``{code, message, node, retryable}``"""
    if failure is None:
        return None
    return {
        "code": failure.code,
        "message": failure.message,
        "node": failure.node,
        "retryable": failure.retryable,
    }


def log_record(line: LogLine) -> Record:
    """A line of a run's log. It is the same line if ``node``, ``attempt`` and ``sequence`` are the same."""
    return {
        "at": timestamp(line.at),
        "level": line.level,
        "node": line.instance,
        "attempt": line.attempt,
        "sequence": line.sequence,
        "message": line.message,
        "fields": dict(line.fields),
    }


def run_path(run_id: RunId, namespace: str) -> str:
    """The address of a run."""
    return f"/api/v1/runs/{run_id}{_in(namespace)}"


def run_links(run_id: RunId, namespace: str, pipeline: str) -> dict[str, str]:
    """Where a run and what belongs to it are found."""
    suffix = _in(namespace)
    base = f"/api/v1/runs/{run_id}"
    return {
        "self": base + suffix,
        "events": f"{base}/events{suffix}",
        "logs": f"{base}/logs{suffix}",
        "graph": f"{base}/graph{suffix}",
        "pipeline": f"/api/v1/pipelines/{quote(pipeline)}{suffix}",
    }


def _attempt_record(attempt: AttemptRecord) -> Record:
    return {
        "number": attempt.number,
        "startedAt": timestamp(attempt.started_at),
        "endedAt": timestamp(attempt.ended_at),
        "error": failure_record(attempt.error),
        "timing": None if attempt.timing is None else dict(attempt.timing),
    }


def _in(namespace: str) -> str:
    return "" if namespace == DEFAULT_NAMESPACE else f"?{urlencode({'namespace': namespace})}"


class _Values:
    """Puts the values of one scope of a run in."""

    __slots__ = ("_loaded", "_namespace", "_path", "_run_id")

    def __init__(self, loaded: Loaded, run_id: RunId, namespace: str, path: ScopePath = ROOT) -> None:
        self._loaded = loaded
        self._run_id = run_id
        self._namespace = namespace
        self._path = path

    def of(self, stored: Stored) -> Any:
        if not isinstance(stored, PayloadRef):
            return orjson.Fragment(stored.encoded)
        content = self._loaded.get(stored.id)
        return self._reference(stored) if content is None else orjson.Fragment(content)

    def of_output(self, output: ScopeOutput | None) -> Any:
        if output is None:
            return None
        if isinstance(output, SingleOutput):
            return self.of(output.value)
        return {node_id: self.of(value) for node_id, value in output.values.items()}

    def _reference(self, ref: PayloadRef) -> JsonObject:
        query: dict[str, str] = {"run": self._run_id}
        if self._path != ROOT:
            query["item"] = self._path
        if self._namespace != DEFAULT_NAMESPACE:
            query["namespace"] = self._namespace
        url = f"/api/v1/payloads/{ref.id}?{urlencode(query)}"
        return {"$payload": {"id": ref.id, "size": ref.size, "url": url}}


def graph_record(run: Run, plan: Plan) -> Record:
    """The graph of a run: ``{nodes, edges}`` with states, each loop with the graph of its body under ``body``.

    A body shows no states: it has as many as the loop has items.
    """
    root = plan.root
    states = run.root.nodes
    nodes = []
    for node_id in root.order:
        record = node_record(run, ROOT, node_id, root.nodes[node_id], states.get(node_id))
        for name in ("output", "meta", "attempts"):
            del record[name]
        nodes.append({"id": node_id, **record, **_drawn(root.nodes[node_id]), **_body_graph(root.nodes[node_id])})
    edges = [
        {**_edge(edge.from_node, edge.to_node, edge.port), "taken": _is_taken(states.get(edge.from_node), edge.port)}
        for node_id in root.order
        for edge in root.nodes[node_id].outgoing
    ]
    return {"id": run.id, "status": run.status.value, "nodes": nodes, "edges": edges}


def _body_graph(node: PlanNode) -> Record:
    if node.loop is None:
        return {}
    body = node.loop.body
    nodes = [
        {
            "id": each,
            "type": body.nodes[each].type.name,
            "name": body.nodes[each].name,
            **_drawn(body.nodes[each]),
            **_body_graph(body.nodes[each]),
        }
        for each in body.order
    ]
    edges = [
        _edge(edge.from_node, edge.to_node, edge.port) for each in body.order for edge in body.nodes[each].outgoing
    ]
    return {"body": {"nodes": nodes, "edges": edges}}


def _drawn(node: PlanNode) -> Record:
    """What a picture of the node shows besides its state."""
    return {"category": node.type.category, "icon": node.type.icon, "maxAttempts": node.retry.attempts}


def _edge(source: NodeId, target: NodeId, port: str) -> Record:
    return {"from": source, "to": target, "port": port}


def _is_taken(state: NodeState | None, port: str) -> bool | None:
    """None as long as it is open."""
    if state is None or not state.status.is_settled:
        return None
    return state.port == port
