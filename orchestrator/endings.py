"""How a scope ends, be it a run or an item of a loop: its result, and what becomes of all that was under way in it."""

from dataclasses import replace

from flume.ids import ROOT, Instance, ScopePath, instance_in, item_scope
from orchestrator.draft import Draft
from orchestrator.events import StopAttempt
from orchestrator.state import (
    NULL,
    Failure,
    ManyOutputs,
    NodeState,
    NodeStatus,
    RunStatus,
    ScopeOutput,
    SingleOutput,
)


def end_scope(draft: Draft, path: ScopePath, status: RunStatus, error: Failure | None = None) -> None:
    """End a scope, with its result or with all that is under way in it cancelled; an item is counted in its loop later."""
    scope = draft.open(path)
    scope.status, scope.completed_at, scope.error = status, draft.at, error
    if status is RunStatus.COMPLETED:
        scope.output = _output_of(draft, path)
    else:
        _cancel_nodes(draft, path)
    if path != ROOT:
        draft.ended_items.append(path)


def cancel_items(draft: Draft, instance: Instance, state: NodeState) -> None:
    """End the items of a loop that are under way, without folding them: the loop itself is ending."""
    for index in state.loop.active if state.loop is not None else ():
        path = item_scope(instance, index)
        scope = draft.scope(path)
        if scope is None or scope.status.is_ended:
            continue
        opened = draft.open(path)
        opened.status, opened.completed_at = RunStatus.CANCELLED, draft.at
        _cancel_nodes(draft, path)
        draft.let_go(path)


def _output_of(draft: Draft, path: ScopePath) -> ScopeOutput:
    """The result of a scope: of the node that responded, else of the only end that ran, else of all ends by their id (spec 5)."""
    nodes = draft.open(path).nodes
    if path == ROOT and draft.response is not None:
        return SingleOutput(draft.response, nodes[draft.response].output or NULL)
    ran = {
        node_id: nodes[node_id].output or NULL
        for node_id in draft.plan.scope(path).ends
        if nodes[node_id].status in (NodeStatus.COMPLETED, NodeStatus.FAILED)
    }
    if len(ran) == 1:
        return SingleOutput(*next(iter(ran.items())))
    return ManyOutputs(ran)


def _cancel_nodes(draft: Draft, path: ScopePath) -> None:
    for node_id, state in list(draft.open(path).nodes.items()):
        if state.status.is_settled:
            continue
        instance = instance_in(path, node_id)
        cancel_items(draft, instance, state)
        if state.status is NodeStatus.RUNNING and state.loop is None:
            draft.commands.append(StopAttempt(instance, state.attempt))
        cancelled = replace(
            state, status=NodeStatus.CANCELLED, phase=None, due_at=None, output=None, completed_at=draft.at
        )
        draft.put(path, node_id, cancelled)
