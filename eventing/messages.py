"""What an orchestrator and its functions say to each other, as CloudEvents (spec 4.1).

An *invoke* orders one attempt; *completed* and *failed* answer it, under the same event id; *progress* is a sign of life with
what the node told since the last one. The attempt's token proves that an answer comes from whoever got the order. Names of
attributes and keys are documented in `docs/reference/protocol.md` for functions in other languages.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import orjson

from eventing.cloudevents import JSON, CloudEvent, MalformedEventError, read_time, written_time
from eventing.invocations import Answer, Failed, Invocation, LogRecord
from eventing.node_logs import LEVELS, MAX_LOG_FIELD_BYTES, MAX_LOG_MESSAGE, shortened
from flume.ids import Instance, Millis, NodeId, RunId
from flume.nodes.outcomes import Iterate, Result, Sleep
from flume.nodes.types import OUT, NodeType
from flume.values import JsonObject, JsonValue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NODE_EVENTS = "dev.flume.node."
INVOKE = NODE_EVENTS + "invoke"
COMPLETED = NODE_EVENTS + "completed"
FAILED = NODE_EVENTS + "failed"
PROGRESS = NODE_EVENTS + "progress"

MAX_ATTEMPT = 2**31

MAX_CODE = 100
"""Characters of a failure's code."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which attempt a message is about."""

    run_id: RunId
    instance: Instance
    number: int

    def __str__(self) -> str:
        """The id of its invoke and of its answer: ``run.instance.number``."""
        return f"{self.run_id}.{self.instance}.{self.number}"


