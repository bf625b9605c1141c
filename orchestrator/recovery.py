"""What the owner of a run asks of its state: what is unanswered, when time moves it, and how it comes back from a store.

Pure, like the machine, of whose rules these are consequences.
"""

from collections.abc import Iterator
from dataclasses import replace

from flume.ids import ROOT, Instance, Millis, NodeId, ScopePath, instance_in, item_scope, split_instance, split_scope
from flume.plan import Plan, ScopePlan
from orchestrator.events import Command, DecideLoopStep, GatherLoop, StartAttempt
from orchestrator.state import Arrivals, NodeStatus, Run, RunStatus, Scope


def pending(plan: Plan, run: Run) -> tuple[Command, ...]:
    """The commands of a run that have not been answered: what a new owner carries out again."""
    if run.status is not RunStatus.RUNNING:
        return ()
    return tuple(command for path in run.scopes for command in _pending_in(plan, run, path))


def awaits(run: Run, instance: Instance, attempt: int) -> bool:
    """Whether the run, as far as it has come, still wants to know how an attempt of a node ends."""
    path, node_id = split_instance(instance)
    scope = run.scopes.get(path)
    state = None if scope is None else scope.nodes.get(node_id)
    return state is not None and state.status is NodeStatus.RUNNING and state.attempt == attempt


def wake_at(run: Run) -> Millis | None:
    """The earliest moment at which a `Tick` would change the run, or None if only answers can."""
    if run.status is not RunStatus.RUNNING:
        return None
    due = [state.due_at for scope in run.scopes.values() for state in scope.nodes.values() if state.due_at is not None]
    if run.deadline_at is not None:
        due.append(run.deadline_at)
    return min(due, default=None)


def is_asleep(run: Run) -> bool:
    """Whether nothing is under way and only time can move the run."""
    return run.status is RunStatus.RUNNING and not any(
        state.awaits_answer for scope in run.scopes.values() for state in scope.nodes.values()
    )


def restored(plan: Plan, run: Run) -> Run:
    """A run as it came from a store, with what follows from its nodes worked out again."""
    scopes = {path: _with_arrivals(plan.scope(path), scope) for path, scope in run.scopes.items()}
    return replace(run, scopes=scopes, inline_bytes=_kept_inline(run))


def unknown_nodes(plan: Plan, run: Run) -> tuple[Instance, ...]:
    """The nodes of a run that its plan does not have where they stand, so that it can't go on by this plan."""
    return tuple(_unknown_in(plan.root, run, ROOT))


def without_ended_items(run: Run, *, stored: Run) -> Run:
    """The run without those ended items that ``stored``, a state that is durable, holds in the same form."""
    if len(run.scopes) == 1:
        return run
    scopes = {
        path: scope
        for path, scope in run.scopes.items()
        if path == ROOT or not scope.status.is_ended or stored.scopes.get(path) is not scope
    }
    return replace(run, scopes=scopes) if len(scopes) < len(run.scopes) else run


def _unknown_in(plan: ScopePlan, run: Run, path: ScopePath) -> Iterator[Instance]:
    for node_id, state in run.scopes[path].nodes.items():
        node = plan.nodes.get(node_id)
        if node is None or (node.loop is None and state.loop is not None):
            yield instance_in(path, node_id)
        elif node.loop is not None and state.loop is not None:
            for item in (item_scope(instance_in(path, node_id), index) for index in state.loop.active):
                if item in run.scopes:
                    yield from _unknown_in(node.loop.body, run, item)


def _kept_inline(run: Run) -> int:
    counted = (scope for path, scope in run.scopes.items() if not scope.status.is_ended or _is_awaited(run, path))
    return run.origin.inline_bytes + sum(state.inline_bytes for scope in counted for state in scope.nodes.values())


def _is_awaited(run: Run, path: ScopePath) -> bool:
    """Whether a scope that has ended still matters to the run: the root, or an item that its loop has not counted yet."""
    if path == ROOT:
        return True
    loop, index = split_scope(path)
    outer, node_id = split_instance(loop)
    state = run.scopes[outer].nodes[node_id]
    return state.status is NodeStatus.RUNNING and state.loop is not None and index in state.loop.active


def _pending_in(plan: Plan, run: Run, path: ScopePath) -> Iterator[Command]:
    scope = run.scopes[path]
    if scope.status is not RunStatus.RUNNING:
        return
    for node_id, state in scope.nodes.items():
        if not state.awaits_answer:
            continue
        instance, loop = instance_in(path, node_id), state.loop
        if loop is None:
            yield StartAttempt(instance, state.attempt)
        elif loop.deciding:
            yield DecideLoopStep(instance, state.attempt, loop.next)
        elif loop.gathering:
            yield GatherLoop(instance, state.attempt)


def _with_arrivals(plan: ScopePlan, scope: Scope) -> Scope:
    arrivals: dict[NodeId, Arrivals] = {}
    settled = {node_id: state for node_id, state in scope.nodes.items() if state.status.is_settled}
    for node_id, state in settled.items():
        for edge in plan.nodes[node_id].outgoing:
            before = arrivals.get(edge.to_node) or Arrivals(len(plan.nodes[edge.to_node].incoming), False)
            arrivals[edge.to_node] = Arrivals(before.open - 1, before.taken or state.port == edge.port)
    return replace(scope, arrivals=arrivals, unsettled=len(plan.order) - len(settled))
