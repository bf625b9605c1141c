"""The state of a run: what the machine advances, the store keeps and the API shows.

Everything here is immutable; a step makes new objects for what it changes and shares the rest. A node that nobody
reached yet has no `NodeState`: it is pending (or, once its run ended, cancelled). A run holds the scopes that matter
now: its root and the loop items that are under way; items that ended live in the store alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from eventing.invocations import Phase as Phase
from flume.ids import ROOT, Instance, Millis, NodeId, PipelineId, RunId, ScopePath
from flume.values import JsonObject, JsonValue

STATE_VERSION = 1
"""Raised when older code could not advance what newer code wrote; a replica leaves runs above its own version alone."""


class RunStatus(StrEnum):
    """How far a run, or an item of a loop, is."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_ended(self) -> bool:
        """Whether nothing will change it any more."""
        return self in _ENDED_RUN


class NodeStatus(StrEnum):
    """How far a node is. ``waiting`` sleeps in the store, ``retrying`` waits for its next attempt."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def is_settled(self) -> bool:
        """Whether the node has finished; a settled node never changes."""
        return self in _SETTLED


_ENDED_RUN = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})
_SETTLED = frozenset({NodeStatus.COMPLETED, NodeStatus.FAILED, NodeStatus.SKIPPED, NodeStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Inline:
    """A value kept in the run itself. ``encoded`` is its JSON, made once to learn its size and reused by the store."""

    value: JsonValue
    encoded: bytes = field(repr=False, compare=False)

    @property
    def size(self) -> int:
        """Bytes of its JSON."""
        return len(self.encoded)


@dataclass(frozen=True, slots=True)
class PayloadRef:
    """A value kept apart in the store because of its size in bytes."""

    id: str
    size: int


Stored: TypeAlias = Inline | PayloadRef
"""A value of a run. The machine never looks into it."""

NULL = Inline(None, b"null")
"""The output of a node that has none."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt, a node, an item or a run failed. ``node`` is the instance to blame, where there is one."""

    code: str
    message: str
    retryable: bool = False
    node: Instance | None = None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt that is over. ``error`` None means that it completed.

    ``timing`` is ``{queuedMs, coldStartMs, executeMs}``, which add up to the time from start to end.
    """

    number: int
    started_at: Millis
    ended_at: Millis
    error: Failure | None = None
    timing: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class SingleOutput:
    """The result is one node's output."""

    node: NodeId
    value: Stored


@dataclass(frozen=True, slots=True)
class ManyOutputs:
    """The result is an object of the end nodes' outputs."""

    values: Mapping[NodeId, Stored]


ScopeOutput: TypeAlias = SingleOutput | ManyOutputs


