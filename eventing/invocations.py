"""What is said between the engine and whatever runs a node: an order to do one attempt, and the answer.

An `Executor` runs attempts for one or more lanes: in this process, in a function over HTTP, or in a job. To the engine
they are all the same. Values have been rendered; secrets in them are still markers, which the executing process
replaces at the last moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias

from flume.ids import Instance, Millis, NodeId, RunId
from flume.nodes.outcomes import Iterate, Result, Sleep
from flume.nodes.types import NodeType
from flume.pipeline import Lane
from flume.values import JsonObject, JsonValue

MAX_FAILURE_MESSAGE = 8 * 1024
"""Characters that a run keeps of what is said of a failure."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One attempt of one node, ready to be run.

    ``key`` is the idempotency key (``run/instance/n``), ``token`` proves that an answer belongs to this attempt.
    ``nonce`` is what the secret markers in ``config`` and ``inputs`` carry. ``now`` is the moment at which the attempt
    became ready. ``timeout`` counts from when the work begins, ``start_timeout`` until then. ``lane`` and ``resources`` say which
    of a type's functions it is for; ``function`` is the name of that function, empty where a type has only one.
    """

    run_id: RunId
    namespace: str
    pipeline: str
    instance: Instance
    node_id: NodeId
    node_type: NodeType
    attempt: int
    key: str
    config: Mapping[str, JsonValue]
    inputs: Mapping[str, JsonValue]
    now: datetime
    timeout: timedelta
    nonce: str
    token: str
    hops: int = 0
    traceparent: str | None = None
    start_timeout: timedelta = timedelta(minutes=5)
    lane: Lane = Lane.CPU
    resources: JsonObject = field(default_factory=dict)
    function: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed.

    ``retryable`` says that another try may help. ``answered`` False: nobody knows whether the work was done, so that
    its repetition carries the same key.
    """

    code: str
    message: str
    retryable: bool = False
    retry_after: timedelta | None = None
    answered: bool = True


Answer: TypeAlias = Result | Sleep | Iterate | Failed
"""How an attempt ended; outputs have passed `flume.values.check_value`."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A line that a node wrote. ``sequence`` counts from 0 within the attempt; None: whoever takes the line counts."""

    at: Millis
    level: str
    message: str
    fields: Mapping[str, JsonValue] = field(default_factory=dict)
    sequence: int | None = None


class Phase(StrEnum):
    """Where a running attempt outside the engine is, so that a cold start can be seen while it happens."""

    QUEUED = "queued"
    STARTING = "starting"
    EXECUTING = "executing"


class Reports(Protocol):
    """Takes what an attempt tells while it works. May be called from any thread; never blocks and never raises."""

    def log(self, record: LogRecord) -> None:
        """Take a line for the run's log."""
        ...

    def progress(self, text: str) -> None:
        """Take a further piece of partial output."""
        ...

    def phase(self, phase: Phase, *, ago_ms: int = 0) -> None:
        """The attempt reached a phase, so many milliseconds ago; of one that is told again the earlier moment counts.

        An attempt inside the engine has none and says nothing.
        """
        ...

    def handed_over(self) -> None:
        """The order was handed over, and waits for a process that takes it up; told again, the first time counts."""
        ...

    def ready(self, *, for_ms: int) -> None:
        """The process that took the attempt up had been ready for so many milliseconds before the work began.

        If that is less than the order had waited there, the process was started for it, or while it waited.
        """
        ...


class Executor(Protocol):
    """Runs attempts."""

    async def execute(self, invocation: Invocation, reports: Reports) -> Answer:
        """Run one attempt to its end, within ``invocation.timeout``.

        Never raises but for cancellation, which means that nobody wants the answer any more.
        """
        ...

    def execute_at_once(self, invocation: Invocation, reports: Reports) -> Answer | None:
        """Run a pure node to its end without giving up control, or None if that can't be done; it has had no effect then."""
        ...