@dataclass(frozen=True, slots=True)
class Progressed:
    """A sign of life. ``text`` follows the first ``offset`` characters of partial output; ``logs`` have sequence numbers."""

    attempt: Attempt
    token: str = field(repr=False)
    offset: int = 0
    text: str = field(default="", repr=False)
    logs: tuple[LogRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """How an attempt ended, with the log lines that were not sent before. ``execute_ms`` is the time the node took."""

    attempt: Attempt
    token: str = field(repr=False)
    answer: Answer = field(repr=False)
    logs: tuple[LogRecord, ...] = ()
    execute_ms: int = 0


Report: TypeAlias = Progressed | Answered
"""What a function says of an attempt."""


def attempt_of(invocation: Invocation) -> Attempt:
    """The attempt that an invocation orders."""
    return Attempt(invocation.run_id, invocation.instance, invocation.attempt)


def invoke_event(invocation: Invocation, deadline: datetime) -> CloudEvent:
    """The order to run an attempt; after ``deadline`` nobody waits for it."""
    extensions = {
        "flumerun": invocation.run_id,
        "flumenode": invocation.instance,
        "flumenodetype": invocation.node_type.name,
        "flumepipeline": f"{invocation.namespace}/{invocation.pipeline}",
        "flumeattempt": str(invocation.attempt),
        "flumekey": invocation.key,
        "flumehops": str(invocation.hops),
        "partitionkey": invocation.run_id,
    }
    if invocation.traceparent is not None:
        extensions["traceparent"] = invocation.traceparent
    return CloudEvent(
        id=str(attempt_of(invocation)),
        source=f"/flume/{invocation.namespace}/{invocation.pipeline}",
        type=INVOKE,
        subject=f"{invocation.run_id}/{invocation.instance}",
        datacontenttype=JSON,
        extensions=extensions,
        data={
            "config": dict(invocation.config),
            "inputs": dict(invocation.inputs),
            "now": written_time(invocation.now),
            "timeoutMs": round(invocation.timeout.total_seconds() * 1000),
            "deadline": written_time(deadline),
            "secretsNonce": invocation.nonce,
            "token": invocation.token,
        },
    )


def read_invoke(event: CloudEvent, type_named: Callable[[str], NodeType], now: datetime) -> Invocation:
    """The invocation that an invoke event orders; what is left until its deadline bounds its time.

    Raises `MalformedEventError`, and whatever ``type_named`` raises for a type that there is not.
    """
    if event.type != INVOKE:
        raise MalformedEventError(f"expected an event of type {INVOKE}, not {event.type[:100]}")
    data = _object(event.data, "data")
    attempt = _attempt(event)
    if event.id != str(attempt):
        raise MalformedEventError(
            f"the id of this invoke is not '{str(attempt)[:200]}': flumerun, flumenode, flumeattempt"
        )
    namespace, slash, pipeline = event.extensions.get("flumepipeline", "").partition("/")
    if not slash:
        raise MalformedEventError("flumepipeline is not 'namespace/pipeline'")
    timeout = timedelta(milliseconds=_number(data, "timeoutMs", most=10**11))
    left = _moment(data, "deadline") - now
    return Invocation(
        run_id=attempt.run_id,
        namespace=namespace,
        pipeline=pipeline,
        instance=attempt.instance,
        node_id=NodeId(attempt.instance.rpartition(".")[2]),
        node_type=type_named(_text(event.extensions, "flumenodetype")),
        attempt=attempt.number,
        key=_text(event.extensions, "flumekey"),
        config=_object(data.get("config", {}), "config"),
        inputs=_object(data.get("inputs", {}), "inputs"),
        now=_moment(data, "now"),
        timeout=min(timeout, max(left, timedelta(0))),
        nonce=_text(data, "secretsNonce"),
        token=_text(data, "token"),
        hops=_count(event.extensions.get("flumehops", "0"), "flumehops"),
        traceparent=event.extensions.get("traceparent"),
    )


def answer_event(invocation: Invocation, answer: Answer, *, logs: Sequence[LogRecord], execute_ms: int) -> CloudEvent:
    """The event that answers an invocation."""
    match answer:
        case Result():
            kind = COMPLETED
            said: dict[str, JsonValue] = {"output": answer.output, "meta": dict(answer.meta), "port": answer.port}
        case Failed():
            kind, said = FAILED, {"error": _written_failure(answer)}
        case Sleep() | Iterate():
            kind = FAILED
            refused = Failed("bad-output", "a function can't sleep and has no items; it returns what it made")
            said = {"error": _written_failure(refused)}
    data = {**said, "logs": [_written_line(line) for line in logs], "executeMs": execute_ms, "token": invocation.token}
    return _reply(invocation, kind, data)


def failed_instead(answer: CloudEvent, failed: Failed) -> CloudEvent:
    """The event that says of an attempt that it failed, in place of an answer that can't be sent."""
    data = {"error": _written_failure(failed), "logs": [], "executeMs": 0, "token": token_of(answer)}
    return replace(answer, type=FAILED, data=data)


def token_of(event: CloudEvent) -> str:
    """The token in the data of an invoke or a report. Raises `MalformedEventError`."""
    return _text(_object(event.data, "data"), "token")


def progress_event(invocation: Invocation, progressed: Progressed) -> CloudEvent:
    """A sign of life of an attempt."""
    lines = [_written_line(line) for line in progressed.logs]
    data = {"offset": progressed.offset, "text": progressed.text, "logs": lines, "token": invocation.token}
    return _reply(invocation, PROGRESS, data)


def read_report(event: CloudEvent) -> Report:
    """What a function says with an event. Its token was not checked. Raises `MalformedEventError`."""
    data = _object(event.data, "data")
    attempt = _attempt(event)
    token = _text(data, "token")
    logs = tuple(_read_line(line) for line in _list(data.get("logs", []), "logs"))
    match event.type:
        case "dev.flume.node.progress":
            return Progressed(attempt, token, _number(data, "offset"), _text_or_empty(data, "text"), logs)
        case "dev.flume.node.completed":
            meta = _object(data.get("meta") or {}, "meta")
            result = Result(data.get("output"), meta, _text(data, "port") if "port" in data else OUT)
            return Answered(attempt, token, result, logs, _execute_ms(data))
        case "dev.flume.node.failed":
            failed = _read_failure(_object(data.get("error"), "error"))
            return Answered(attempt, token, failed, logs, _execute_ms(data))
        case _:
            raise MalformedEventError(f"'{event.type[:100]}' is nothing that a function says")


def _reply(invocation: Invocation, kind: str, data: JsonObject) -> CloudEvent:
    extensions = {
        "flumerun": invocation.run_id,
        "flumenode": invocation.instance,
        "flumeattempt": str(invocation.attempt),
        "partitionkey": invocation.run_id,
    }
    if invocation.traceparent is not None:
        extensions["traceparent"] = invocation.traceparent
    return CloudEvent(
        id=str(attempt_of(invocation)),
        source=f"/flume/functions/{invocation.node_type.name}",
        type=kind,
        subject=f"{invocation.run_id}/{invocation.instance}",
        datacontenttype=JSON,
        extensions=extensions,
        data=data,
    )


def _written_failure(failed: Failed) -> JsonObject:
    wait = failed.retry_after
    return {
        "code": failed.code,
        "message": failed.message,
        "retryable": failed.retryable,
        "retryAfterMs": None if wait is None else round(wait.total_seconds() * 1000),
        "answered": failed.answered,
    }


def _read_failure(error: JsonObject) -> Failed:
    wait = error.get("retryAfterMs")
    return Failed(
        code=shortened(_text_or_empty(error, "code"), MAX_CODE) or "node-error",
        message=shortened(_text_or_empty(error, "message"), MAX_LOG_MESSAGE)
        or "the function failed and did not say why",
        retryable=error.get("retryable") is True,
        retry_after=None if wait is None else timedelta(milliseconds=_number(error, "retryAfterMs", most=10**10)),
        answered=error.get("answered") is not False,
    )


def _written_line(line: LogRecord) -> JsonObject:
    return {
        "seq": line.sequence,
        "at": written_time(datetime.fromtimestamp(line.at / 1000, UTC)),
        "level": line.level,
        "message": line.message,
        "fields": dict(line.fields),
    }


def _read_line(value: JsonValue) -> LogRecord:
    """A line, in the bounds that hold for nodes of this process too: a function in another language may not know them."""
    line = _object(value, "a line of logs")
    at = Millis((_moment(line, "at") - _EPOCH) // timedelta(milliseconds=1))
    level, message = _text(line, "level"), shortened(_text_or_empty(line, "message"), MAX_LOG_MESSAGE)
    fields = _object(line.get("fields") or {}, "fields")
    if fields and len(orjson.dumps(fields)) > 2 * MAX_LOG_FIELD_BYTES:
        fields = {"dropped": f"fields above {2 * MAX_LOG_FIELD_BYTES:,} bytes"}
    return LogRecord(at, level if level in LEVELS else "info", message, fields, _number(line, "seq"))


def _attempt(event: CloudEvent) -> Attempt:
    run_id, instance = _text(event.extensions, "flumerun"), _text(event.extensions, "flumenode")
    number = _count(_text(event.extensions, "flumeattempt"), "flumeattempt")
    return Attempt(RunId(run_id), Instance(instance), number)


def _execute_ms(data: JsonObject) -> int:
    return _number(data, "executeMs") if "executeMs" in data else 0


def _object(value: Any, name: str) -> JsonObject:
    if not isinstance(value, Mapping):
        raise MalformedEventError(f"{name} is not an object")
    return value


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedEventError(f"{name} is not an array")
    return value


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedEventError(f"{name} is missing or not text")
    return value


def _text_or_empty(values: JsonObject, name: str) -> str:
    value = values.get(name, "")
    if not isinstance(value, str):
        raise MalformedEventError(f"{name} is not text")
    return value


def _number(values: JsonObject, name: str, *, most: int = 10**12) -> int:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise MalformedEventError(f"{name} is not a whole number from 0 to {most}")
    return value


def _count(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) >= MAX_ATTEMPT:
        raise MalformedEventError(f"{name} is not a whole number")
    return int(text)


def _moment(values: JsonObject, name: str) -> datetime:
    moment = read_time(_text(values, name))
    if moment is None:
        raise MalformedEventError(f"{name} is not a moment such as 2026-11-24T09:00:00Z")
    return moment
