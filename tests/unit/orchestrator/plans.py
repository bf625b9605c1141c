"""Plans in one line, for tests of the machine: ``plan_of("a -> b, a -error-> c", loops={"each": "x -> y"})``.

Nodes stand in the order in which the text first names them, edges in the order of the text. No node has work to render:
the machine never looks at it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flume.ids import ROOT, Millis, NodeId, PipelineId, RunId
from flume.nodes.types import ERROR, OUT, NodeType
from flume.pipeline import Lane, OnError, Pipeline, RetryPolicy
from flume.plan import LoopPlan, Plan, PlanEdge, PlanNode, ScopePlan
from orchestrator.state import NULL, Run, RunOrigin, RunStatus, Scope, TriggerRecord

WORK = NodeType(
    name="work",
    version=1,
    category="Test",
    description="Any node",
    lanes=tuple(Lane),
    run_on=Lane.ENGINE,
    input_schema={},
    output_schema={},
)


@dataclass
class Traits:
    """What sets nodes of a plan apart, by node id.

    ``retry`` holds how many attempts a node has or its whole policy, ``loops`` the text of a loop's body, ``limits`` the most
    items of a loop, ``remote`` the nodes that run outside the engine.
    """

    loops: dict[str, str] = field(default_factory=dict)
    retry: dict[str, int | RetryPolicy] = field(default_factory=dict)
    concurrency: dict[str, int] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    collects: set[str] = field(default_factory=set)
    continues: set[str] = field(default_factory=set)
    responds: set[str] = field(default_factory=set)
    remote: set[str] = field(default_factory=set)


def plan_of(text: str, *, timeout: timedelta | None = None, **traits: Any) -> Plan:
    """The plan of a text such as ``a -> b -true-> c, d``; ``traits`` as in `Traits`. A loop's concurrency is 10 unless given."""
    return plan_with(text, Traits(**traits), timeout)


def plan_with(text: str, traits: Traits, timeout: timedelta | None = None) -> Plan:
    """The same, from traits that were put together elsewhere."""
    root = _scope(text, traits)
    return Plan(
        name="tested",
        namespace="default",
        version=1,
        root=root,
        nodes=dict(_all_nodes(root)),
        variables={},
        inputs=(),
        timeout=timeout,
        pipeline=Pipeline("tested", ()),
    )


def new_run(plan: Plan) -> Run:
    """A run of the plan that nothing has happened to."""
    origin = RunOrigin(
        id=RunId("0" * 24),
        namespace=plan.namespace,
        pipeline_id=PipelineId("1" * 24),
        pipeline=plan.name,
        version=plan.version,
        trigger=TriggerRecord("manual", "manual", NULL),
        inputs=NULL,
        created_at=Millis(1),
    )
    return Run(origin, {ROOT: Scope(RunStatus.PENDING, {}, {}, len(plan.root.order))})


def _scope(text: str, traits: Traits) -> ScopePlan:
    order, edges = _parse(text)
    incoming, outgoing = _by_node(edge.to_node for edge in edges), _by_node(edge.from_node for edge in edges)
    nodes = {
        node_id: _node(
            node_id,
            tuple(edges[index] for index in incoming.get(node_id, ())),
            tuple(edges[index] for index in outgoing.get(node_id, ())),
            traits,
        )
        for node_id in order
    }
    return ScopePlan(
        nodes=nodes,
        order=_topological(nodes),
        roots=tuple(node_id for node_id in order if not nodes[node_id].incoming),
        ends=tuple(node_id for node_id in order if not nodes[node_id].outgoing),
    )


def _by_node(ends: Iterable[NodeId]) -> dict[NodeId, list[int]]:
    found: dict[NodeId, list[int]] = {}
    for index, node_id in enumerate(ends):
        found.setdefault(node_id, []).append(index)
    return found


def _node(node_id: NodeId, incoming: tuple[PlanEdge, ...], outgoing: tuple[PlanEdge, ...], traits: Traits) -> PlanNode:
    policy = traits.retry.get(node_id, 1)
    loop = None
    if node_id in traits.loops:
        loop = LoopPlan(
            body=_scope(traits.loops[node_id], traits),
            concurrency=traits.concurrency.get(node_id, 10),
            collects_errors=node_id in traits.collects,
            limit=traits.limits.get(node_id),
        )
    return PlanNode(
        id=node_id,
        type=WORK,
        lane=Lane.CPU if node_id in traits.remote else Lane.ENGINE,
        incoming=incoming,
        outgoing=outgoing,
        retry=policy if isinstance(policy, RetryPolicy) else RetryPolicy(attempts=policy, jitter=False),
        timeout=timedelta(minutes=1),
        start_timeout=timedelta(minutes=1),
        on_error=OnError.CONTINUE if node_id in traits.continues else OnError.FAIL,
        is_pure=False,
        takes_errors=any(edge.port == ERROR for edge in outgoing),
        responds=node_id in traits.responds,
        loop=loop,
    )


def _parse(text: str) -> tuple[list[NodeId], list[PlanEdge]]:
    """The nodes in the order of their first mention, and the edges."""
    order: dict[NodeId, None] = {}
    edges: list[PlanEdge] = []
    for chain in filter(None, (part.strip() for part in text.split(","))):
        words = chain.split()
        order[NodeId(words[0])] = None
        for before, arrow, after in zip(words[::2], words[1::2], words[2::2], strict=False):
            order[NodeId(after)] = None
            edges.append(PlanEdge(NodeId(before), NodeId(after), arrow[1:-2] or OUT))
    return list(order), edges


def _topological(nodes: Mapping[NodeId, PlanNode]) -> tuple[NodeId, ...]:
    done: dict[NodeId, None] = {}
    while len(done) < len(nodes):
        for node_id, node in nodes.items():
            if node_id not in done and all(edge.from_node in done for edge in node.incoming):
                done[node_id] = None
    return tuple(done)


def _all_nodes(scope: ScopePlan) -> Iterator[tuple[NodeId, PlanNode]]:
    for node_id, node in scope.nodes.items():
        yield node_id, node
        if node.loop is not None:
            yield from _all_nodes(node.loop.body)
