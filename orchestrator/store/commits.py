"""What one step of a run writes: the commit with all that belongs to it, and what waits for a run or leaves it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from flume.ids import Instance, Millis, NodeId, RunId, ScopePath
from flume.values import JsonObject
from orchestrator.state import NodeState, Run, Scope


class Verdict(StrEnum):
    """What became of one commit."""

    WON = "won"
    LOST = "lost"
    """The run is at another revision than expected: somebody else advanced it, or it exists already."""
    REPEATED = "repeated"
    """A new run whose start key its pipeline has used: the start was made before."""


@dataclass(frozen=True, slots=True)
class CommitResult:
    """The verdict on one commit; ``run_id`` is the run that used the start key first, for `Verdict.REPEATED`.

    ``error`` is set, and the verdict LOST, when this commit could not be written at all (too large for the store, say);
    the others of its group are not affected.
    """

    verdict: Verdict
    run_id: RunId | None = None
    body_hash: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """A value kept apart, as its JSON or as the bytes that were uploaded. ``id`` is 24 hexadecimal digits."""

    id: str
    content: bytes = field(repr=False)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a node, or Flume on its behalf, wrote. ``sequence`` counts from 0 within the attempt.

    Below 0 it is what the platform did to the attempt's process (`eventing.attempts.line_number`).
    """

    instance: Instance
    attempt: int
    sequence: int
    at: Millis
    level: str
    message: str
    fields: JsonObject = field(default_factory=lambda: MappingProxyType({}))


class Audience(StrEnum):
    """Whom events about runs are for: the pipelines of this installation, or whoever listens outside of it."""

    HERE = "here"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """An event that is to be published because of a commit. ``event`` is a CloudEvent in the JSON format, ``id`` its own id.

    An event for several audiences has an entry for each, so that one that can't be reached keeps nothing from the others.
    ``owner`` is the replica that publishes it.
    """

    id: str
    audience: Audience
    owner: str
    at: Millis
    event: JsonObject = field(repr=False)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in an outbox for an audience: how many entries, and the moment of the oldest."""

    count: int
    oldest_at: Millis


@dataclass(frozen=True, slots=True)
class Commit:
    """One step forward of one run: a compare-and-swap on its revision, with everything that belongs to it.

    ``run`` is the state after the step. ``expected_rev`` 0 makes the run; its ``rev`` is then 1, and otherwise
    ``expected_rev + 1``. ``id`` is random, so that a driver that reports only counts can tell who won. ``nodes`` are
    the nodes of the root that changed, ``items`` the loop items that changed or are new, with their whole scope.
    ``owner`` and ``wake_at`` are written as given. ``expires_at`` is set with the commit that ends the run.
    ``payloads`` and ``logs`` are inserted; the same row again replaces itself. ``inbox`` entries are removed, ``outbox``
    entries kept until `RunStore.delete_outbox`, whatever becomes of the run.
    """

    id: str
    run: Run
    expected_rev: int
    owner: str | None
    wake_at: Millis | None
    nodes: Mapping[NodeId, NodeState]
    items: Mapping[ScopePath, Scope] = field(default_factory=lambda: MappingProxyType({}))
    payloads: tuple[Payload, ...] = ()
    logs: tuple[LogLine, ...] = ()
    inbox: tuple[str, ...] = ()
    expires_at: Millis | None = None
    outbox: tuple[OutboxEntry, ...] = ()

    @property
    def rev(self) -> int:
        """The run's revision after the commit."""
        return self.expected_rev + 1


ANSWER = "answer"
"""The kind of inbox entry that holds how an attempt ended; its body holds what `eventing.message_reading.read_answered` takes."""

CANCEL = "cancel"
"""The kind of inbox entry that asks the run to stop; its body is ``{"reason": text}``."""


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """Something that arrived for a run at a replica that does not own it: a result, a cancel, a dead letter.

    Unique by run, instance, attempt and kind: the same thing again is dropped while it waits. ``body`` is the event in its stored
    form.
    """

    id: str
    run_id: RunId
    instance: Instance
    attempt: int
    kind: str
    body: JsonObject
    at: Millis