@dataclass(frozen=True, slots=True)
class LoopState:
    """How far a loop is; its items are scopes of their own.

    ``total`` None: a ``while`` loop, whose end shows as it goes. Items below ``next`` have been opened, ``active`` are
    under way, and ``redo`` (only in a run that retries another) are those below ``next`` that must run again.
    ``deciding`` waits for the ``while`` condition, ``gathering`` for the results. ``last`` is the latest item's result,
    kept for ``while`` loops alone.
    """

    total: int | None
    next: int = 0
    active: tuple[int, ...] = ()
    redo: tuple[int, ...] = ()
    succeeded: int = 0
    failed: int = 0
    deciding: bool = False
    gathering: bool = False
    items: Stored | None = None
    last: ScopeOutput | None = None


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node in one scope.

    ``attempt`` counts tries from 1; ``answered`` counts those that ended with an answer and numbers the idempotency
    key; ``recoveries`` counts how often the present attempt was taken over from an owner that died, and ``released`` says
    that the last one stopped in good order instead. ``ready_at`` is the moment that ``$now``
    shows: it stays the same while the key does. ``due_at`` is when a waiting or retrying node goes on. ``port`` is the
    port by which it left.
    """

    status: NodeStatus
    attempt: int = 0
    answered: int = 0
    recoveries: int = 0
    released: bool = False
    phase: Phase | None = None
    ready_at: Millis | None = None
    started_at: Millis | None = None
    completed_at: Millis | None = None
    due_at: Millis | None = None
    port: str | None = None
    output: Stored | None = None
    meta: JsonObject | None = None
    error: Failure | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    loop: LoopState | None = None

    @property
    def inline_bytes(self) -> int:
        """Bytes that the node keeps in the run itself."""
        # Asked twice for each node of each step.
        output, loop = self.output, self.loop
        kept = len(output.encoded) if isinstance(output, Inline) else 0
        return kept if loop is None else kept + _inline_bytes(loop.items) + _output_bytes(loop.last)

    @property
    def awaits_answer(self) -> bool:
        """Whether a command about the node is unanswered; a loop whose items are under way waits for those alone."""
        loop = self.loop
        return self.status is NodeStatus.RUNNING and (loop is None or loop.deciding or loop.gathering)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What reached a node that waits for its incoming edges: how many are unsettled, and whether any was taken."""

    open: int
    taken: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """The nodes of a run, or of one loop item.

    ``arrivals`` and ``unsettled`` follow from ``nodes`` and the plan; they are kept so that a join of a thousand edges
    costs a thousand steps and not a million.
    """

    status: RunStatus
    nodes: Mapping[NodeId, NodeState]
    arrivals: Mapping[NodeId, Arrivals]
    unsettled: int
    started_at: Millis | None = None
    completed_at: Millis | None = None
    output: ScopeOutput | None = None
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class TriggerRecord:
    """What started a run. ``detail`` is small context of the trigger (webhook method, path, query, headers)."""

    type: str
    id: str
    data: Stored
    detail: JsonObject = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class RunOrigin:
    """What a run was made with; it never changes.

    ``definition`` is the source text of a test run whose document was not saved (``version`` is 0 then). ``pins`` are
    outputs given for chosen nodes of a test run. ``until`` is the last node to run. ``start_key`` makes a start happen
    once per pipeline, ``body_hash`` tells a repetition from another request under the same key.
    """

    id: RunId
    namespace: str
    pipeline_id: PipelineId
    pipeline: str
    version: int
    trigger: TriggerRecord
    inputs: Stored
    created_at: Millis
    start_key: str | None = None
    body_hash: str | None = None
    attempt: int = 1
    retry_of: RunId | None = None
    test: bool = False
    definition: str | None = None
    pins: Mapping[NodeId, JsonValue] = field(default_factory=lambda: MappingProxyType({}))
    until: NodeId | None = None
    hops: int = 0
    traceparent: str | None = None

    @property
    def inline_bytes(self) -> int:
        """Bytes of the values that are kept in the run itself."""
        return _inline_bytes(self.trigger.data) + _inline_bytes(self.inputs)


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its owner holds it in memory.

    ``scopes`` holds the root and the items under way, and items that ended since the last commit. ``deadline_at`` ends
    the run by time-out. ``response`` is the node whose output answers the waiting caller. ``inline_bytes`` counts what
    is kept inline: what the run was made with, and values of the nodes of its scopes that have not ended.
    """

    origin: RunOrigin
    scopes: Mapping[ScopePath, Scope]
    deadline_at: Millis | None = None
    response: NodeId | None = None
    inline_bytes: int = 0
    state_version: int = STATE_VERSION

    @property
    def id(self) -> RunId:
        """The run's id."""
        return self.origin.id

    @property
    def root(self) -> Scope:
        """The run's own scope."""
        return self.scopes[ROOT]

    @property
    def status(self) -> RunStatus:
        """How far the run is."""
        return self.scopes[ROOT].status


def _inline_bytes(value: Stored | None) -> int:
    return value.size if isinstance(value, Inline) else 0


def _output_bytes(output: ScopeOutput | None) -> int:
    if output is None:
        return 0
    values = (output.value,) if isinstance(output, SingleOutput) else output.values.values()
    return sum(map(_inline_bytes, values))
