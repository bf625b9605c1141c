"""What replicas say to each other about the live bus, as bytes: short JSON arrays, read with suspicion.

Whoever reaches the Redis may write to its channels. So nothing read here is more than a hint: the worst that a forged message
does is to have a watcher look into the store, or to show it a text that the store does not have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

import orjson

from flume.ids import Instance, Millis, PipelineId, RunId
from orchestrator.bus import (
    AttemptHindered,
    FunctionChanged,
    FunctionHindered,
    InboxGrew,
    LogsWritten,
    Message,
    Overrun,
    PipelineChanged,
    Progress,
    RunChanged,
    RunsReady,
    SignOfLife,
)
from orchestrator.state import RunStatus
from orchestrator.store import LogLine

VERSION = 1

MOST_MESSAGE = 64 * 1024
"""Bytes of one message. A larger one travels as `Overrun`: its watchers read in the store what it would have told."""

MOST_NEWS = 512 * 1024
"""Bytes of messages that travel together."""

MOST_FRAME = 4 * 1024 * 1024
"""Bytes of anything that is read."""

MOST_LINES = 500
"""Log lines of one message."""

MOST_NAME = 1_000
"""Characters of a name or topic."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The sender has just come, or come back: it knows nothing of others, and watches ``topics`` alone."""

    sender: str
    number: int
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Watching:
    """The sender watches ``added`` besides and ``removed`` no more; with ``is_whole``, ``added`` alone."""

    sender: str
    number: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer to a `Hello` or `Watching`: from now on the sender tells what is watched."""

    sender: str
    number: int


@dataclass(frozen=True, slots=True)
class Ask:
    """The sender knows nothing of the one whom it asks."""

    sender: str


@dataclass(frozen=True, slots=True)
class Beat:
    """The sender is there."""

    sender: str


@dataclass(frozen=True, slots=True)
class Bye:
    """The sender leaves."""

    sender: str


@dataclass(frozen=True, slots=True)
class News:
    """Messages by topic. ``has_gap``: others were dropped before them. ``unread`` were not understood, and are `Overrun` here."""

    sender: str
    items: tuple[tuple[str, Message], ...]
    has_gap: bool = False
    unread: int = 0


Frame: TypeAlias = Hello | Watching | Heard | Ask | Beat | Bye | News


class WireError(Exception):
    """What came over the wire is none of this."""


def write_frame(frame: Hello | Watching | Heard | Ask | Beat | Bye) -> bytes:
    """A frame without messages as it travels."""
    match frame:
        case Hello():
            return _frame("hello", frame.sender, frame.number, frame.topics)
        case Watching():
            return _frame("watching", frame.sender, frame.number, frame.added, frame.removed, frame.is_whole)
        case Heard():
            return _frame("heard", frame.sender, frame.number)
        case Ask():
            return _frame("ask", frame.sender)
        case Beat():
            return _frame("beat", frame.sender)
        case Bye():
            return _frame("bye", frame.sender)
        case _:
            assert_never(frame)


def write_news(sender: str, items: Sequence[bytes], *, has_gap: bool = False) -> bytes:
    """Messages from `write_message` as they travel."""
    return _frame("news", sender, has_gap, [orjson.Fragment(item) for item in items])


def is_carried(message: Message) -> bool:
    """Whether other replicas are told. What a replica knows of functions is about those that it reaches itself."""
    return not isinstance(message, FunctionChanged)


def write_message(topic: str, message: Message) -> bytes:
    """A message with its topic; one that is too large, or can't be written, as `Overrun`."""
    try:
        if not _is_surely_too_large(message):
            content = orjson.dumps([topic, *_fields(message)])
            if len(content) <= MOST_MESSAGE:
                return content
    except (TypeError, ValueError):
        pass
    return orjson.dumps([topic, "overrun"])


def read_frame(content: bytes) -> Frame:
    """What came over the wire. Raises `WireError`."""
    if len(content) > MOST_FRAME:
        raise WireError(f"it has {len(content):,} bytes")
    try:
        match orjson.loads(content):
            case [1, "hello", str(sender), int(number), [*topics]]:
                return Hello(_name(sender), number, _names(topics))
            case [1, "watching", str(sender), int(number), [*added], [*removed], bool(is_whole)]:
                return Watching(_name(sender), number, _names(added), _names(removed), is_whole)
            case [1, "heard", str(sender), int(number)]:
                return Heard(_name(sender), number)
            case [1, "ask", str(sender)]:
                return Ask(_name(sender))
            case [1, "beat", str(sender)]:
                return Beat(_name(sender))
            case [1, "bye", str(sender)]:
                return Bye(_name(sender))
            case [1, "news", str(sender), bool(has_gap), [*items]]:
                return _news(_name(sender), has_gap, items)
            case _:
                raise WireError("it is no frame of this version")
    except orjson.JSONDecodeError:
        raise WireError("it is no JSON") from None


