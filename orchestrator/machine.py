"""The machine: how a run's state moves. A pure function from a plan, a run and an event to the next run and the
commands to carry out.

Its promises, each of which is a test:

1. `advance` is total: any event in any state gives a run and commands, never an exception.
2. The same events in the same order give the same run and the same commands.
3. An event that is late, repeated, or about an old attempt changes nothing; a finished node never changes.
4. A node starts only when all it needs is settled; an attempt is sent once; never more attempts than allowed.
5. A run ends exactly once; after that nothing changes it.
6. If every command is answered, the run ends.
7. `pending(plan, run)`, in `orchestrator.recovery`, gives the commands not yet answered: recovery is to carry them out again.

Rules of movement. An edge is settled when its node is, and taken when the node left by the edge's port. A node whose
incoming edges are all settled is started if one was taken, and skipped otherwise; what a skip settles is skipped or
started in the same step. A node that fails for good leaves by its ``error`` edges, or goes on as if empty (``onError:
continue``), or ends its scope: the run, or the item of a loop. A scope ends when all its nodes are settled. A loop
keeps up to ``concurrency`` items under way, and completes when its results were gathered.

A loop's node is ``running`` from the moment it is started; `LoopState` says how far it is. Before its items are known
it is an attempt like any other, may be retried and can time out; from then on its body decides.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import assert_never

from flume.ids import ROOT, Instance, Millis, NodeId, ScopePath, instance_in, item_scope, split_instance, split_scope
from flume.nodes.types import ERROR, OUT
from flume.pipeline import Lane, OnError
from flume.plan import LoopPlan, Plan, PlanNode, ScopePlan
from orchestrator.attempts import completed, failed, retrying, step_of
from orchestrator.draft import Draft
from orchestrator.endings import cancel_items, end_scope
from orchestrator.events import (
    CancelRequested,
    Command,
    DecideLoopStep,
    Event,
    GatherLoop,
    LoopOpened,
    LoopStepDecided,
    NodeCompleted,
    NodeFailed,
    NodeSkipped,
    NodeSlept,
    PhaseChanged,
    Released,
    RunAborted,
    RunStarted,
    StartAttempt,
    TakenOver,
    Tick,
)
from orchestrator.state import NULL, Failure, LoopState, NodeState, NodeStatus, Phase, Run, RunStatus

MAX_RECOVERIES = 3
"""An attempt that was under way when this many owners in a row died is taken to be what kills them."""

NO_SEEDS: Mapping[NodeId, NodeState] = MappingProxyType({})

_PHASES = tuple(Phase)


def advance(plan: Plan, run: Run, event: Event) -> tuple[Run, tuple[Command, ...]]:
    """The run after ``event``, and the commands that follow from it; the same run object if the event changes nothing.

    Commands are to be carried out after the returned run was committed.
    """
    return advance_all(plan, run, (event,))


def advance_all(plan: Plan, run: Run, events: Iterable[Event]) -> tuple[Run, tuple[Command, ...]]:
    """What `advance` gives when the events happen one after another, for the price of one copy of what they touch."""
    draft: Draft | None = None
    for event in events:
        if run.status.is_ended or (draft is not None and draft.has_ended()):
            break
        if draft is None:
            draft = Draft(plan, run, event.at)
        draft.at = event.at
        _apply(draft, event)
        _follow_up(draft)
        # What another run recorded holds for the nodes that begin with the run, not for those that come later.
        draft.seeds = NO_SEEDS
    return (run, ()) if draft is None else draft.finish()


def _apply(draft: Draft, event: Event) -> None:
    match event:
        case RunStarted():
            _begin(draft, event)
        case NodeCompleted():
            _complete(draft, event)
        case NodeFailed():
            _record_failure(draft, event)
        case NodeSkipped():
            _skip_by_condition(draft, event)
        case NodeSlept():
            _sleep(draft, event)
        case LoopOpened():
            _open_loop(draft, event)
        case LoopStepDecided():
            _decide_step(draft, event)
        case PhaseChanged():
            _change_phase(draft, event)
        case Tick():
            _tick(draft)
        case CancelRequested():
            end_scope(draft, ROOT, RunStatus.CANCELLED, Failure("cancelled", event.reason))
        case RunAborted():
            end_scope(draft, ROOT, RunStatus.FAILED, event.failure)
        case Released():
            _release(draft)
        case TakenOver():
            _take_over(draft)
        case _:
            assert_never(event)


def _follow_up(draft: Draft) -> None:
    """Follow the edges of what settled and fold what ended, until nothing is left; a loop, since chains may be thousands long."""
    while draft.settled or draft.ended_items:
        if draft.settled:
            _follow_edges(draft, *draft.settled.popleft())
        else:
            _fold(draft, draft.ended_items.popleft())


def _follow_edges(draft: Draft, path: ScopePath, node_id: NodeId) -> None:
    scope = draft.open(path)
    if scope.status is not RunStatus.RUNNING:
        return
    plan = draft.plan.scope(path)
    port = scope.nodes[node_id].port
    for edge in plan.nodes[node_id].outgoing:
        target = plan.nodes[edge.to_node]
        arrivals = scope.arrive(target, taken=port == edge.port)
        if arrivals.open:
            continue
        if arrivals.taken:
            _start(draft, path, target)
        else:
            draft.settle(path, target.id, NodeState(NodeStatus.SKIPPED, completed_at=draft.at))
    if scope.unsettled == 0:
        end_scope(draft, path, RunStatus.COMPLETED)


def _begin(draft: Draft, event: RunStarted) -> None:
    root = draft.scope(ROOT)
    if root is None or root.status is not RunStatus.PENDING:
        return
    scope = draft.open(ROOT)
    scope.status, scope.started_at = RunStatus.RUNNING, event.at
    if draft.plan.timeout is not None:
        draft.deadline_at = Millis(event.at + int(draft.plan.timeout.total_seconds() * 1000))
    draft.seeds = event.seeds
    draft.count_origin()
    _start_roots(draft, ROOT)


def _start_roots(draft: Draft, path: ScopePath) -> None:
    plan = draft.plan.scope(path)
    for node_id in plan.roots:
        _start(draft, path, plan.nodes[node_id])
    if not plan.order:
        end_scope(draft, path, RunStatus.COMPLETED)


def _start(draft: Draft, path: ScopePath, node: PlanNode) -> None:
    seed = draft.seeds.get(node.id) if path == ROOT else None
    if seed is not None and seed.status.is_settled:
        _settle_with_output(draft, path, node, seed)
        return
    if seed is not None and seed.loop is not None and node.loop is not None:
        draft.put(path, node.id, seed)
        _continue_loop(draft, instance_in(path, node.id), seed.loop, node.loop)
        return
    phase = None if node.lane is Lane.ENGINE else Phase.QUEUED
    state = NodeState(NodeStatus.RUNNING, attempt=1, phase=phase, ready_at=draft.at, started_at=draft.at)
    draft.put(path, node.id, state)
    draft.commands.append(StartAttempt(instance_in(path, node.id), 1))


def _settle_with_output(draft: Draft, path: ScopePath, node: PlanNode, state: NodeState) -> None:
    """The node has finished, and its output answers the caller that waits, if it is the first to do so."""
    answers = node.responds and path == ROOT and state.status is NodeStatus.COMPLETED
    if answers and draft.response is None:
        draft.response = node.id
    draft.settle(path, node.id, state)


def _running(draft: Draft, instance: Instance, attempt: int) -> NodeState | None:
    """The node's state if this very attempt is what is awaited, else None: the event is late, repeated or old."""
    state = draft.node(instance)
    if state is None or state.status is not NodeStatus.RUNNING or state.attempt != attempt:
        return None
    return state


