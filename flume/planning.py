"""From a definition to a plan: resolve node types, ports and references, and report everything that does not fit.

The one checker behind CLI, API, console and operator: `resolve` finds every problem in one pass, and gives a plan only
if there is none. Templates are parsed here, once per version of a pipeline, and never at a run.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Protocol

from flume.errors import NotFoundError
from flume.graph import topological_order
from flume.ids import NodeId
from flume.node_rules import MAX, WHILE, check_node_rules
from flume.node_values import check_node_values
from flume.node_work import ParsedWork, parse_work
from flume.nodes.types import ALL_SECRETS, ERROR, NodeType, Role
from flume.pipeline import EdgeDefinition, Lane, NodeDefinition, Pipeline, all_nodes
from flume.plan import LoopPlan, Plan, PlanEdge, PlanNode, ScopePlan
from flume.ports import check_ports, port_of
from flume.problems import Problem, join_pointer
from flume.references import Reach, check_references, check_secrets_of_type
from flume.values import JsonValue

LANE_TIMEOUTS: Mapping[Lane, timedelta] = MappingProxyType(
    {
        Lane.ENGINE: timedelta(minutes=1),
        Lane.CPU: timedelta(minutes=5),
        Lane.GPU: timedelta(minutes=10),
        Lane.JOB: timedelta(hours=24),
    }
)
"""How long an attempt may take when neither node nor type says so (spec 2.1)."""

START_TIMEOUTS: Mapping[Lane, timedelta] = MappingProxyType(
    {
        Lane.ENGINE: timedelta(minutes=5),
        Lane.CPU: timedelta(minutes=5),
        Lane.GPU: timedelta(minutes=30),
        Lane.JOB: timedelta(hours=1),
    }
)
"""How long an attempt may wait to be taken up when the node does not say so (spec 2.1)."""

FUNCTION_TIMEOUT_MAX = timedelta(seconds=600)
"""Knative's own limit on a request, unless the operator of the cluster raised it."""

DEFAULT_CONCURRENCY = 10

_ALL = -1
"""The set of all nodes, as bits."""


class NodeTypes(Protocol):
    """Where node types come from: a `flume.nodes.registry.Registry`, or what stands for one."""

    def get(self, name: str) -> NodeType:
        """The type called ``name``. Raises `NotFoundError` with a hint."""
        ...


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a definition is checked against besides node types. ``secrets`` None: the names are not known here."""

    secrets: Collection[str] | None = None
    function_timeout_max: timedelta = FUNCTION_TIMEOUT_MAX


@dataclass(frozen=True, slots=True)
class Resolution:
    """A plan, or the problems that stand in its way; never both."""

    plan: Plan | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What the nodes of a level see from outside it. ``upstream`` is a set of node numbers as bits."""

    visible: frozenset[NodeId] = frozenset()
    upstream: int = 0
    setters: tuple[NodeDefinition, ...] = ()
    loops: int = 0


def resolve(
    pipeline: Pipeline, registry: NodeTypes, *, version: int = 0, circumstances: Circumstances | None = None
) -> Resolution:
    """Resolve a definition that `flume.document.parse_pipeline` made; one with other problems may be given too."""
    resolver = _Resolver(pipeline, registry, circumstances or Circumstances())
    root = resolver.level(pipeline.nodes, pipeline.edges, _Surroundings())
    if resolver.problems or root is None:
        return Resolution(None, tuple(resolver.problems))
    plan = Plan(
        name=pipeline.name,
        namespace=pipeline.namespace,
        version=version,
        root=root,
        nodes=MappingProxyType(resolver.nodes),
        variables=pipeline.variables,
        inputs=pipeline.inputs,
        timeout=pipeline.timeout,
        pipeline=pipeline,
    )
    return Resolution(plan, ())


def up_to(plan: Plan, last: NodeId) -> Plan:
    """The plan with only ``last``, a node of the top level, and what leads to it."""
    wanted = {last}
    for node_id in reversed(plan.root.order):
        if any(edge.to_node in wanted for edge in plan.root.nodes[node_id].outgoing):
            wanted.add(node_id)
    nodes = {node_id: _only_into(plan.root.nodes[node_id], wanted) for node_id in plan.root.order if node_id in wanted}
    return replace(plan, root=_scope(nodes), nodes=MappingProxyType({**plan.nodes, **nodes}))


def downstream_of(scope: ScopePlan, node: NodeId) -> frozenset[NodeId]:
    """The nodes that can be reached from ``node``, without itself."""
    found: set[NodeId] = set()
    waiting = [node]
    while waiting:
        for edge in scope.nodes[waiting.pop()].outgoing:
            if edge.to_node not in found:
                found.add(edge.to_node)
                waiting.append(edge.to_node)
    return frozenset(found)