def _frame(kind: str, *fields: object) -> bytes:
    return orjson.dumps([VERSION, kind, *fields])


def _is_surely_too_large(message: Message) -> bool:
    """Whether writing it would be wasted: found out before, since lines and text may come to many MiB."""
    match message:
        case LogsWritten():
            return sum(len(line.message) for line in message.lines) > MOST_MESSAGE or len(message.lines) > MOST_LINES
        case Progress():
            return len(message.text) > MOST_MESSAGE
        case _:
            return False


def _fields(message: Message) -> tuple[object, ...]:
    match message:
        case RunChanged():
            status = message.status.value
            return "run", message.run_id, message.namespace, message.pipeline, message.rev, status
        case Progress():
            return "progress", message.run_id, message.instance, message.attempt, message.offset, message.text
        case LogsWritten():
            return "logs", message.run_id, message.pipeline, [_line_fields(line) for line in message.lines]
        case PipelineChanged():
            return "pipeline", message.pipeline_id, message.namespace, message.pipeline, message.change
        case InboxGrew():
            return "inbox", message.run_id
        case RunsReady():
            return ("ready",)
        case SignOfLife():
            # Rather without its text than not at all: silence has consequences.
            text = message.text if len(message.text) <= MOST_MESSAGE // 8 else ""
            return "alive", message.run_id, message.instance, message.attempt, message.offset, text
        case FunctionHindered():
            return "function-hindered", message.function, message.code, message.message, message.at
        case AttemptHindered():
            said = (message.code, message.message, message.at)
            return "attempt-hindered", message.run_id, message.instance, message.attempt, *said
        case Overrun():
            return ("overrun",)
        case FunctionChanged():
            raise TypeError("other replicas are not told of functions")
        case _:
            assert_never(message)


def _line_fields(line: LogLine) -> tuple[object, ...]:
    return line.instance, line.attempt, line.sequence, line.at, line.level, line.message, dict(line.fields)


def _news(sender: str, has_gap: bool, items: list[Any]) -> News:
    read: list[tuple[str, Message]] = []
    unread = 0
    for item in items:
        match item:
            case [str(topic), *fields] if len(topic) <= MOST_NAME:
                message = _message(fields)
                unread += message is None
                # A newer replica may say what this one does not know; whoever listens looks for itself.
                read.append((topic, message or Overrun()))
            case _:
                unread += 1
    return News(sender, tuple(read), has_gap, unread)


def _message(fields: list[Any]) -> Message | None:
    match fields:
        case ["run", str(run), str(namespace), str(pipeline), int(rev), str(status)] if status in _STATUSES:
            return RunChanged(RunId(run), namespace, pipeline, rev, RunStatus(status))
        case ["progress", str(run), str(instance), int(attempt), int(offset), str(text)] if offset >= 0:
            return Progress(RunId(run), Instance(instance), attempt, offset, text)
        case ["logs", str(run), str(pipeline), [*lines]]:
            read = [_line(line) for line in lines]
            known = tuple([line for line in read if line is not None])
            return LogsWritten(RunId(run), known, pipeline) if len(known) == len(read) else None
        case ["pipeline", str(id), str(namespace), str(pipeline), str(change)]:
            return PipelineChanged(PipelineId(id), namespace, pipeline, change)
        case ["inbox", str(run)]:
            return InboxGrew(RunId(run))
        case ["ready"]:
            return RunsReady()
        case ["alive", str(run), str(instance), int(attempt), int(offset), str(text)] if offset >= 0:
            return SignOfLife(RunId(run), Instance(instance), attempt, offset, text)
        case ["function-hindered", str(function), str(code), str(text), int(at)]:
            return FunctionHindered(function, code, text, Millis(at))
        case ["attempt-hindered", str(run), str(instance), int(attempt), str(code), str(text), int(at)]:
            return AttemptHindered(RunId(run), Instance(instance), attempt, code, text, Millis(at))
        case ["overrun"]:
            return Overrun()
        case _:
            return None


def _line(fields: object) -> LogLine | None:
    match fields:
        case [str(instance), int(attempt), int(sequence), int(at), str(level), str(text), Mapping() as more]:
            return LogLine(Instance(instance), attempt, sequence, Millis(at), level, text, more)
        case _:
            return None


_STATUSES = frozenset(RunStatus)


def _names(names: list[Any]) -> tuple[str, ...]:
    return tuple([_name(name) for name in names])


def _name(name: object) -> str:
    if not isinstance(name, str) or len(name) > MOST_NAME:
        raise WireError("a name in it is none")
    return name
