"""Records as lines of JSON, and back: ``{"run": {…}}``. A line holds one record; the names in it are those of its fields.

Values of users stand in a line as what they are; payloads and keys, which may be any bytes, in base64.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, assert_never

import orjson

from flume.ids import ROOT, Instance, NodeId, RunId
from flume.pipeline import PipelineStatus
from orchestrator.records import from_origin, from_scope, to_origin, to_scope
from orchestrator.state import Run
from orchestrator.store import (
    Audience,
    AuditEntry,
    InboxEntry,
    LogLine,
    OutboxEntry,
    PackagedTypeRecord,
    Payload,
    PipelineRecord,
    Schedule,
    StoredRun,
    VersionRecord,
)
from orchestrator.transfer.store import HeldPayload, Item, Key, Line, Record

Body = dict[str, Any]

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)
"""What `decode` raises for a line that holds no record."""

KINDS: Mapping[type[Record], str] = {
    Key: "key",
    PackagedTypeRecord: "node-type",
    PipelineRecord: "pipeline",
    VersionRecord: "version",
    Schedule: "schedule",
    StoredRun: "run",
    Item: "item",
    Line: "log",
    InboxEntry: "inbox",
    HeldPayload: "payload",
    OutboxEntry: "outbox",
    AuditEntry: "audit",
}
"""What each record is called in a line, in the order in which an export holds them."""

_OF_ORIGIN = (
    "id",
    "namespace",
    "pipeline_id",
    "pipeline",
    "version",
    "created_at",
    "start_key",
    "attempt",
    "retry_of",
    "test",
)

_OF_RUN = ("deadline_at", "response", "inline_bytes", "state_version")

_OF_STORED = ("rev", "owner", "wake_at", "expires_at", "node_revs")


def encode(record: Record) -> bytes:
    """The line of a record, with its end."""
    body = {KINDS[type(record)]: _body(record)}
    return orjson.dumps(body, default=_as_plain, option=orjson.OPT_APPEND_NEWLINE)


def decode(line: bytes) -> Record:
    """The inverse of `encode`. Raises one of `UNREADABLE`."""
    ((kind, body),) = orjson.loads(line).items()
    return _READERS[kind](body)


def _body(record: Record) -> Body:
    match record:
        case Key():
            return {"name": record.name, "content": _to_base64(record.content)}
        case StoredRun():
            return _from_run(record)
        case Item():
            place = {"run_id": record.run_id, "loop": record.loop, "position": record.position}
            return {**place, "scope": from_scope(record.scope, raw=True)}
        case Line():
            return {"run_id": record.run_id, **_fields(record.line)}
        case HeldPayload():
            return _from_payload(record)
        case PackagedTypeRecord() | PipelineRecord() | VersionRecord() | Schedule():
            return _fields(record)
        case InboxEntry() | OutboxEntry() | AuditEntry():
            return _fields(record)
        case _:
            assert_never(record)


def _fields(record: Any) -> Body:
    return {each.name: getattr(record, each.name) for each in fields(record)}


def _from_run(stored: StoredRun) -> Body:
    origin = stored.run.origin
    return {
        **{name: getattr(origin, name) for name in _OF_ORIGIN},
        "trigger_type": origin.trigger.type,
        "trigger_id": origin.trigger.id,
        "origin": from_origin(origin, raw=True),
        **{name: getattr(stored.run, name) for name in _OF_RUN},
        **{name: getattr(stored, name) for name in _OF_STORED},
        "root": from_scope(stored.run.root, raw=True),
    }


def _to_run(body: Body) -> StoredRun:
    made_with = {name: body[name] for name in (*_OF_ORIGIN, "trigger_type", "trigger_id")}
    return StoredRun(
        run=Run(
            origin=to_origin(body["origin"], **made_with),
            scopes={ROOT: to_scope(body["root"])},
            **{name: body[name] for name in _OF_RUN},
        ),
        **{name: body[name] for name in _OF_STORED if name != "node_revs"},
        node_revs={NodeId(node): rev for node, rev in body["node_revs"].items()},
    )


def _from_payload(held: HeldPayload) -> Body:
    payload = held.payload
    return {
        "id": payload.id,
        "content_type": payload.content_type,
        "holders": held.holders,
        "content": _to_base64(payload.content),
    }


def _to_payload(body: Body) -> HeldPayload:
    payload = Payload(body["id"], b64decode(body["content"], validate=True), body["content_type"])
    return HeldPayload(payload, tuple(map(RunId, body["holders"])))


def _to_pipeline(body: Body) -> PipelineRecord:
    lists = {name: tuple(body[name]) for name in ("triggers", "disabled_triggers")}
    return PipelineRecord(**{**body, **lists, "status": PipelineStatus(body["status"])})


def _to_item(body: Body) -> Item:
    return Item(RunId(body["run_id"]), Instance(body["loop"]), body["position"], to_scope(body["scope"]))


def _to_line(body: Body) -> Line:
    rest = {name: value for name, value in body.items() if name != "run_id"}
    return Line(RunId(body["run_id"]), LogLine(**rest))


_READERS: Mapping[str, Callable[[Body], Record]] = {
    "key": lambda body: Key(body["name"], b64decode(body["content"], validate=True)),
    "node-type": lambda body: PackagedTypeRecord(**body),
    "pipeline": _to_pipeline,
    "version": lambda body: VersionRecord(**body),
    "schedule": lambda body: Schedule(**body),
    "run": _to_run,
    "item": _to_item,
    "log": _to_line,
    "inbox": lambda body: InboxEntry(**body),
    "payload": _to_payload,
    "outbox": lambda body: OutboxEntry(**{**body, "audience": Audience(body["audience"])}),
    "audit": lambda body: AuditEntry(**body),
}


def _to_base64(content: bytes) -> str:
    return b64encode(content).decode("ascii")


def _as_plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is not JSON")