class _Upstream(Collection[NodeId]):
    """The nodes whose numbers are bits of a mask: a set per node that costs a few machine words, not a copy of all before it."""

    def __init__(self, mask: int, numbers: Mapping[NodeId, int]) -> None:
        self._mask = mask
        self._numbers = numbers

    def __contains__(self, node_id: object) -> bool:
        number = self._numbers.get(node_id)  # type: ignore[call-overload]
        return number is not None and bool(self._mask >> number & 1)

    def __iter__(self) -> Iterator[NodeId]:
        return (node_id for node_id in self._numbers if node_id in self)

    def __len__(self) -> int:
        return self._mask.bit_count()


class _Resolver:
    """Resolves level by level, collecting problems and nodes on the way."""

    def __init__(self, pipeline: Pipeline, registry: NodeTypes, circumstances: Circumstances) -> None:
        self.problems: list[Problem] = []
        self.nodes: dict[NodeId, PlanNode] = {}
        self._pipeline = pipeline
        self._registry = registry
        self._circumstances = circumstances
        self._ids = frozenset(node.id for node in all_nodes(pipeline.nodes))
        self._numbers = {node.id: number for number, node in enumerate(all_nodes(pipeline.nodes))}
        self._inputs = [definition.name for definition in pipeline.inputs]

    def level(
        self, nodes: Sequence[NodeDefinition], edges: Sequence[EdgeDefinition], around: _Surroundings
    ) -> ScopePlan | None:
        """The plan of one level, or None if one of its nodes could not be resolved."""
        typed = [(node, node_type) for node in nodes if (node_type := self._type_of(node)) is not None]
        self.problems.extend(check_ports(nodes, edges, {node.id: node_type for node, node_type in typed}))
        # Several nodes have one id only in a document with problems, of which those of each node are to be found.
        by_id: dict[NodeId, list[tuple[NodeDefinition, NodeType]]] = {node.id: [] for node in nodes}
        for node, node_type in typed:
            by_id[node.id].append((node, node_type))
        visible = around.visible | by_id.keys()
        edges = [edge for edge in edges if edge.from_node in by_id and edge.to_node in by_id]
        order = topological_order([*by_id], [(edge.from_node, edge.to_node) for edge in edges])
        incoming, outgoing = _by_node(edges)
        upstream: dict[NodeId, int] = {}
        setters = list(around.setters)
        planned: dict[NodeId, PlanNode] = {}
        for node_id in order:
            mask = around.upstream
            for edge in incoming.get(node_id, ()):
                mask |= upstream.get(edge.from_node, 0) | 1 << self._numbers[edge.from_node]
            upstream[node_id] = mask
            before = tuple(each for each in setters if mask >> self._numbers[each.id] & 1)
            for node, node_type in by_id[node_id]:
                # No edge can name a node without an id, so that none is missing.
                seen = _Surroundings(visible, mask if node.has_id else _ALL, before, around.loops)
                planned[node_id] = self._node(
                    node, node_type, seen, incoming.get(node_id, ()), outgoing.get(node_id, ())
                )
                if node_type.role is Role.VARIABLES:
                    setters.append(node)
        self.nodes.update(planned)
        return _scope(planned) if len(planned) == len(nodes) else None

    def _type_of(self, node: NodeDefinition) -> NodeType | None:
        if not node.type:
            return None
        try:
            return self._registry.get(node.type)
        except NotFoundError as error:
            pointer = join_pointer(node.pointer, "type")
            self.problems.append(
                Problem("unknown-node-type", pointer, f"there is no node type '{node.type}'", error.hint)
            )
            return None

    def _node(
        self,
        node: NodeDefinition,
        node_type: NodeType,
        seen: _Surroundings,
        incoming: Sequence[PlanEdge],
        outgoing: Sequence[PlanEdge],
    ) -> PlanNode:
        parsed = parse_work(node, node_type, self._ids)
        self._check(node, node_type, parsed, seen)
        lane = node.run_on or node_type.run_on
        takes_errors = any(edge.port == ERROR for edge in outgoing)
        timeout = node.timeout or node_type.timeout or LANE_TIMEOUTS[lane]
        loop = self._loop(node, parsed, seen) if node_type.role is Role.LOOP else None
        return PlanNode(
            id=node.id,
            type=node_type,
            lane=lane,
            incoming=tuple(incoming),
            outgoing=tuple(outgoing),
            retry=node.retry,
            timeout=timeout,
            start_timeout=node.start_timeout or START_TIMEOUTS[lane],
            on_error=node.on_error,
            is_pure=node_type.pure and lane is Lane.ENGINE and not node.durable,
            takes_errors=takes_errors,
            setters=tuple(each.id for each in seen.setters),
            responds=node_type.role is Role.RESPONSE,
            loop=loop,
            work=parsed.work,
            name=node.name,
            resources=node.resources or node_type.resources,
            ports=node_type.ports_for(node.config),
        )

    def _loop(self, node: NodeDefinition, parsed: ParsedWork, seen: _Surroundings) -> LoopPlan | None:
        if node.body is None:
            return None
        inside = replace(seen, loops=seen.loops + 1)
        body = self.level(node.body.nodes, node.body.edges, inside)
        if body is None:
            return None
        return LoopPlan(
            body=body,
            concurrency=_whole(node.config.get("concurrency")) or DEFAULT_CONCURRENCY,
            collects_errors=node.config.get("onItemError") == "collect",
            condition=None if node.config.get(WHILE) is None else parsed.deferred[WHILE],
            limit=_whole(node.config.get(MAX)),
        )

    def _check(self, node: NodeDefinition, node_type: NodeType, parsed: ParsedWork, seen: _Surroundings) -> None:
        self.problems.extend(parsed.problems)
        reach = self._reach(node, node_type, seen)
        # A loop decides about its next item from within: its condition sees the item before.
        is_loop = node_type.role is Role.LOOP
        deferred = {placed for tree in parsed.deferred.values() for placed in tree.references} if is_loop else set()
        outside = [placed for placed in parsed.references if placed not in deferred]
        when = {placed for placed in parsed.work.when.references} if parsed.work.when else set()
        self.problems.extend(check_references([each for each in outside if each not in when], reach))
        self.problems.extend(check_references(when, replace(reach, allows_secrets=False)))
        self.problems.extend(check_references(deferred, replace(reach, loops=reach.loops + 1, allows_secrets=False)))
        self.problems.extend(check_references(parsed.scoped_references, replace(reach, local=tuple(node.inputs))))
        self.problems.extend(check_node_values(node, node_type, parsed.template_pointers))
        self.problems.extend(check_secrets_of_type(node, node_type, self._circumstances.secrets))
        limit = self._circumstances.function_timeout_max
        self.problems.extend(check_node_rules(node, node_type, loops=seen.loops, function_timeout_max=limit))

    def _reach(self, node: NodeDefinition, node_type: NodeType, seen: _Surroundings) -> Reach:
        return Reach(
            node=node.id,
            inputs=self._inputs,
            variables=[*self._pipeline.variables, *(key for setter in seen.setters for key in setter.inputs)],
            nodes=self._numbers,
            visible=seen.visible,
            upstream=_Upstream(seen.upstream, self._numbers),
            loops=seen.loops,
            secrets=self._circumstances.secrets,
            allows_secrets=not node_type.pure,
            given_secrets=_given_secrets(node, node_type),
        )


