"""What a run that retries or reruns another takes over from it: pure functions of the old run and its plan."""

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field, replace

from flume.errors import RequestError
from flume.ids import Instance, Millis, NodeId
from flume.plan import Plan
from flume.planning import downstream_of
from orchestrator.state import LoopState, NodeState, NodeStatus, Run


@dataclass(frozen=True, slots=True)
class Seeds:
    """Node states to begin with, and the loops whose ended items are to be copied along."""

    nodes: Mapping[NodeId, NodeState] = field(default_factory=dict)
    loops: tuple[Instance, ...] = ()


def seeds_for_retry(run: Run) -> Seeds:
    """Everything that completed, and of a loop that did not, the items that did."""
    return _seeds(run, run.root.nodes.keys())


def seeds_for_rerun(plan: Plan, run: Run, from_node: NodeId) -> Seeds:
    """What completed and does not come after ``from_node``, a node of the top level. Raises `RequestError` if there is none."""
    if from_node not in plan.root.nodes:
        known = ", ".join(plan.root.order)
        raise RequestError(
            f"there is no node '{from_node}' at the top level",
            code="unknown-node",
            pointer="/from",
            hint=f"nodes: {known}",
        )
    again = {from_node, *downstream_of(plan.root, from_node)}
    return _seeds(run, run.root.nodes.keys() - again)


def items_to_redo(loop: LoopState, succeeded: Set[int]) -> LoopState:
    """A loop's state in the new run, where only the items in ``succeeded`` (of those opened) need not run again."""
    redo = tuple(index for index in range(loop.next) if index not in succeeded)
    return replace(loop, active=(), redo=redo, succeeded=len(succeeded), failed=0, deciding=False, gathering=False)


def _seeds(run: Run, wanted: Collection[NodeId]) -> Seeds:
    nodes: dict[NodeId, NodeState] = {}
    loops: list[Instance] = []
    for node_id in wanted:
        state = run.root.nodes[node_id]
        if state.status is NodeStatus.COMPLETED:
            nodes[node_id] = state
        elif _is_partly_done(state):
            nodes[node_id] = _reopened(state)
            loops.append(Instance(node_id))
    return Seeds(nodes, tuple(loops))


def _is_partly_done(state: NodeState) -> bool:
    """A loop of a known length that was begun. A ``while`` loop begins anew: each step follows from the one before."""
    return state.loop is not None and state.loop.total is not None


def _reopened(state: NodeState) -> NodeState:
    return NodeState(
        NodeStatus.RUNNING,
        attempt=1,
        ready_at=state.ready_at,
        started_at=Millis(state.started_at or 0),
        loop=state.loop,
    )