def _complete(draft: Draft, event: NodeCompleted) -> None:
    state = _running(draft, event.instance, event.attempt)
    if state is None:
        return
    path, node_id = split_instance(event.instance)
    node = draft.plan.nodes[node_id]
    if not state.awaits_answer or (state.loop is not None and not state.loop.gathering):
        return
    _settle_with_output(draft, path, node, completed(state, event))


def _skip_by_condition(draft: Draft, event: NodeSkipped) -> None:
    state = _running(draft, event.instance, event.attempt)
    if state is None or state.loop is not None:
        return
    path, node_id = split_instance(event.instance)
    draft.settle(path, node_id, NodeState(NodeStatus.SKIPPED, completed_at=event.at))


def _sleep(draft: Draft, event: NodeSlept) -> None:
    state = _running(draft, event.instance, event.attempt)
    path, node_id = split_instance(event.instance)
    if state is None or draft.plan.nodes[node_id].loop is not None:
        return
    waiting = replace(state, status=NodeStatus.WAITING, phase=None, due_at=event.until, output=event.output)
    draft.put(path, node_id, waiting)


def _change_phase(draft: Draft, event: PhaseChanged) -> None:
    state = _running(draft, event.instance, event.attempt)
    if state is None or state.phase is None or _PHASES.index(event.phase) <= _PHASES.index(state.phase):
        return
    path, node_id = split_instance(event.instance)
    draft.put(path, node_id, replace(state, phase=event.phase))