def _given_secrets(node: NodeDefinition, node_type: NodeType) -> Collection[str] | None:
    """The secrets that the node's process gets; None: all, as the engine's own has them all."""
    is_in_engine = (node.run_on or node_type.run_on) is Lane.ENGINE
    return None if is_in_engine or ALL_SECRETS in node_type.secrets else node_type.secrets


def _whole(value: JsonValue) -> int | None:
    """A number of the document as an integer: JSON Schema takes ``5.0`` for one too. None for what is none."""
    return int(value) if isinstance(value, (int, float)) else None


def _by_node(
    edges: Sequence[EdgeDefinition],
) -> tuple[Mapping[NodeId, list[PlanEdge]], Mapping[NodeId, list[PlanEdge]]]:
    incoming: dict[NodeId, list[PlanEdge]] = {}
    outgoing: dict[NodeId, list[PlanEdge]] = {}
    for edge in edges:
        planned = PlanEdge(edge.from_node, edge.to_node, port_of(edge))
        incoming.setdefault(edge.to_node, []).append(planned)
        outgoing.setdefault(edge.from_node, []).append(planned)
    return incoming, outgoing


def _only_into(node: PlanNode, wanted: Collection[NodeId]) -> PlanNode:
    outgoing = tuple(edge for edge in node.outgoing if edge.to_node in wanted)
    return replace(node, outgoing=outgoing, takes_errors=any(edge.port == ERROR for edge in outgoing))


def _scope(nodes: Mapping[NodeId, PlanNode]) -> ScopePlan:
    """A level of nodes that are given in topological order."""
    return ScopePlan(
        nodes=MappingProxyType(dict(nodes)),
        order=tuple(nodes),
        roots=tuple(node_id for node_id, node in nodes.items() if not node.incoming),
        ends=tuple(node_id for node_id, node in nodes.items() if not node.outgoing),
    )
