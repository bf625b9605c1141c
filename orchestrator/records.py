"""Runs as plain data: the one place where a run's state is turned into JSON-able objects and back.

Stores write what this module gives them; the API shows runs in the same shape with its own names on top. Values kept
inline appear as `orjson.Fragment` when ``raw`` is asked for, so that they are not encoded a second time.
"""

from typing import Any

import orjson

from flume.ids import Instance, Millis, NodeId, PipelineId, RunId
from flume.values import JsonObject
from orchestrator.state import (
    NULL,
    AttemptRecord,
    Failure,
    Inline,
    LoopState,
    ManyOutputs,
    NodeState,
    NodeStatus,
    PayloadRef,
    Phase,
    RunOrigin,
    RunStatus,
    Scope,
    ScopeOutput,
    SingleOutput,
    Stored,
    TriggerRecord,
)

Record = dict[str, Any]
"""A JSON-able object; a key is left out where its absence reads back as the same value: None, a count of 0, no elements."""


def inline(value: object) -> Inline:
    """A value with its JSON. The value must have passed `flume.values.check_value`."""
    return NULL if value is None else Inline(value, orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME))


def from_stored(stored: Stored, *, raw: bool = False) -> Record:
    """``{"value": …}`` or ``{"payload": id, "size": bytes}``."""
    if isinstance(stored, PayloadRef):
        return {"payload": stored.id, "size": stored.size}
    return {"value": orjson.Fragment(stored.encoded) if raw else stored.value}


def to_stored(record: JsonObject) -> Stored:
    """The inverse of `from_stored`."""
    if "payload" in record:
        return PayloadRef(record["payload"], record["size"])
    return inline(record["value"])


def from_failure(failure: Failure) -> Record:
    """``{code, message, retryable, node}``"""
    return {
        "code": failure.code,
        "message": failure.message,
        "retryable": failure.retryable,
        "node": failure.node,
    }


def to_failure(record: JsonObject) -> Failure:
    """The inverse of `from_failure`."""
    node = record.get("node")
    return Failure(
        record["code"],
        record["message"],
        record.get("retryable", False),
        None if node is None else Instance(node),
    )


def from_output(output: ScopeOutput, *, raw: bool = False) -> Record:
    """``{"of": node, "value": …}`` or ``{"each": {node: {"value": …}}}``."""
    if isinstance(output, SingleOutput):
        return {"of": output.node, **from_stored(output.value, raw=raw)}
    return {"each": {node: from_stored(value, raw=raw) for node, value in output.values.items()}}


def to_output(record: JsonObject) -> ScopeOutput:
    """The inverse of `from_output`."""
    if "each" in record:
        return ManyOutputs({NodeId(node): to_stored(value) for node, value in record["each"].items()})
    return SingleOutput(NodeId(record["of"]), to_stored(record))


def from_node(state: NodeState, *, raw: bool = False) -> Record:
    """A node's state, under the names of its fields."""
    record: Record = {"status": state.status.value}
    for name in ("attempt", "answered", "recoveries", "released"):
        value = getattr(state, name)
        if value:
            record[name] = value
    # A moment may be 0: with a clock that a test sets, say.
    for name in ("ready_at", "started_at", "completed_at", "due_at", "port", "meta"):
        value = getattr(state, name)
        if value is not None:
            record[name] = value
    if state.phase is not None:
        record["phase"] = state.phase.value
    if state.output is not None:
        record["output"] = from_stored(state.output, raw=raw)
    if state.error is not None:
        record["error"] = from_failure(state.error)
    if state.attempts:
        record["attempts"] = [_from_attempt(attempt) for attempt in state.attempts]
    if state.loop is not None:
        record["loop"] = _from_loop(state.loop, raw=raw)
    return record


def to_node(record: JsonObject) -> NodeState:
    """The inverse of `from_node`."""
    return NodeState(
        status=NodeStatus(record["status"]),
        attempt=record.get("attempt", 0),
        answered=record.get("answered", 0),
        recoveries=record.get("recoveries", 0),
        released=record.get("released", False),
        phase=Phase(record["phase"]) if "phase" in record else None,
        ready_at=_millis(record, "ready_at"),
        started_at=_millis(record, "started_at"),
        completed_at=_millis(record, "completed_at"),
        due_at=_millis(record, "due_at"),
        port=record.get("port"),
        output=to_stored(record["output"]) if "output" in record else None,
        meta=record.get("meta"),
        error=to_failure(record["error"]) if "error" in record else None,
        attempts=tuple(_to_attempt(attempt) for attempt in record.get("attempts", ())),
        loop=_to_loop(record["loop"]) if "loop" in record else None,
    )


