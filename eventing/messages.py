"""What an orchestrator and its functions say to each other, as CloudEvents (spec 4.1).

An *invoke* orders one attempt; *completed* and *failed* answer it, under the same event id; *progress* is a sign of life with
what the node told since the last one. The attempt's token proves that an answer comes from whoever got the order. Names of
attributes and keys are documented in `docs/reference/protocol.md` for functions in other languages.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeAlias

import orjson

from eventing.cloudevents import JSON, CloudEvent, written_time
from eventing.invocations import Answer, Failed, Invocation, LogRecord
from eventing.message_fields import list_of, object_of, text_of
from eventing.moments import as_text, holds_none
from flume.ids import Instance, RunId
from flume.nodes.outcomes import Iterate, Result, Sleep
from flume.values import JsonObject, JsonValue

NODE_EVENTS = "dev.flume.node."
INVOKE = NODE_EVENTS + "invoke"
COMPLETED = NODE_EVENTS + "completed"
FAILED = NODE_EVENTS + "failed"
PROGRESS = NODE_EVENTS + "progress"

RUN_EVENTS = "dev.flume.run."
"""What the types of events about runs begin with, which are for whoever listens for them."""

FUNCTION = "flumefunction"
"""The extension by which an order names its function; orders for functions of this machine have none."""

MAX_KEPT_LOGS = 32 * 1024
"""Bytes of log lines that go with a failure which stands in for an answer: small enough to travel in any case."""


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
    """How an attempt ended, with the log lines that were not sent before. ``execute_ms`` is the time the node took.

    ``ready_ms`` is how long its process had been ready when the work began; None if it does not say.
    """

    attempt: Attempt
    token: str = field(repr=False)
    answer: Answer = field(repr=False)
    logs: tuple[LogRecord, ...] = ()
    execute_ms: int = 0
    ready_ms: int | None = None


Report: TypeAlias = Progressed | Answered
"""What a function says of an attempt."""


def attempt_of(invocation: Invocation) -> Attempt:
    """The attempt that an invocation orders."""
    return Attempt(invocation.run_id, invocation.instance, invocation.attempt)


def plain_values(invocation: Invocation) -> JsonObject | None:
    """Its config and inputs as an order holds them, if they can go as they are; else None. This is fast."""
    values = {"config": dict(invocation.config), "inputs": dict(invocation.inputs)}
    return values if holds_none(values) else None


def written_values(invocation: Invocation) -> JsonObject:
    """Its config and inputs as an order holds them, and where in them moments are. This copies them, in any thread."""
    moments: list[str] = []
    values = {
        "config": as_text(invocation.config, "/config", moments),
        "inputs": as_text(invocation.inputs, "/inputs", moments),
    }
    return {**values, "moments": moments} if moments else values


def invoke_event(invocation: Invocation, deadline: datetime, values: JsonObject | None = None) -> CloudEvent:
    """The order to run an attempt; after ``deadline`` nobody waits for it.

    ``values`` are those of `plain_values` or `written_values`, for who has them already.
    """
    values = values or plain_values(invocation) or written_values(invocation)
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
    if invocation.function:
        extensions[FUNCTION] = invocation.function
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
            **values,
            "now": written_time(invocation.now),
            "timeoutMs": round(invocation.timeout.total_seconds() * 1000),
            "deadline": written_time(deadline),
            "secretsNonce": invocation.nonce,
            "token": invocation.token,
        },
    )


def with_deadline(order: CloudEvent, deadline: datetime) -> CloudEvent:
    """The same order with another deadline."""
    return replace(order, data={**object_of(order.data, "data"), "deadline": written_time(deadline)})


def answer_event(
    invocation: Invocation, answer: Answer, *, logs: Sequence[LogRecord], execute_ms: int, ready_ms: int | None = None
) -> CloudEvent:
    """The event that answers an invocation. ``ready_ms`` is as in `Answered`."""
    kind, said = answer_data(answer, logs=logs, execute_ms=execute_ms, ready_ms=ready_ms)
    return _reply(invocation, kind, {**said, "token": invocation.token})


def answer_data(
    answer: Answer, *, logs: Sequence[LogRecord], execute_ms: int, ready_ms: int | None = None
) -> tuple[str, JsonObject]:
    """The type of the event that tells an answer, and its data except for the token; `read_answered` reads it."""
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
    told = {"executeMs": execute_ms, **({} if ready_ms is None else {"readyMs": ready_ms})}
    return kind, {**said, "logs": [_written_line(line) for line in logs], **told}


def failed_instead(answer: CloudEvent, failed: Failed) -> CloudEvent:
    """The event that says of an attempt that it failed, in place of an answer that can't be sent.

    The first lines of its log go with it, as many as fit into `MAX_KEPT_LOGS` bytes.
    """
    told = object_of(answer.data, "data")
    data = {
        "error": _written_failure(failed),
        "logs": list(_first(list_of(told.get("logs", []), "logs"))),
        "executeMs": told.get("executeMs", 0),
        **({"readyMs": told["readyMs"]} if "readyMs" in told else {}),
        "token": token_of(answer),
    }
    return replace(answer, type=FAILED, data=data)


def _first(lines: Sequence[JsonValue]) -> Iterator[JsonValue]:
    left = MAX_KEPT_LOGS
    for line in lines:
        left -= len(orjson.dumps(line)) + 1
        if left < 0:
            return
        yield line


def token_of(event: CloudEvent) -> str:
    """The token in the data of an invoke or a report. Raises `MalformedEventError`."""
    return text_of(object_of(event.data, "data"), "token")


def progress_event(invocation: Invocation, progressed: Progressed) -> CloudEvent:
    """A sign of life of an attempt."""
    lines = [_written_line(line) for line in progressed.logs]
    data = {"offset": progressed.offset, "text": progressed.text, "logs": lines, "token": invocation.token}
    return _reply(invocation, PROGRESS, data)


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


def _written_line(line: LogRecord) -> JsonObject:
    return {
        "seq": line.sequence,
        "at": written_time(datetime.fromtimestamp(line.at / 1000, UTC)),
        "level": line.level,
        "message": line.message,
        "fields": dict(line.fields),
    }
