"""How the state of a run is written down: nodes, loop items and runs as documents, and back.

Field names are those of the specification. A field is left out where its absence reads back as the same value: None, a
count of 0, no elements. Values of users are JSON text (see `orchestrator.stores.mongo.values`).
"""

from typing import Any

import orjson

from flume.ids import Instance, NodeId, ScopePath, split_scope
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
    RunStatus,
    Scope,
    ScopeOutput,
    SingleOutput,
    Stored,
)
from orchestrator.stores.mongo.values import (
    Document,
    from_date,
    from_json,
    from_some_date,
    to_date,
    to_json,
)

_COUNTS = ("attempt", "answered", "recoveries", "released")
_MOMENTS = {"ready_at": "readyAt", "started_at": "startedAt", "completed_at": "completedAt", "due_at": "dueAt"}
_LOOP_COUNTS = ("succeeded", "failed", "deciding", "gathering")


def from_stored(stored: Stored) -> Document:
    """``{value: JSON text}`` or ``{payload: id, size: bytes}``."""
    if isinstance(stored, PayloadRef):
        return {"payload": stored.id, "size": stored.size}
    return {"value": stored.encoded.decode()}


def to_stored(document: Document) -> Stored:
    """The inverse of `from_stored`."""
    if "payload" in document:
        return PayloadRef(document["payload"], int(document["size"]))
    text: str = document["value"]
    return NULL if text == "null" else Inline(orjson.loads(text), text.encode())


def from_failure(failure: Failure) -> Document:
    """``{code, message, retryable, node}``"""
    return {
        "code": failure.code,
        "message": failure.message,
        "retryable": failure.retryable,
        "node": failure.node,
    }


def to_failure(document: Document) -> Failure:
    """The inverse of `from_failure`."""
    node = document["node"]
    return Failure(
        document["code"], document["message"], document["retryable"], None if node is None else Instance(node)
    )


def from_output(output: ScopeOutput) -> Document:
    """``{of: node, value}`` or ``{each: {node: {value}}}``."""
    if isinstance(output, SingleOutput):
        return {"of": output.node, **from_stored(output.value)}
    return {"each": {node: from_stored(value) for node, value in output.values.items()}}


def to_output(document: Document) -> ScopeOutput:
    """The inverse of `from_output`."""
    if "each" in document:
        return ManyOutputs({NodeId(node): to_stored(value) for node, value in document["each"].items()})
    return SingleOutput(NodeId(document["of"]), to_stored(document))


def from_node(state: NodeState) -> Document:
    """A node's state."""
    document: Document = {"status": state.status.value}
    for name in _COUNTS:
        if count := getattr(state, name):
            document[name] = count
    for name, field in _MOMENTS.items():
        # A moment may be 0: with a clock that a test sets, say.
        if (moment := getattr(state, name)) is not None:
            document[field] = to_date(moment)
    if state.phase is not None:
        document["phase"] = state.phase.value
    if state.port is not None:
        document["port"] = state.port
    if state.output is not None:
        document["output"] = from_stored(state.output)
    if state.meta is not None:
        document["meta"] = to_json(state.meta)
    if state.error is not None:
        document["error"] = from_failure(state.error)
    if state.attempts:
        document["attempts"] = [_from_attempt(attempt) for attempt in state.attempts]
    if state.loop is not None:
        document["loop"] = _from_loop(state.loop)
    return document


def to_node(document: Document) -> NodeState:
    """The inverse of `from_node`."""
    get = document.get
    return NodeState(
        status=NodeStatus(document["status"]),
        attempt=get("attempt", 0),
        answered=get("answered", 0),
        recoveries=get("recoveries", 0),
        released=get("released", False),
        phase=Phase(document["phase"]) if "phase" in document else None,
        ready_at=from_some_date(get("readyAt")),
        started_at=from_some_date(get("startedAt")),
        completed_at=from_some_date(get("completedAt")),
        due_at=from_some_date(get("dueAt")),
        port=get("port"),
        output=to_stored(document["output"]) if "output" in document else None,
        meta=from_json(document["meta"]) if "meta" in document else None,
        error=to_failure(document["error"]) if "error" in document else None,
        attempts=tuple(_to_attempt(attempt) for attempt in get("attempts", ())),
        loop=_to_loop(document["loop"]) if "loop" in document else None,
    )


