"""What happens to a run (events) and what is to be done about it (commands): the whole vocabulary of the machine.

Every event carries the moment ``at`` which it happened; the machine has no clock. Events about an attempt name the
instance and the attempt's number, so that a late or repeated one is recognized.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from flume.ids import Instance, Millis, NodeId
from flume.values import JsonObject
from orchestrator.state import Failure, NodeState, Phase, Stored


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run begins. ``seeds`` are node states taken over from the run that this one retries or reruns."""

    at: Millis
    seeds: Mapping[NodeId, NodeState] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """An attempt outside the engine was queued, is starting, or was taken up."""

    at: Millis
    instance: Instance
    attempt: int
    phase: Phase


@dataclass(frozen=True, slots=True)
class NodeCompleted:
    """An attempt ended well and leaves by ``port``. For a loop: its results were gathered.

    ``began`` is when it was taken up, after it had queued; None if nothing had to wait. ``cold_ms`` of the time before were
    the start of a process for it.
    """

    at: Millis
    instance: Instance
    attempt: int
    port: str
    output: Stored
    meta: JsonObject | None = None
    began: Millis | None = None
    cold_ms: int = 0


@dataclass(frozen=True, slots=True)
class NodeSkipped:
    """The node's ``when`` was false."""

    at: Millis
    instance: Instance
    attempt: int


@dataclass(frozen=True, slots=True)
class NodeSlept:
    """The node is done, with ``output``, but not before ``until``."""

    at: Millis
    instance: Instance
    attempt: int
    until: Millis
    output: Stored


@dataclass(frozen=True, slots=True)
class LoopOpened:
    """A loop's work is known: ``total`` items, or None for a ``while`` loop. ``items`` are the values to iterate over, if any."""

    at: Millis
    instance: Instance
    attempt: int
    total: int | None
    items: Stored | None = None


@dataclass(frozen=True, slots=True)
class LoopStepDecided:
    """The condition of a ``while`` loop was evaluated before item ``index``."""

    at: Millis
    instance: Instance
    index: int
    goes_on: bool


GATHERING = -1
"""The ``step`` of a loop whose results are being gathered; no item has this index."""


@dataclass(frozen=True, slots=True)
class NodeFailed:
    """An attempt failed.

    ``answered`` False means that nobody knows whether the work was done (time-out, lost connection, crash): the next
    attempt carries the same idempotency key. ``retry_after_ms`` is the least wait that the other side asked for.
    ``jitter`` is random in [0, 1). ``began`` and ``cold_ms`` are as in `NodeCompleted`.
    """

    at: Millis
    instance: Instance
    attempt: int
    failure: Failure
    answered: bool = True
    retry_after_ms: int = 0
    jitter: float = 0.0
    step: int | None = None
    began: Millis | None = None
    cold_ms: int = 0


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed: whatever is due by ``at`` goes on."""

    at: Millis


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Someone wants the run to stop."""

    at: Millis
    reason: str = "cancelled on request"


@dataclass(frozen=True, slots=True)
class RunAborted:
    """Flume can't go on with the run, through no fault of its nodes: it fails."""

    at: Millis
    failure: Failure


@dataclass(frozen=True, slots=True)
class Released:
    """The run's owner stops in good order and leaves it to others: what is unanswered is no fault of the attempts."""

    at: Millis


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A new owner holds the run; what its predecessor had under way is unanswered."""

    at: Millis


Event: TypeAlias = (
    RunStarted
    | PhaseChanged
    | NodeCompleted
    | NodeSkipped
    | NodeSlept
    | LoopOpened
    | LoopStepDecided
    | NodeFailed
    | Tick
    | CancelRequested
    | RunAborted
    | Released
    | TakenOver
)


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Run this attempt: evaluate ``when``, render, execute, and answer with an event. Everything else is in the state."""

    instance: Instance
    attempt: int


@dataclass(frozen=True, slots=True)
class DecideLoopStep:
    """Evaluate the condition of a ``while`` loop before item ``index``; answer with `LoopStepDecided` or `NodeFailed`."""

    instance: Instance
    attempt: int
    index: int


@dataclass(frozen=True, slots=True)
class GatherLoop:
    """Collect the results of a loop's items, in order; answer with `NodeCompleted`."""

    instance: Instance
    attempt: int


@dataclass(frozen=True, slots=True)
class StopAttempt:
    """Nobody wants this attempt's result any more. Best effort; needs no answer."""

    instance: Instance
    attempt: int


Command: TypeAlias = StartAttempt | DecideLoopStep | GatherLoop | StopAttempt