def _record_failure(draft: Draft, event: NodeFailed) -> None:
    state = _running(draft, event.instance, event.attempt)
    if state is None or not state.awaits_answer or event.step != step_of(state.loop):
        return
    path, node_id = split_instance(event.instance)
    node = draft.plan.nodes[node_id]
    if state.loop is None and event.failure.retryable and event.attempt < node.retry.attempts:
        draft.put(path, node_id, retrying(node, state, event))
    else:
        _fail(draft, path, node, state, event.failure, began=event.began, cold_ms=event.cold_ms)


def _fail(
    draft: Draft,
    path: ScopePath,
    node: PlanNode,
    state: NodeState,
    failure: Failure,
    *,
    began: Millis | None = None,
    cold_ms: int = 0,
) -> None:
    """The node has failed for good."""
    cancel_items(draft, instance_in(path, node.id), state)
    blamed = failure if failure.node is not None else replace(failure, node=instance_in(path, node.id))
    port = ERROR if node.takes_errors else OUT if node.on_error is OnError.CONTINUE else None
    ended = failed(state, draft.at, blamed, port=port, began=began, cold_ms=cold_ms)
    if port is not None:
        draft.settle(path, node.id, ended)
    else:
        draft.put(path, node.id, ended)
        end_scope(draft, path, RunStatus.FAILED, blamed)


def _tick(draft: Draft) -> None:
    if draft.deadline_at is not None and draft.at >= draft.deadline_at:
        end_scope(draft, ROOT, RunStatus.FAILED, Failure("run-timeout", "the run took longer than its timeout allows"))
        return
    for path, node_id, state in _due(draft):
        if state.status is NodeStatus.RETRYING:
            again = replace(
                state,
                status=NodeStatus.RUNNING,
                attempt=state.attempt + 1,
                phase=None if draft.plan.nodes[node_id].lane is Lane.ENGINE else Phase.QUEUED,
                ready_at=state.ready_at if state.ready_at is not None else draft.at,
                started_at=draft.at,
                due_at=None,
            )
            draft.put(path, node_id, again)
            draft.commands.append(StartAttempt(instance_in(path, node_id), again.attempt))
        else:
            slept = NodeCompleted(draft.at, instance_in(path, node_id), state.attempt, OUT, state.output or NULL)
            _settle_with_output(draft, path, draft.plan.nodes[node_id], completed(state, slept))


def _due(draft: Draft) -> list[tuple[ScopePath, NodeId, NodeState]]:
    return [
        (path, node_id, state)
        for path, scope in draft.scopes()
        for node_id, state in scope.nodes.items()
        if state.due_at is not None and state.due_at <= draft.at
    ]


def _open_loop(draft: Draft, event: LoopOpened) -> None:
    state = _running(draft, event.instance, event.attempt)
    path, node_id = split_instance(event.instance)
    if state is None or state.loop is not None:
        return
    plan = draft.plan.nodes[node_id].loop
    if plan is None:
        return
    loop = LoopState(total=event.total, items=event.items)
    draft.put(path, node_id, replace(state, recoveries=0, released=False, loop=loop))
    _continue_loop(draft, event.instance, loop, plan)


def _continue_loop(draft: Draft, instance: Instance, loop: LoopState, plan: LoopPlan) -> None:
    """Open as many items as may be under way, or ask for the next decision, or for the results."""
    if loop.total is None:
        _continue_while(draft, instance, loop, plan)
        return
    redo, following = list(loop.redo), loop.next
    opened: list[int] = []
    while len(loop.active) + len(opened) < plan.concurrency and (redo or following < loop.total):
        if redo:
            opened.append(redo.pop(0))
        else:
            opened.append(following)
            following += 1
    active = (*loop.active, *opened)
    loop = replace(loop, redo=tuple(redo), next=following, active=active)
    if not active:
        _gather(draft, instance, loop)
        return
    _put_loop(draft, instance, loop)
    for index in opened:
        _open_item(draft, item_scope(instance, index), plan.body)


