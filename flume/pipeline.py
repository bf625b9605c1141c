"""A pipeline as a person defined it: domain types without any trace of YAML, HTTP or storage.

`flume.document` makes them out of text and reports what is wrong with it; `flume.plan` resolves them against node
types. Values that may hold templates (``config``, ``inputs``, ``when``) are kept exactly as written.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from flume.ids import NodeId
from flume.values import JsonObject, JsonValue

EMPTY: Mapping[str, JsonValue] = MappingProxyType({})


def _empty() -> Mapping[str, JsonValue]:
    return EMPTY


class Lane(StrEnum):
    """Where a node runs (spec 2.1)."""

    ENGINE = "engine"
    CPU = "cpu"
    GPU = "gpu"
    JOB = "job"


class Backoff(StrEnum):
    """How the wait between attempts grows."""

    FIXED = "fixed"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


class OnError(StrEnum):
    """What a node's final failure means for its run when no ``error`` edge takes it."""

    FAIL = "fail"
    CONTINUE = "continue"


class PipelineStatus(StrEnum):
    """Whether triggers fire: only for ``active`` pipelines."""

    ACTIVE = "active"
    PAUSED = "paused"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how late a failed attempt is followed by another. ``attempts`` counts all tries together."""

    attempts: int = 1
    delay: timedelta = timedelta(seconds=1)
    backoff: Backoff = Backoff.FIXED
    max_delay: timedelta | None = None
    jitter: bool = True


@dataclass(frozen=True, slots=True)
class NodeDefinition:
    """One node.

    ``pointer`` is its place in the document as it was written, such as ``/nodes/2``, ``/nodes/1/config/body/nodes/0``
    or, in a resource, ``/spec/nodes/2``; it does not count when nodes are compared. ``body`` is what a loop's
    ``config.body`` holds, typed; None for all other nodes.

    In a document with problems, ``id`` may be one that is not allowed, or the ``pointer`` where there is none, and ``type``
    may be empty.
    """

    id: NodeId
    type: str
    pointer: str = field(default="", compare=False)
    name: str = ""
    run_on: Lane | None = None
    config: JsonObject = field(default_factory=_empty)
    inputs: JsonObject = field(default_factory=_empty)
    when: JsonValue = None
    retry: RetryPolicy = RetryPolicy()
    timeout: timedelta | None = None
    start_timeout: timedelta | None = None
    resources: JsonObject = field(default_factory=_empty)
    durable: bool = False
    on_error: OnError = OnError.FAIL
    body: "Body | None" = None

    @property
    def has_id(self) -> bool:
        """Whether edges and templates can speak of the node."""
        return self.id != self.pointer


@dataclass(frozen=True, slots=True)
class EdgeDefinition:
    """One edge. ``port`` None means that the document leaves it out; ``pointer`` does not count when edges are compared."""

    from_node: NodeId
    to_node: NodeId
    port: str | None = None
    pointer: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Body:
    """What a loop runs for each item: nodes and edges of a level of their own."""

    nodes: tuple[NodeDefinition, ...] = ()
    edges: tuple[EdgeDefinition, ...] = ()


def all_nodes(nodes: Sequence[NodeDefinition]) -> Iterator[NodeDefinition]:
    """The nodes and those in their bodies, each loop before what it holds."""
    for node in nodes:
        yield node
        if node.body:
            yield from all_nodes(node.body.nodes)


class WebhookAuth(StrEnum):
    """How the caller of a webhook proves who it is."""

    NONE = "none"
    BEARER = "bearer"
    BASIC = "basic"
    HMAC = "hmac"


class MissedFirings(StrEnum):
    """What becomes of due times that passed while nothing ran."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ManualTrigger:
    """Someone presses Run. Always on."""

    id: str = "manual"
    enabled: bool = True
    type: str = "manual"


@dataclass(frozen=True, slots=True)
class WebhookTrigger:
    """An HTTP request to ``/hooks/{namespace}/{path}``.

    ``secret`` is the name of a secret, not its value. ``header`` and ``algorithm`` matter for HMAC alone. ``responds``
    True holds the request open for up to ``wait``.
    """

    id: str
    path: str
    enabled: bool = True
    methods: tuple[str, ...] = ("POST",)
    auth: WebhookAuth = WebhookAuth.NONE
    secret: str | None = None
    header: str = "X-Signature-256"
    algorithm: str = "sha256"
    responds: bool = False
    wait: timedelta = timedelta(seconds=30)
    type: str = "webhook"


@dataclass(frozen=True, slots=True)
class CronTrigger:
    """A schedule in wall-clock time. ``schedule`` is five fields, six with seconds first, or ``@daily`` and its like."""

    id: str
    schedule: str
    timezone: str | None = None
    enabled: bool = True
    data: JsonValue = None
    missed: MissedFirings = MissedFirings.SKIP
    type: str = "cron"


@dataclass(frozen=True, slots=True)
class IntervalTrigger:
    """Every so often, counted from the first firing."""

    id: str
    every: timedelta
    enabled: bool = True
    data: JsonValue = None
    type: str = "interval"


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """A CloudEvent that matches. ``filters`` is Knative Trigger's dialect, kept as written."""

    id: str
    filters: tuple[JsonObject, ...] = ()
    enabled: bool = True
    type: str = "event"


Trigger: TypeAlias = ManualTrigger | WebhookTrigger | CronTrigger | IntervalTrigger | EventTrigger


@dataclass(frozen=True, slots=True)
class InputDefinition:
    """One value that a run takes.

    ``schema`` is its JSON Schema without ``default``; ``required`` means that there is no default. A default of None makes
    the input optional: it may be null whatever the schema says.
    """

    name: str
    schema: JsonObject
    required: bool = True
    default: JsonValue = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A whole definition: what `flume.document.parse_pipeline` returns and `flume.plan.make_plan` takes."""

    name: str
    nodes: tuple[NodeDefinition, ...]
    edges: tuple[EdgeDefinition, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    inputs: tuple[InputDefinition, ...] = ()
    variables: JsonObject = field(default_factory=_empty)
    namespace: str = "default"
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=_empty)
    timeout: timedelta | None = None
    status: PipelineStatus | None = None
