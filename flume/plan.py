"""A plan: a pipeline resolved against its node types, ready to be run again and again.

The machine reads the shape (edges, ports, loops, retry); an executor reads the templates. Node ids are unique in a
whole pipeline, loop bodies included, so that `Plan.nodes` finds any node without its scope. `flume.planning` makes
plans; nothing changes one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from flume.ids import ROOT, NodeId, ScopePath, node_path, split_scope
from flume.nodes.types import OUT, NodeType
from flume.pipeline import InputDefinition, Lane, OnError, Pipeline, RetryPolicy
from flume.templates import TemplateTree
from flume.values import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class PlanEdge:
    """One edge: it is taken when ``from_node`` leaves by ``port``."""

    from_node: NodeId
    to_node: NodeId
    port: str


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """How a loop runs its body. ``condition`` is set for ``while`` loops, of which there are at most ``limit`` items."""

    body: "ScopePlan"
    concurrency: int
    collects_errors: bool
    condition: TemplateTree | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class NodeWork:
    """What an executor renders for a node: ``when`` first, then ``config`` and ``inputs``, then ``scoped``.

    ``config`` and ``inputs`` hold what is rendered with the scope alone, ``fields`` the single expressions among them, by
    ``(part, key)`` with part ``"config"`` or ``"inputs"``. ``scoped`` are fields that see the rendered inputs by name.
    ``verbatim`` are values taken as they are. ``roots`` are the names that the templates speak of, and ``loads`` the nodes
    among them.
    """

    config: TemplateTree
    inputs: TemplateTree
    when: TemplateTree | None
    fields: Mapping[tuple[str, str], TemplateTree]
    scoped: Mapping[tuple[str, str], TemplateTree]
    verbatim: Mapping[tuple[str, str], JsonValue]
    roots: frozenset[str]
    loads: frozenset[NodeId]


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One node, resolved.

    ``incoming`` and ``outgoing`` are its edges, in document order. ``setters`` are the nodes before it that overlay variables,
    in the order in which they apply. ``is_pure`` means that it may be fused with its neighbors: a pure type, inline, and not
    ``durable``. ``takes_errors``: an edge follows its port ``error``. ``ports`` are those that its type has with this config,
    `ERROR` left out.
    """

    id: NodeId
    type: NodeType
    lane: Lane
    incoming: tuple[PlanEdge, ...]
    outgoing: tuple[PlanEdge, ...]
    retry: RetryPolicy
    timeout: timedelta
    start_timeout: timedelta
    on_error: OnError
    is_pure: bool
    takes_errors: bool
    setters: tuple[NodeId, ...] = ()
    responds: bool = False
    loop: LoopPlan | None = None
    work: NodeWork | None = None
    name: str = ""
    resources: JsonObject | None = None
    ports: tuple[str, ...] = (OUT,)


@dataclass(frozen=True, slots=True)
class ScopePlan:
    """The nodes of one level: of the pipeline, or of one loop's body.

    ``order`` is topological and follows the document where edges leave a choice. ``roots`` have no incoming edges,
    ``ends`` no outgoing ones.
    """

    nodes: Mapping[NodeId, PlanNode]
    order: tuple[NodeId, ...]
    roots: tuple[NodeId, ...]
    ends: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole pipeline. ``nodes`` are those of every level.

    ``unusable`` says of nodes why they can't run any more, because their type changed or is gone since the version was saved.
    """

    name: str
    namespace: str
    version: int
    root: ScopePlan
    nodes: Mapping[NodeId, PlanNode]
    variables: JsonObject
    inputs: tuple[InputDefinition, ...]
    timeout: timedelta | None
    pipeline: Pipeline
    unusable: Mapping[NodeId, str] = field(default_factory=dict)

    def scope(self, path: ScopePath) -> ScopePlan:
        """The level that a scope path belongs to: ``each[3]`` gives the body of the loop ``each``."""
        if path == ROOT:
            return self.root
        loop = self.nodes[node_path(split_scope(path)[0])].loop
        if loop is None:
            raise KeyError(path)
        return loop.body
