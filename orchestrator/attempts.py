"""What an answer makes of a node's state: its last one, or the wait for another attempt. Pure, like the machine that asks.

An attempt lasts from ``started_at`` to its answer. How that time was spent is worked out here and nowhere else, so that
the parts add up to the whole.
"""

from dataclasses import replace

from flume.ids import Millis
from flume.plan import PlanNode
from flume.values import JsonObject
from orchestrator.events import GATHERING, NodeCompleted, NodeFailed
from orchestrator.retries import retry_delay_ms
from orchestrator.state import NULL, AttemptRecord, Failure, LoopState, NodeState, NodeStatus

MAX_ATTEMPTS_KEPT = 10


def completed(state: NodeState, event: NodeCompleted) -> NodeState:
    """A node that has done its work. A loop's values are of no more use then."""
    timing = time_spent(state, event.at, event.began, event.cold_ms)
    # Written out here and below: every node passes here, and `dataclasses.replace` costs several times as much.
    return NodeState(
        status=NodeStatus.COMPLETED,
        attempt=state.attempt,
        answered=state.answered + 1,
        ready_at=state.ready_at,
        started_at=state.started_at,
        completed_at=event.at,
        port=event.port,
        output=event.output,
        meta={"timing": timing} if event.meta is None else {**event.meta, "timing": timing},
        attempts=_with_attempt(state, event.at, timing, None),
        loop=None if state.loop is None else replace(state.loop, gathering=False, items=None, last=None),
    )


def failed(
    state: NodeState, at: Millis, failure: Failure, *, port: str | None, began: Millis | None, cold_ms: int = 0
) -> NodeState:
    """A node that has failed for good; ``port`` None: nothing follows from it."""
    timing = time_spent(state, at, began, cold_ms)
    return NodeState(
        status=NodeStatus.FAILED,
        attempt=state.attempt,
        answered=state.answered + 1,
        ready_at=state.ready_at,
        started_at=state.started_at,
        completed_at=at,
        port=port,
        output=NULL,
        meta={"timing": timing},
        error=failure,
        attempts=_with_attempt(state, at, timing, failure),
        loop=state.loop,
    )


def retrying(node: PlanNode, state: NodeState, event: NodeFailed) -> NodeState:
    """A node that waits for its next attempt."""
    delay = retry_delay_ms(node.retry, event.attempt, jitter=event.jitter, retry_after_ms=event.retry_after_ms)
    timing = time_spent(state, event.at, event.began, event.cold_ms)
    return replace(
        state,
        status=NodeStatus.RETRYING,
        phase=None,
        answered=state.answered + event.answered,
        recoveries=0,
        released=False,
        # An unanswered attempt is repeated under the same key, so it must render to the same bytes: `$now` stays.
        ready_at=None if event.answered else state.ready_at,
        due_at=Millis(event.at + delay),
        error=event.failure,
        attempts=_with_attempt(state, event.at, timing, event.failure),
    )


def time_spent(state: NodeState, at: Millis, began: Millis | None, cold_ms: int = 0) -> JsonObject:
    """How an attempt that ends now has spent its time, in whole milliseconds: the parts of ``meta.timing``.

    ``began`` is when it was taken up; None if nothing had to wait. The parts add up whatever the clock did meanwhile.
    """
    started = at if state.started_at is None else state.started_at
    whole = max(at - started, 0)
    before = 0 if began is None else min(max(began - started, 0), whole)
    cold = min(cold_ms, before)
    return {"queuedMs": before - cold, "coldStartMs": cold, "executeMs": whole - before}


def step_of(loop: LoopState | None) -> int | None:
    """Which command about a node is unanswered, as `NodeFailed.step` names it."""
    if loop is None:
        return None
    return GATHERING if loop.gathering else loop.next


def _with_attempt(
    state: NodeState, at: Millis, timing: JsonObject, failure: Failure | None
) -> tuple[AttemptRecord, ...]:
    started = at if state.started_at is None else state.started_at
    return (*state.attempts, AttemptRecord(state.attempt, started, at, failure, timing))[-MAX_ATTEMPTS_KEPT:]
