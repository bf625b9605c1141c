"""What the routes about runs take and give, as models: bodies are read by them; answers are only documented by them.

Answers are written by `orchestrator.api.presentation`; a test holds the two to each other.
"""

from typing import Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from orchestrator.state import NodeStatus, Phase, RunStatus

ItemT = TypeVar("ItemT")

MAX_BULK = 1000
"""Runs that one bulk call may name, or take of a filter."""


class Shown(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Taken(BaseModel):
    """Base of bodies: an unknown key is an error."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Page(Shown, Generic[ItemT]):
    """Part of a list. ``nextCursor`` null: nothing follows."""

    items: list[ItemT]
    next_cursor: str | None


class ErrorRecord(Shown):
    """How something failed. ``node`` is the instance to blame, such as ``each[3].fetch``."""

    code: str
    message: str
    node: str | None
    retryable: bool


class AttemptRecord(Shown):
    """One attempt that is over."""

    number: int
    started_at: AwareDatetime
    ended_at: AwareDatetime
    error: ErrorRecord | None
    timing: dict[str, Any] | None


class LoopRecord(Shown):
    """How far a loop is. ``total`` null: its end shows as it goes."""

    total: int | None
    started: int
    active: int
    succeeded: int
    failed: int


class NodeRecord(Shown):
    """A node of a run. A large ``output`` is ``{"$payload": {id, size, url}}``."""

    type: str
    name: str
    status: NodeStatus
    phase: Phase | None
    output: Any
    meta: dict[str, Any] | None
    error: ErrorRecord | None
    port: str | None
    attempt: int
    attempts: list[AttemptRecord]
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    due_at: AwareDatetime | None
    loop: LoopRecord | None = None


class NodeDetailRecord(NodeRecord):
    """A node with what it was given, rendered again from what was recorded; secrets are shown as ``•••``.

    ``config`` and ``inputs`` are null as long as the node has not begun, and where ``inputError`` says why not.
    """

    id: str
    instance: str
    config: Any
    inputs: Any
    input_error: str | None
    links: dict[str, str]


class ItemRecord(Shown):
    """An item of a loop; ``nodes`` are the states of those that were reached."""

    index: int
    status: RunStatus
    output: Any
    error: ErrorRecord | None
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    nodes: dict[str, NodeStatus]


class TriggerRecord(BaseModel):
    """What started a run; further keys depend on the type."""

    model_config = ConfigDict(extra="allow")

    type: str
    id: str
    data: Any


class RunHeadRecord(Shown):
    """A run without its nodes."""

    id: str
    namespace: str
    pipeline: str
    pipeline_version: int
    status: RunStatus
    trigger: TriggerRecord
    inputs: Any
    output: Any
    error: ErrorRecord | None
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    attempt: int
    retry_of: str | None
    test: bool
    rev: int
    links: dict[str, str]


class RunRecord(RunHeadRecord):
    """A run. Large values are ``{"$payload": {id, size, url}}`` where they do not fit into the answer."""

    nodes: dict[str, NodeRecord]


class TriggerSummary(Shown):
    """What started a run, in short."""

    type: str
    id: str


class RunSummaryRecord(Shown):
    """A run as lists show it."""

    id: str
    namespace: str
    pipeline: str
    pipeline_version: int
    status: RunStatus
    trigger: TriggerSummary
    error: dict[str, Any] | None
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    attempt: int
    retry_of: str | None
    test: bool
    links: dict[str, str]


class StartedRun(Shown):
    """A run that was just started, or was started before with the same key."""

    id: str
    status: RunStatus
    links: dict[str, str]


class GraphEdge(Shown):
    """An edge; ``taken`` null as long as it is open. In a loop's body it is left out."""

    from_: str = Field(alias="from")
    to: str
    port: str
    taken: bool | None = None


class GraphBody(Shown):
    """What a loop runs for each item."""

    nodes: list[dict[str, Any]]
    edges: list[GraphEdge]


class GraphNode(Shown):
    """A node of the graph with its state. ``icon`` is the name of one of Lucide's, or empty; ``maxAttempts`` counts all tries."""

    id: str
    type: str
    name: str
    category: str
    icon: str
    max_attempts: int
    status: NodeStatus
    phase: Phase | None
    error: ErrorRecord | None
    port: str | None
    attempt: int
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    due_at: AwareDatetime | None
    loop: LoopRecord | None = None
    body: GraphBody | None = None


class GraphRecord(Shown):
    """The graph of a run with its states."""

    id: str
    status: RunStatus
    nodes: list[GraphNode]
    edges: list[GraphEdge]


class LogRecord(Shown):
    """A line of a run's log; ``sequence`` counts from 0 within the attempt, below 0 are lines about its process."""

    at: AwareDatetime
    level: str
    node: str
    attempt: int
    sequence: int
    message: str
    fields: dict[str, Any]


class FoundLogRecord(LogRecord):
    """A line with its run."""

    run: str
    pipeline: str


class LogPage(Page[LogRecord]):
    """Lines of a run. ``after`` is the place behind the last one, from which a later call goes on."""

    after: str


class TestRunBody(Taken):
    """A run of an unsaved document. ``pins`` gives outputs for nodes, ``until`` is the last node to run."""

    definition: str | dict[str, Any] = Field(description="The document: its text in YAML or JSON, or an object.")
    data: Any = Field(default=None, description="Becomes `trigger.data` and gives the run's inputs.")
    pins: dict[str, Any] = Field(default_factory=dict, max_length=2000)
    until: str | None = None


class RerunBody(Taken):
    """From which node a run is run again, with which inputs (default: the old ones), and in which version."""

    from_: str | None = Field(
        default=None,
        alias="from",
        description="A node of the top level: it and all that follows it run again; without one, the whole run.",
    )
    inputs: dict[str, Any] | None = None
    version: Literal["same", "latest"] = "same"


class CancelBody(Taken):
    """Why a run is cancelled."""

    reason: str = Field(default="", max_length=500)


class BulkFilter(Taken):
    """Runs as the list's filter names them."""

    pipeline: str | None = None
    status: list[RunStatus] = Field(default_factory=list)
    trigger: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class BulkBody(Taken):
    """Which runs are meant: by ``ids``, or those that ``filter`` finds; exactly one of the two."""

    ids: list[str] | None = Field(default=None, min_length=1, max_length=MAX_BULK)
    filter: BulkFilter | None = None
    cursor: str | None = Field(default=None, description="`nextCursor` of the answer before, with the same `filter`.")


class BulkError(Shown):
    """Why nothing was done to a run. ``not-tried``: one before it was refused for now, in ``retryAfter`` seconds perhaps not."""

    code: str
    message: str
    retry_after: int | None = None


class BulkResult(Shown):
    """What became of one run: its status now, or the new run's id, or why nothing was done."""

    id: str
    ok: bool
    status: RunStatus | None = None
    run: str | None = None
    error: BulkError | None = None


class BulkAnswer(Shown):
    """One result per run. ``hasMore``: the filter may find further runs; ``nextCursor`` as ``cursor`` goes on with them."""

    items: list[BulkResult]
    has_more: bool
    next_cursor: str | None


PROBLEM_ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemRecord"}}},
    }
    for status, description in (
        ("4XX", "What was sent is wrong; the problem says how to mend it"),
        ("5XX", "Not now, or the run failed"),
    )
}
