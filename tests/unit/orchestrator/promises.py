"""The promises of the machine as checks on one step, from a run before an event to the run and commands after it.

They read the state and the plan alone, never the machine's own bookkeeping, except to compare it with what it stands for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from flume.ids import ROOT, Instance, Millis, NodeId, ScopePath, instance_in, item_scope, split_instance, split_scope
from flume.pipeline import OnError
from flume.plan import Plan
from orchestrator.events import Command, NodeSkipped, StartAttempt, Tick
from orchestrator.machine import advance
from orchestrator.recovery import is_asleep, pending, restored, wake_at
from orchestrator.state import (
    Inline,
    LoopState,
    ManyOutputs,
    NodeState,
    NodeStatus,
    Run,
    RunStatus,
    Scope,
    SingleOutput,
    Stored,
)

FAR = Millis(10**15)


def check_step(plan: Plan, before: Run, event: object, after: Run, commands: Sequence[Command]) -> None:
    """What must hold of every step."""
    _nothing_finished_changed(before, after)
    _starts_are_justified(plan, before, after, commands)
    _skips_are_justified(plan, before, event, after)


def check_run(plan: Plan, run: Run) -> None:
    """What must hold of every run between events."""
    for path, scope in run.scopes.items():
        if scope.status is RunStatus.RUNNING:
            _nothing_is_forgotten(plan, path, scope)
        elif scope.status.is_ended:
            _an_end_is_whole(plan, path, scope)
    for path, node_id, state in nodes_of(run):
        node = plan.nodes[node_id]
        assert state.attempt <= node.retry.attempts
        assert (state.due_at is not None) == (state.status in (NodeStatus.WAITING, NodeStatus.RETRYING))
        assert state.status is NodeStatus.RUNNING or state.phase is None
        if state.loop is not None:
            _loop_adds_up(plan, run, instance_in(path, node_id), state, state.loop)
    _items_have_a_loop(run)
    _bookkeeping_follows_from_nodes(plan, run)
    _inline_values_add_up(run)
    _attempts_add_up(run)
    _wakes_when_due(plan, run)
    assert run.status.is_ended or run.root.output is None


def nodes_of(run: Run) -> Iterator[tuple[ScopePath, NodeId, NodeState]]:
    """Every node that anything has reached, with its scope."""
    for path, scope in run.scopes.items():
        for node_id, state in scope.nodes.items():
            yield path, node_id, state


def _nothing_finished_changed(before: Run, after: Run) -> None:
    for path, scope in before.scopes.items():
        if scope.status.is_ended:
            assert after.scopes[path] == scope
    for path, node_id, state in nodes_of(before):
        if state.status.is_settled:
            assert after.scopes[path].nodes[node_id] == state


def _starts_are_justified(plan: Plan, before: Run, after: Run, commands: Sequence[Command]) -> None:
    for command in commands:
        if not isinstance(command, StartAttempt):
            continue
        path, node_id = split_instance(command.instance)
        known = before.scopes[path].nodes.get(node_id) if path in before.scopes else None
        if command.attempt > 1:
            assert known is not None
            assert (known.status, known.attempt) == (NodeStatus.RETRYING, command.attempt - 1)
            continue
        assert known is None
        incoming = plan.nodes[node_id].incoming
        sources = [after.scopes[path].nodes[edge.from_node] for edge in incoming]
        assert all(source.status.is_settled for source in sources)
        assert not incoming or any(source.port == edge.port for source, edge in zip(sources, incoming, strict=True))


def _skips_are_justified(plan: Plan, before: Run, event: object, after: Run) -> None:
    for path, node_id, state in nodes_of(after):
        if state.status is not NodeStatus.SKIPPED:
            continue
        known = before.scopes[path].nodes.get(node_id) if path in before.scopes else None
        if known == state:
            continue
        if known is not None:
            assert isinstance(event, NodeSkipped)
            assert event.instance == instance_in(path, node_id)
            continue
        nodes, incoming = after.scopes[path].nodes, plan.nodes[node_id].incoming
        assert incoming
        assert not any(nodes[edge.from_node].port == edge.port for edge in incoming)


def _nothing_is_forgotten(plan: Plan, path: ScopePath, scope: Scope) -> None:
    """What could be started was; what could not be was not."""
    nodes = plan.scope(path).nodes
    for node_id, node in nodes.items():
        sources = [scope.nodes.get(edge.from_node) for edge in node.incoming]
        is_ready = all(source is not None and source.status.is_settled for source in sources)
        assert (node_id in scope.nodes) == is_ready
    assert any(not state.status.is_settled for state in scope.nodes.values())


def _an_end_is_whole(plan: Plan, path: ScopePath, scope: Scope) -> None:
    assert scope.completed_at is not None
    assert all(state.status.is_settled for state in scope.nodes.values())
    cancelled = [state for state in scope.nodes.values() if state.status is NodeStatus.CANCELLED]
    for state in cancelled:
        assert state.output is None
        assert state.completed_at == scope.completed_at
    if scope.status is RunStatus.COMPLETED:
        assert scope.output is not None
        assert scope.error is None
        assert not cancelled
        assert scope.nodes.keys() == plan.scope(path).nodes.keys()
        for node_id, state in scope.nodes.items():
            node = plan.nodes[node_id]
            forgiven = node.takes_errors or node.on_error is OnError.CONTINUE
            assert state.status is not NodeStatus.FAILED or forgiven
    else:
        assert scope.output is None
        assert scope.error is not None or (path != ROOT and scope.status is RunStatus.CANCELLED)


def _loop_adds_up(plan: Plan, run: Run, instance: Instance, state: NodeState, loop: LoopState) -> None:
    loop_plan = plan.nodes[split_instance(instance)[1]].loop
    assert loop_plan is not None
    assert len(loop.active) <= (1 if loop.total is None else loop_plan.concurrency)
    assert len(set(loop.active)) == len(loop.active)
    assert not set(loop.active) & set(loop.redo)
    assert all(0 <= index < loop.next for index in (*loop.active, *loop.redo))
    assert loop.succeeded + loop.failed + len(loop.active) + len(loop.redo) == loop.next
    if loop.total is not None:
        assert loop.next <= loop.total
    if loop_plan.limit is not None and loop.total is None:
        assert loop.next <= loop_plan.limit
    if state.status is NodeStatus.COMPLETED:
        assert not loop.active
        assert not loop.redo
        assert loop.total is None or loop.next == loop.total
        assert not loop.failed or loop_plan.collects_errors
    if state.status is NodeStatus.RUNNING:
        assert [bool(loop.active), loop.deciding, loop.gathering].count(True) == 1
        assert not loop.deciding or loop.total is None
        remaining = (loop.total or 0) - loop.next + len(loop.redo)
        assert loop.total is None or not remaining or len(loop.active) == loop_plan.concurrency
        for index in loop.active:
            assert item_scope(instance, index) in run.scopes
            assert run.scopes[item_scope(instance, index)].status is RunStatus.RUNNING


def _items_have_a_loop(run: Run) -> None:
    for path, scope in run.scopes.items():
        if path == ROOT or scope.status is not RunStatus.RUNNING:
            continue
        instance, index = split_scope(path)
        parent, node_id = split_instance(instance)
        state = run.scopes[parent].nodes[node_id]
        assert state.status is NodeStatus.RUNNING
        assert state.loop is not None
        assert index in state.loop.active


def _bookkeeping_follows_from_nodes(plan: Plan, run: Run) -> None:
    bare = {path: replace(scope, arrivals={}, unsettled=0) for path, scope in run.scopes.items()}
    worked_out = restored(plan, replace(run, scopes=bare))
    for path, scope in run.scopes.items():
        if scope.status is RunStatus.RUNNING:
            assert worked_out.scopes[path].arrivals == scope.arrivals
            assert worked_out.scopes[path].unsettled == scope.unsettled


def _inline_values_add_up(run: Run) -> None:
    if run.status is not RunStatus.RUNNING:
        return
    values: list[Stored | None] = [run.origin.trigger.data, run.origin.inputs]
    for path, _, state in nodes_of(run):
        if run.scopes[path].status is RunStatus.RUNNING:
            values.append(state.output)
            if state.loop is not None:
                values.append(state.loop.items)
                match state.loop.last:
                    case SingleOutput(_, value):
                        values.append(value)
                    case ManyOutputs(several):
                        values.extend(several.values())
    assert run.inline_bytes == sum(len(value.encoded) for value in values if isinstance(value, Inline))


def _attempts_add_up(run: Run) -> None:
    for _, _, state in nodes_of(run):
        for attempt in state.attempts:
            assert attempt.timing is not None
            assert sum(attempt.timing.values()) == max(attempt.ended_at - attempt.started_at, 0)
            assert min(attempt.timing.values()) >= 0
        if state.attempts and state.status.is_settled:
            assert state.status is NodeStatus.CANCELLED or (state.meta or {})["timing"] == state.attempts[-1].timing


def _wakes_when_due(plan: Plan, run: Run) -> None:
    due = wake_at(run)
    if due is None:
        assert advance(plan, run, Tick(FAR)) == (run, ())
    else:
        assert advance(plan, run, Tick(Millis(due - 1)))[0] is run
        assert advance(plan, run, Tick(due))[0] is not run
    assert is_asleep(run) == (run.status is RunStatus.RUNNING and not pending(plan, run))
    assert not is_asleep(run) or due is not None
