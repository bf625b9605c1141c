"""Reads what `eventing.messages` writes, and what functions in other languages write: nothing in it is taken for granted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import orjson

from eventing.cloudevents import CloudEvent, MalformedEventError
from eventing.invocations import MAX_FAILURE_MESSAGE, Answer, Failed, Invocation, LogRecord
from eventing.message_fields import count_of, list_of, moment_of, number_of, object_of, text_of, text_or_empty
from eventing.messages import INVOKE, PROGRESS, Answered, Attempt, Progressed, Report
from eventing.moments import restore
from eventing.node_logs import LEVELS, MAX_LOG_FIELD_BYTES, MAX_LOG_MESSAGE, shortened
from flume.ids import Instance, Millis, NodeId, RunId
from flume.nodes.outcomes import Result
from flume.nodes.types import OUT, NodeType
from flume.values import JsonObject, JsonValue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MAX_CODE = 100
"""Characters of a failure's code."""


def read_attempt(text: str) -> Attempt:
    """The attempt of an event's id, ``run.instance.number``. Raises `MalformedEventError`."""
    run_id, _, rest = text.partition(".")
    instance, _, number = rest.rpartition(".")
    if not (run_id and instance):
        raise MalformedEventError("expected the id of an attempt's event: run.instance.number")
    return Attempt(RunId(run_id), Instance(instance), count_of(number, "the attempt's number"))


def read_invoke(event: CloudEvent, type_named: Callable[[str], NodeType], now: datetime) -> Invocation:
    """The invocation that an invoke event orders; what is left until its deadline bounds its time.

    Raises `MalformedEventError`, and whatever ``type_named`` raises for a type that there is not.
    """
    if event.type != INVOKE:
        raise MalformedEventError(f"expected an event of type {INVOKE}, not {event.type[:100]}")
    data = object_of(event.data, "data")
    attempt = attempt_in(event)
    if event.id != str(attempt):
        raise MalformedEventError(
            f"the id of this invoke is not '{str(attempt)[:200]}': flumerun, flumenode, flumeattempt"
        )
    namespace, slash, pipeline = event.extensions.get("flumepipeline", "").partition("/")
    if not slash:
        raise MalformedEventError("flumepipeline is not 'namespace/pipeline'")
    timeout = timedelta(milliseconds=number_of(data, "timeoutMs", most=10**11))
    left = moment_of(data, "deadline") - now
    values = {
        "config": object_of(data.get("config", {}), "config"),
        "inputs": object_of(data.get("inputs", {}), "inputs"),
    }
    restore(values, list_of(data.get("moments", []), "moments"))
    return Invocation(
        run_id=attempt.run_id,
        namespace=namespace,
        pipeline=pipeline,
        instance=attempt.instance,
        node_id=NodeId(attempt.instance.rpartition(".")[2]),
        node_type=type_named(text_of(event.extensions, "flumenodetype")),
        attempt=attempt.number,
        key=text_of(event.extensions, "flumekey"),
        config=values["config"],
        inputs=values["inputs"],
        now=moment_of(data, "now"),
        timeout=min(timeout, max(left, timedelta(0))),
        nonce=text_of(data, "secretsNonce"),
        token=text_of(data, "token"),
        hops=count_of(event.extensions.get("flumehops", "0"), "flumehops"),
        traceparent=event.extensions.get("traceparent"),
    )


def read_report(event: CloudEvent) -> Report:
    """What a function says with an event. Its token was not checked. Raises `MalformedEventError`."""
    data = object_of(event.data, "data")
    attempt = attempt_in(event)
    token = text_of(data, "token")
    if event.type == PROGRESS:
        return Progressed(attempt, token, number_of(data, "offset"), text_or_empty(data, "text"), _read_lines(data))
    return read_answered(attempt, event.type, data, token=token)


def read_answered(attempt: Attempt, kind: str, data: JsonObject, *, token: str = "") -> Answered:
    """How an attempt ended, by the data of an event of type ``kind``. Raises `MalformedEventError`."""
    answer: Answer
    match kind:
        case "dev.flume.node.completed":
            meta = object_of(data.get("meta") or {}, "meta")
            answer = Result(data.get("output"), meta, text_of(data, "port") if "port" in data else OUT)
        case "dev.flume.node.failed":
            answer = _read_failure(object_of(data.get("error"), "error"))
        case _:
            raise MalformedEventError(f"'{kind[:100]}' is nothing that a function says")
    execute_ms = number_of(data, "executeMs") if "executeMs" in data else 0
    ready_ms = number_of(data, "readyMs", most=10**12) if "readyMs" in data else None
    return Answered(attempt, token, answer, _read_lines(data), execute_ms, ready_ms)


def attempt_in(event: CloudEvent) -> Attempt:
    """The attempt that an event says it is about. Raises `MalformedEventError`."""
    run_id, instance = text_of(event.extensions, "flumerun"), text_of(event.extensions, "flumenode")
    number = count_of(text_of(event.extensions, "flumeattempt"), "flumeattempt")
    return Attempt(RunId(run_id), Instance(instance), number)


def _read_failure(error: JsonObject) -> Failed:
    wait = error.get("retryAfterMs")
    return Failed(
        code=shortened(text_or_empty(error, "code"), MAX_CODE) or "node-error",
        message=shortened(text_or_empty(error, "message"), MAX_FAILURE_MESSAGE)
        or "the function failed and did not say why",
        retryable=error.get("retryable") is True,
        retry_after=None if wait is None else timedelta(milliseconds=number_of(error, "retryAfterMs", most=10**10)),
        answered=error.get("answered") is not False,
    )


def _read_lines(data: JsonObject) -> tuple[LogRecord, ...]:
    return tuple(_read_line(line) for line in list_of(data.get("logs", []), "logs"))


def _read_line(value: JsonValue) -> LogRecord:
    """A line, in the bounds that hold for nodes of this process too: a function in another language may not know them."""
    line = object_of(value, "a line of logs")
    at = Millis((moment_of(line, "at") - _EPOCH) // timedelta(milliseconds=1))
    level, message = text_of(line, "level"), shortened(text_or_empty(line, "message"), MAX_LOG_MESSAGE)
    fields = object_of(line.get("fields") or {}, "fields")
    if fields and len(orjson.dumps(fields)) > 2 * MAX_LOG_FIELD_BYTES:
        fields = {"dropped": f"fields above {2 * MAX_LOG_FIELD_BYTES:,} bytes"}
    return LogRecord(at, level if level in LEVELS else "info", message, fields, number_of(line, "seq"))
