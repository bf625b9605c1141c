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
from flume.values import JsonObject
from orchestrator.draft import Draft
from orchestrator.events import (
    GATHERING,
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
    RunAborted,
    RunStarted,
    StartAttempt,
    StopAttempt,
    TakenOver,
    Tick,
)
from orchestrator.retries import retry_delay_ms
from orchestrator.state import (
    NULL,
    AttemptRecord,
    Failure,
    LoopState,
    ManyOutputs,
    NodeState,
    NodeStatus,
    Phase,
    Run,
    RunStatus,
    ScopeOutput,
    SingleOutput,
    Stored,
)

MAX_RECOVERIES = 3
"""An attempt that was under way when this many owners in a row died is taken to be what kills them."""

MAX_ATTEMPTS_KEPT = 10

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
            _end_scope(draft, ROOT, RunStatus.CANCELLED, Failure("cancelled", event.reason))
        case RunAborted():
            _end_scope(draft, ROOT, RunStatus.FAILED, event.failure)
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
        _end_scope(draft, path, RunStatus.COMPLETED)


def _begin(draft: Draft, event: RunStarted) -> None:
    root = draft.scope(ROOT)
    if root is None or root.status is not RunStatus.PENDING:
        return
    scope = draft.open(ROOT)
    scope.status, scope.started_at = RunStatus.RUNNING, event.at
    if draft.plan.timeout is not None:
        draft.deadline_at = Millis(event.at + int(draft.plan.timeout.total_seconds() * 1000))
    draft.seeds = event.seeds
    _start_roots(draft, ROOT)


def _start_roots(draft: Draft, path: ScopePath) -> None:
    plan = draft.plan.scope(path)
    for node_id in plan.roots:
        _start(draft, path, plan.nodes[node_id])
    if not plan.order:
        _end_scope(draft, path, RunStatus.COMPLETED)


def _start(draft: Draft, path: ScopePath, node: PlanNode) -> None:
    seed = draft.seeds.get(node.id) if path == ROOT else None
    if seed is not None and seed.status.is_settled:
        _settle_with_output(draft, path, node, seed)
        return
    if seed is not None and seed.loop is not None and node.loop is not None:
        draft.count(seed.loop.items)
        draft.put(path, node.id, seed)
        _continue_loop(draft, instance_in(path, node.id), seed.loop, node.loop)
        return
    phase = None if node.lane is Lane.ENGINE else Phase.QUEUED
    state = NodeState(NodeStatus.RUNNING, attempt=1, phase=phase, ready_at=draft.at, started_at=draft.at)
    draft.put(path, node.id, state)
    draft.commands.append(StartAttempt(instance_in(path, node.id), 1))


def _settle_with_output(draft: Draft, path: ScopePath, node: PlanNode, state: NodeState) -> None:
    """The node has finished, and its output answers the caller that waits, if it is the first to do so."""
    draft.count(state.output)
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
    loop = None if state.loop is None else replace(state.loop, gathering=False, items=None, last=None)
    settled = _ended(state, NodeStatus.COMPLETED, event.at, None, event.port, event.output, event.meta, loop)
    _settle_with_output(draft, path, node, settled)


def _ended(
    state: NodeState,
    status: NodeStatus,
    at: Millis,
    failure: Failure | None,
    port: str | None,
    output: Stored | None,
    meta: JsonObject | None = None,
    loop: LoopState | None = None,
) -> NodeState:
    """A node whose present attempt got its last answer."""
    # Written out, since every node passes here and `dataclasses.replace` costs several times as much.
    return NodeState(
        status=status,
        attempt=state.attempt,
        answered=state.answered + 1,
        ready_at=state.ready_at,
        started_at=state.started_at,
        completed_at=at,
        port=port,
        output=output,
        meta=meta,
        error=failure,
        attempts=_with_attempt(state, at, failure),
        loop=loop,
    )


def _with_attempt(state: NodeState, at: Millis, failure: Failure | None) -> tuple[AttemptRecord, ...]:
    record = AttemptRecord(state.attempt, state.started_at if state.started_at is not None else at, at, failure)
    return (*state.attempts, record)[-MAX_ATTEMPTS_KEPT:]


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
    if state is None or not state.awaits_answer or event.step != _step_of(state):
        return
    path, node_id = split_instance(event.instance)
    node = draft.plan.nodes[node_id]
    if state.loop is None and event.failure.retryable and event.attempt < node.retry.attempts:
        draft.put(path, node_id, _retrying(node, state, event))
    else:
        _fail(draft, path, node, state, event.failure)