def from_scope(scope: Scope, *, raw: bool = False) -> Record:
    """A loop item, whole: ``{status, nodes: {id: state}, output, error, started_at, completed_at}``."""
    record: Record = {
        "status": scope.status.value,
        "nodes": {node: from_node(state, raw=raw) for node, state in scope.nodes.items()},
    }
    if scope.started_at is not None:
        record["started_at"] = scope.started_at
    if scope.completed_at is not None:
        record["completed_at"] = scope.completed_at
    if scope.output is not None:
        record["output"] = from_output(scope.output, raw=raw)
    if scope.error is not None:
        record["error"] = from_failure(scope.error)
    return record


def to_scope(record: JsonObject) -> Scope:
    """The inverse of `from_scope`; ``arrivals`` and ``unsettled`` are for `orchestrator.recovery.restored` to work out."""
    return Scope(
        status=RunStatus(record["status"]),
        nodes={NodeId(node): to_node(state) for node, state in record["nodes"].items()},
        arrivals={},
        unsettled=0,
        started_at=_millis(record, "started_at"),
        completed_at=_millis(record, "completed_at"),
        output=to_output(record["output"]) if "output" in record else None,
        error=to_failure(record["error"]) if "error" in record else None,
    )


def from_origin(origin: RunOrigin, *, raw: bool = False) -> Record:
    """What a run was made with, without what a store keeps in columns or indexed fields of its own.

    Those are: id, namespace, pipeline id, pipeline, version, created at, start key, attempt, retry of, test, and the
    trigger's type and id.
    """
    record: Record = {
        "data": from_stored(origin.trigger.data, raw=raw),
        "inputs": from_stored(origin.inputs, raw=raw),
    }
    if origin.trigger.detail:
        record["detail"] = dict(origin.trigger.detail)
    if origin.hops:
        record["hops"] = origin.hops
    for name in ("body_hash", "definition", "until", "traceparent"):
        value = getattr(origin, name)
        if value is not None:
            record[name] = value
    if origin.pins:
        record["pins"] = dict(origin.pins)
    return record


def to_origin(
    record: JsonObject,
    *,
    id: str,
    namespace: str,
    pipeline_id: str,
    pipeline: str,
    version: int,
    trigger_type: str,
    trigger_id: str,
    created_at: int,
    start_key: str | None,
    attempt: int,
    retry_of: str | None,
    test: bool,
) -> RunOrigin:
    """The inverse of `from_origin`."""
    until = record.get("until")
    return RunOrigin(
        id=RunId(id),
        namespace=namespace,
        pipeline_id=PipelineId(pipeline_id),
        pipeline=pipeline,
        version=version,
        trigger=TriggerRecord(trigger_type, trigger_id, to_stored(record["data"]), record.get("detail", {})),
        inputs=to_stored(record["inputs"]),
        created_at=Millis(created_at),
        start_key=start_key,
        body_hash=record.get("body_hash"),
        attempt=attempt,
        retry_of=None if retry_of is None else RunId(retry_of),
        test=test,
        definition=record.get("definition"),
        pins={NodeId(node): value for node, value in record.get("pins", {}).items()},
        until=None if until is None else NodeId(until),
        hops=record.get("hops", 0),
        traceparent=record.get("traceparent"),
    )


def _from_attempt(attempt: AttemptRecord) -> Record:
    record: Record = {
        "number": attempt.number,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
    }
    if attempt.error is not None:
        record["error"] = from_failure(attempt.error)
    if attempt.timing is not None:
        record["timing"] = attempt.timing
    return record


def _to_attempt(record: JsonObject) -> AttemptRecord:
    return AttemptRecord(
        number=record["number"],
        started_at=Millis(record["started_at"]),
        ended_at=Millis(record["ended_at"]),
        error=to_failure(record["error"]) if "error" in record else None,
        timing=record.get("timing"),
    )


def _from_loop(loop: LoopState, *, raw: bool) -> Record:
    record: Record = {"total": loop.total, "next": loop.next}
    for name in ("active", "redo"):
        if getattr(loop, name):
            record[name] = list(getattr(loop, name))
    for name in ("succeeded", "failed", "deciding", "gathering"):
        if getattr(loop, name):
            record[name] = getattr(loop, name)
    if loop.items is not None:
        record["items"] = from_stored(loop.items, raw=raw)
    if loop.last is not None:
        record["last"] = from_output(loop.last, raw=raw)
    return record


def _to_loop(record: JsonObject) -> LoopState:
    return LoopState(
        total=record["total"],
        next=record["next"],
        active=tuple(record.get("active", ())),
        redo=tuple(record.get("redo", ())),
        succeeded=record.get("succeeded", 0),
        failed=record.get("failed", 0),
        deciding=record.get("deciding", False),
        gathering=record.get("gathering", False),
        items=to_stored(record["items"]) if "items" in record else None,
        last=to_output(record["last"]) if "last" in record else None,
    )


def _millis(record: JsonObject, name: str) -> Millis | None:
    value = record.get(name)
    return None if value is None else Millis(value)
