"""A run as one document: what it was made with, its head, which every commit writes, and its nodes."""

from collections.abc import Mapping

from flume.ids import ROOT, NodeId, PipelineId, RunId, ScopePath
from orchestrator.records import inline
from orchestrator.state import NodeState, Run, RunOrigin, RunStatus, Scope, TriggerRecord
from orchestrator.store import Commit, RunSummary, StoredRun
from orchestrator.stores.mongo.documents import (
    from_failure,
    from_output,
    from_stored,
    to_failure,
    to_node,
    to_output,
    to_stored,
)
from orchestrator.stores.mongo.values import (
    Document,
    from_date,
    from_json,
    from_some_date,
    to_date,
    to_json,
    to_key,
    to_some_date,
)

SUMMARY_FIELDS: Mapping[str, int] = dict.fromkeys(
    (
        "namespace",
        "pipeline",
        "pipelineVersion",
        "status",
        "trigger.type",
        "trigger.id",
        "createdAt",
        "startedAt",
        "completedAt",
        "attempt",
        "retryOf",
        "test",
        "error",
    ),
    1,
)

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)
"""What comes of a document that says something else than this module writes."""


def from_origin(origin: RunOrigin) -> Document:
    """The fields that say what a run was made with. Those that an index leaves out where they are missing are never null."""
    trigger: Document = {"type": origin.trigger.type, "id": origin.trigger.id, "data": from_stored(origin.trigger.data)}
    if origin.trigger.detail:
        trigger["detail"] = to_json(origin.trigger.detail)
    document: Document = {
        "_id": to_key(origin.id),
        "namespace": origin.namespace,
        "pipelineId": to_key(origin.pipeline_id),
        "pipeline": origin.pipeline,
        "pipelineVersion": origin.version,
        "trigger": trigger,
        "inputs": from_stored(origin.inputs),
        "createdAt": to_date(origin.created_at),
        "attempt": origin.attempt,
        "test": origin.test,
    }
    optional = {
        "startKey": origin.start_key,
        "bodyHash": origin.body_hash,
        "retryOf": None if origin.retry_of is None else to_key(origin.retry_of),
        "definition": origin.definition,
        "pins": to_json(origin.pins) if origin.pins else None,
        "until": origin.until,
        "hops": origin.hops or None,
        "traceparent": origin.traceparent,
    }
    return document | {name: value for name, value in optional.items() if value is not None}


def from_head(commit: Commit) -> Document:
    """The fields that every commit writes, besides nodes."""
    run, root = commit.run, commit.run.scopes[ROOT]
    document: Document = {
        "rev": commit.rev,
        "commit": commit.id,
        "status": root.status.value,
        "ended": root.status.is_ended,
        "owner": commit.owner,
        "wakeAt": to_some_date(commit.wake_at),
        "stateVersion": run.state_version,
        "deadlineAt": to_some_date(run.deadline_at),
        "response": run.response,
        "inlineBytes": run.inline_bytes,
        "startedAt": to_some_date(root.started_at),
        "completedAt": to_some_date(root.completed_at),
        "error": None if root.error is None else from_failure(root.error),
        "output": None if root.output is None else from_output(root.output),
    }
    if commit.expires_at is not None:
        document["expiresAt"] = to_date(commit.expires_at)
    return document


def to_stored_run(document: Document, items: Mapping[ScopePath, Scope], damage: str = "") -> StoredRun:
    """The run of a document with the items that are under way; ``damage`` is what was wrong with these."""
    nodes: dict[NodeId, NodeState] = {}
    try:
        if not damage:
            nodes = {NodeId(node): to_node(state) for node, state in document["nodes"].items()}
            run = _run(document, _origin(document), {ROOT: _root(document, nodes), **items})
    except UNREADABLE as error:
        damage = f"{type(error).__name__}: {error}"
    if damage:
        run = _remains(document)
    return StoredRun(
        run=run,
        rev=document["rev"],
        owner=document["owner"],
        wake_at=from_some_date(document["wakeAt"]),
        node_revs=_revs(document.get("nodes")),
        expires_at=from_some_date(document.get("expiresAt")),
        damage=damage,
    )


def to_summary(document: Document) -> RunSummary:
    """A run as lists show it, from `SUMMARY_FIELDS`."""
    retry_of = document.get("retryOf")
    return RunSummary(
        id=RunId(str(document["_id"])),
        namespace=document["namespace"],
        pipeline=document["pipeline"],
        version=document["pipelineVersion"],
        status=RunStatus(document["status"]),
        trigger_type=document["trigger"]["type"],
        trigger_id=document["trigger"]["id"],
        created_at=from_date(document["createdAt"]),
        started_at=from_some_date(document["startedAt"]),
        completed_at=from_some_date(document["completedAt"]),
        attempt=document["attempt"],
        retry_of=None if retry_of is None else RunId(str(retry_of)),
        test=document["test"],
        error=document["error"],
    )


def _run(document: Document, origin: RunOrigin, scopes: Mapping[ScopePath, Scope]) -> Run:
    response = document["response"]
    return Run(
        origin=origin,
        scopes=scopes,
        deadline_at=from_some_date(document["deadlineAt"]),
        response=None if response is None else NodeId(response),
        inline_bytes=document["inlineBytes"],
        state_version=document["stateVersion"],
    )


def _root(document: Document, nodes: Mapping[NodeId, NodeState]) -> Scope:
    return Scope(
        status=RunStatus(document["status"]),
        nodes=nodes,
        arrivals={},
        unsettled=0,
        started_at=from_some_date(document["startedAt"]),
        completed_at=from_some_date(document["completedAt"]),
        output=None if document["output"] is None else to_output(document["output"]),
        error=None if document["error"] is None else to_failure(document["error"]),
    )


def _remains(document: Document) -> Run:
    """What the head alone says of a run, and what it was made with if that can be read."""
    nothing = from_stored(inline(None))
    try:
        origin = _origin(document)
    except UNREADABLE:
        trigger = {name: document["trigger"][name] for name in ("type", "id")}
        bare = {name: document[name] for name in document.keys() - {"pins", "until", "hops", "traceparent"}}
        origin = _origin({**bare, "trigger": {**trigger, "data": nothing}, "inputs": nothing})
    return _run(document, origin, {ROOT: _root({**document, "output": None, "error": None}, {})})


def _revs(nodes: object) -> dict[NodeId, int]:
    if not isinstance(nodes, dict):
        return {}
    return {NodeId(node): state["rev"] for node, state in nodes.items() if isinstance(state, dict) and "rev" in state}


def _origin(document: Document) -> RunOrigin:
    trigger, get = document["trigger"], document.get
    until, retry_of = get("until"), get("retryOf")
    return RunOrigin(
        id=RunId(str(document["_id"])),
        namespace=document["namespace"],
        pipeline_id=PipelineId(str(document["pipelineId"])),
        pipeline=document["pipeline"],
        version=document["pipelineVersion"],
        trigger=TriggerRecord(
            trigger["type"],
            trigger["id"],
            to_stored(trigger["data"]),
            from_json(trigger["detail"]) if "detail" in trigger else {},
        ),
        inputs=to_stored(document["inputs"]),
        created_at=from_date(document["createdAt"]),
        start_key=get("startKey"),
        body_hash=get("bodyHash"),
        attempt=document["attempt"],
        retry_of=None if retry_of is None else RunId(str(retry_of)),
        test=document["test"],
        definition=get("definition"),
        pins={NodeId(node): value for node, value in from_json(get("pins", "{}")).items()},
        until=None if until is None else NodeId(until),
        hops=get("hops", 0),
        traceparent=get("traceparent"),
    )