def _step_of(state: NodeState) -> int | None:
    """Which command about the node is unanswered, as `NodeFailed.step` names it."""
    if state.loop is None:
        return None
    return GATHERING if state.loop.gathering else state.loop.next


def _retrying(node: PlanNode, state: NodeState, event: NodeFailed) -> NodeState:
    delay = retry_delay_ms(node.retry, event.attempt, jitter=event.jitter, retry_after_ms=event.retry_after_ms)
    return replace(
        state,
        status=NodeStatus.RETRYING,
        phase=None,
        answered=state.answered + event.answered,
        recoveries=0,
        # An unanswered attempt is repeated under the same key, so it must render to the same bytes: `$now` stays.
        ready_at=None if event.answered else state.ready_at,
        due_at=Millis(event.at + delay),
        error=event.failure,
        attempts=_with_attempt(state, event.at, event.failure),
    )


def _fail(draft: Draft, path: ScopePath, node: PlanNode, state: NodeState, failure: Failure) -> None:
    """The node has failed for good."""
    _cancel_items(draft, instance_in(path, node.id), state)
    blamed = failure if failure.node is not None else replace(failure, node=instance_in(path, node.id))
    port = ERROR if node.takes_errors else OUT if node.on_error is OnError.CONTINUE else None
    failed = _ended(state, NodeStatus.FAILED, draft.at, blamed, port, NULL, loop=state.loop)
    if port is not None:
        draft.settle(path, node.id, failed)
    else:
        draft.put(path, node.id, failed)
        _end_scope(draft, path, RunStatus.FAILED, blamed)


def _tick(draft: Draft) -> None:
    if draft.deadline_at is not None and draft.at >= draft.deadline_at:
        _end_scope(draft, ROOT, RunStatus.FAILED, Failure("run-timeout", "the run took longer than its timeout allows"))
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
            awake = _ended(state, NodeStatus.COMPLETED, draft.at, None, OUT, state.output)
            _settle_with_output(draft, path, draft.plan.nodes[node_id], awake)


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
    draft.count(event.items)
    loop = LoopState(total=event.total, items=event.items)
    draft.put(path, node_id, replace(state, recoveries=0, loop=loop))
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
    draft.put(path, node_id, replace(draft.open(path).nodes[node_id], recoveries=0))
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
    failed = scope.status is not RunStatus.COMPLETED
    loop = replace(
        loop,
        active=tuple(other for other in loop.active if other != index),
        succeeded=loop.succeeded + (not failed),
        failed=loop.failed + failed,
        last=scope.output if loop.total is None else None,
    )
    state = _put_loop(draft, instance, loop)
    if failed and not plan.collects_errors:
        path, node_id = split_instance(instance)
        cause = scope.error or Failure("item-failed", "an item failed")
        _fail(draft, path, draft.plan.nodes[node_id], state, replace(cause, retryable=False))
    else:
        _continue_loop(draft, instance, loop, plan)


def _end_scope(draft: Draft, path: ScopePath, status: RunStatus, error: Failure | None = None) -> None:
    scope = draft.open(path)
    scope.status, scope.completed_at, scope.error = status, draft.at, error
    if status is RunStatus.COMPLETED:
        scope.output = _output_of(draft, path)
    else:
        _cancel_nodes(draft, path)
    if path != ROOT:
        draft.ended_items.append(path)


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
    scope = draft.open(path)
    for node_id, state in list(scope.nodes.items()):
        if state.status.is_settled:
            continue
        instance = instance_in(path, node_id)
        _cancel_items(draft, instance, state)
        if state.status is NodeStatus.RUNNING and state.loop is None:
            draft.commands.append(StopAttempt(instance, state.attempt))
        scope.nodes[node_id] = replace(
            state, status=NodeStatus.CANCELLED, phase=None, due_at=None, output=None, completed_at=draft.at
        )


def _cancel_items(draft: Draft, instance: Instance, state: NodeState) -> None:
    """End the items of a loop that are under way, without folding them: the loop itself is ending."""
    for index in state.loop.active if state.loop is not None else ():
        path = item_scope(instance, index)
        scope = draft.scope(path)
        if scope is None or scope.status.is_ended:
            continue
        opened = draft.open(path)
        opened.status, opened.completed_at = RunStatus.CANCELLED, draft.at
        _cancel_nodes(draft, path)


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
    recovered = replace(state, recoveries=state.recoveries + 1)
    if recovered.recoveries < MAX_RECOVERIES:
        draft.put(path, node_id, recovered)
        return
    message = f"its process died {MAX_RECOVERIES} times in a row while this attempt was under way"
    _fail(draft, path, draft.plan.nodes[node_id], recovered, Failure("crashed", message))