def _continue_while(draft: Draft, instance: Instance, loop: LoopState, plan: LoopPlan) -> None:
    if plan.limit is not None and loop.next >= plan.limit:
        _gather(draft, instance, loop)
        return
    state = _put_loop(draft, instance, replace(loop, deciding=True))
    draft.commands.append(DecideLoopStep(instance, state.attempt, loop.next))


def _gather(draft: Draft, instance: Instance, loop: LoopState) -> None:
    state = _put_loop(draft, instance, replace(loop, gathering=True))
    draft.commands.append(GatherLoop(instance, state.attempt))


def _put_loop(draft: Draft, instance: Instance, loop: LoopState) -> NodeState:
    """Record how far a loop is; its node, which is running, is otherwise as before."""
    path, node_id = split_instance(instance)
    state = replace(draft.open(path).nodes[node_id], loop=loop)
    draft.put(path, node_id, state)
    return state


def _running_loop(draft: Draft, instance: Instance) -> tuple[LoopState, LoopPlan] | None:
    """How far a loop is and how it goes on, or None if it has ended or was never opened."""
    state = draft.node(instance)
    if state is None or state.loop is None or state.status is not NodeStatus.RUNNING:
        return None
    plan = draft.plan.nodes[split_instance(instance)[1]].loop
    return None if plan is None else (state.loop, plan)


def _decide_step(draft: Draft, event: LoopStepDecided) -> None:
    running = _running_loop(draft, event.instance)
    if running is None:
        return
    loop, plan = running
    if not loop.deciding or loop.next != event.index:
        return
    path, node_id = split_instance(event.instance)
    draft.put(path, node_id, replace(draft.open(path).nodes[node_id], recoveries=0, released=False))
    if not event.goes_on:
        _gather(draft, event.instance, replace(loop, deciding=False))
        return
    _put_loop(draft, event.instance, replace(loop, deciding=False, next=event.index + 1, active=(event.index,)))
    _open_item(draft, item_scope(event.instance, event.index), plan.body)


def _open_item(draft: Draft, path: ScopePath, body: ScopePlan) -> None:
    draft.add_scope(path, body)
    _start_roots(draft, path)


def _fold(draft: Draft, item: ScopePath) -> None:
    """Count an item that ended into its loop, and go on with the loop."""
    instance, index = split_scope(item)
    scope, running = draft.scope(item), _running_loop(draft, instance)
    if scope is None or running is None:
        return
    loop, plan = running
    if index not in loop.active:
        return
    draft.let_go(item)
    has_failed = scope.status is not RunStatus.COMPLETED
    loop = replace(
        loop,
        active=tuple(other for other in loop.active if other != index),
        succeeded=loop.succeeded + (not has_failed),
        failed=loop.failed + has_failed,
        last=scope.output if loop.total is None else None,
    )
    state = _put_loop(draft, instance, loop)
    if has_failed and not plan.collects_errors:
        path, node_id = split_instance(instance)
        cause = scope.error or Failure("item-failed", "an item failed")
        _fail(draft, path, draft.plan.nodes[node_id], state, replace(cause, retryable=False))
    else:
        _continue_loop(draft, instance, loop, plan)


def _release(draft: Draft) -> None:
    for path, scope in draft.scopes():
        for node_id, state in list(scope.nodes.items()):
            if state.awaits_answer and not state.released and not scope.status.is_ended:
                draft.put(path, node_id, replace(state, released=True))


def _take_over(draft: Draft) -> None:
    for path, scope in draft.scopes():
        if scope.status.is_ended:
            # Its end was stored, but not yet counted in its loop.
            draft.ended_items.append(path)
            continue
        for node_id in list(scope.nodes):
            # Looked up anew: one that crashed may have ended its scope, and with it all that was under way there.
            state = draft.node(instance_in(path, node_id))
            if state is not None and state.awaits_answer:
                _recover(draft, path, node_id, state)


def _recover(draft: Draft, path: ScopePath, node_id: NodeId, state: NodeState) -> None:
    if state.released:
        # Its last owner stopped in good order, which tells nothing about the attempt.
        draft.put(path, node_id, replace(state, released=False))
        return
    recovered = replace(state, recoveries=state.recoveries + 1)
    if recovered.recoveries < MAX_RECOVERIES:
        draft.put(path, node_id, recovered)
        return
    message = f"its process died {MAX_RECOVERIES} times in a row while this attempt was under way"
    _fail(draft, path, draft.plan.nodes[node_id], recovered, Failure("crashed", message))