def item_key(run_id: str, loop: str, position: int) -> str:
    """The ``_id`` of a loop item: those of a loop lie together and in order, those of a run too."""
    return f"{run_id}/{loop}/{position:08}"


def keys_within(prefix: str) -> Document:
    """A condition for every ``_id`` that begins with a run's id, or with a run's id and a loop, before a slash."""
    # The character after a slash is "0".
    return {"$gte": f"{prefix}/", "$lt": f"{prefix}0"}


def from_item(run_id: str, path: ScopePath, scope: Scope, rev: int) -> Document:
    """A loop item, whole. ``rev`` is the revision of its run."""
    loop, position = split_scope(path)
    document: Document = {
        "_id": item_key(run_id, loop, position),
        "rev": rev,
        "loop": loop,
        "position": position,
        "status": scope.status.value,
        "nodes": {node: from_node(state) for node, state in scope.nodes.items()},
    }
    if scope.started_at is not None:
        document["startedAt"] = to_date(scope.started_at)
    if scope.completed_at is not None:
        document["completedAt"] = to_date(scope.completed_at)
    if scope.output is not None:
        document["output"] = from_output(scope.output)
    if scope.error is not None:
        document["error"] = from_failure(scope.error)
    return document


def to_scope(document: Document) -> Scope:
    """What an item holds; ``arrivals`` and ``unsettled`` are for `orchestrator.recovery.restored` to work out."""
    return Scope(
        status=RunStatus(document["status"]),
        nodes={NodeId(node): to_node(state) for node, state in document["nodes"].items()},
        arrivals={},
        unsettled=0,
        started_at=from_some_date(document.get("startedAt")),
        completed_at=from_some_date(document.get("completedAt")),
        output=to_output(document["output"]) if "output" in document else None,
        error=to_failure(document["error"]) if "error" in document else None,
    )


def _from_attempt(attempt: AttemptRecord) -> Document:
    document: Document = {
        "number": attempt.number,
        "startedAt": to_date(attempt.started_at),
        "endedAt": to_date(attempt.ended_at),
    }
    if attempt.error is not None:
        document["error"] = from_failure(attempt.error)
    if attempt.timing is not None:
        document["timing"] = to_json(attempt.timing)
    return document


def _to_attempt(document: Document) -> AttemptRecord:
    return AttemptRecord(
        number=document["number"],
        started_at=from_date(document["startedAt"]),
        ended_at=from_date(document["endedAt"]),
        error=to_failure(document["error"]) if "error" in document else None,
        timing=from_json(document["timing"]) if "timing" in document else None,
    )


def _from_loop(loop: LoopState) -> Document:
    document: Document = {"total": loop.total, "next": loop.next}
    for name in ("active", "redo"):
        if positions := getattr(loop, name):
            document[name] = list(positions)
    for name in _LOOP_COUNTS:
        if count := getattr(loop, name):
            document[name] = count
    if loop.items is not None:
        document["items"] = from_stored(loop.items)
    if loop.last is not None:
        document["last"] = from_output(loop.last)
    return document


def _to_loop(document: Document) -> LoopState:
    counts: dict[str, Any] = {name: document[name] for name in _LOOP_COUNTS if name in document}
    return LoopState(
        total=document["total"],
        next=document["next"],
        active=tuple(document.get("active", ())),
        redo=tuple(document.get("redo", ())),
        items=to_stored(document["items"]) if "items" in document else None,
        last=to_output(document["last"]) if "last" in document else None,
        **counts,
    )
