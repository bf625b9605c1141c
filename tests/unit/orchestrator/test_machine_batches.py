"""Several events in one step are the same events one after another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume.ids import Instance, Millis, NodeId
from orchestrator.events import (
    CancelRequested,
    Event,
    LoopOpened,
    NodeCompleted,
    NodeFailed,
    NodeSkipped,
    Released,
    RunStarted,
    StartAttempt,
    TakenOver,
    Tick,
)
from orchestrator.machine import advance, advance_all
from orchestrator.records import inline
from orchestrator.state import Failure, NodeState, NodeStatus
from tests.unit.orchestrator.plans import new_run, plan_of

PLAN = plan_of("a -> each, each -> b, a -> c, c -error-> d, b -> e", loops={"each": "x -> y"}, retry={"c": 2})
INSTANCES = [
    Instance(name) for name in ("a", "b", "c", "d", "e", "each", "each[0].x", "each[0].y", "each[1].x", "each[1].y")
]


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    done = NodeState(NodeStatus.COMPLETED, attempt=1, completed_at=Millis(0), port="out", output=inline("kept"))
    seeds = draw(st.dictionaries(st.sampled_from([NodeId("a"), NodeId("c"), NodeId("each")]), st.just(done)))
    made: list[Event] = [RunStarted(Millis(0), seeds)]
    for moment in range(draw(st.integers(0, 25))):
        at, instance, attempt = (
            Millis(moment * 1000),
            draw(st.sampled_from(INSTANCES)),
            draw(st.sampled_from([1, 1, 1, 2])),
        )
        made.append(
            draw(
                st.sampled_from(
                    [
                        NodeCompleted(at, instance, attempt, "out", inline(moment)),
                        NodeCompleted(at, instance, attempt, "out", inline(moment)),
                        NodeFailed(at, instance, attempt, Failure("broken", "it broke", retryable=True)),
                        NodeSkipped(at, instance, attempt),
                        LoopOpened(at, Instance("each"), attempt, 2),
                        Tick(at),
                        Released(at),
                        TakenOver(at),
                        *([CancelRequested(at)] if moment > 15 else []),
                    ]
                )
            )
        )
    return made


@pytest.mark.slow
@given(events(), st.data())
def test_events_in_one_step_give_what_they_give_one_by_one(history: list[Event], data: st.DataObject) -> None:
    run, commands = new_run(PLAN), []
    for event in history:
        run, more = advance(PLAN, run, event)
        commands.extend(more)
    together, gathered, rest = new_run(PLAN), [], history
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        together, more = advance_all(PLAN, together, rest[:size])
        gathered.extend(more)
        rest = rest[size:]
    assert (together, gathered) == (run, commands)


def test_what_was_taken_over_holds_for_the_beginning_and_not_for_what_comes_later_in_the_step() -> None:
    done = NodeState(NodeStatus.COMPLETED, attempt=1, completed_at=Millis(0), port="out", output=inline("kept"))
    answer = NodeCompleted(Millis(1), Instance("a"), 1, "out", inline(1))
    run, commands = advance_all(plan_of("a -> b"), new_run(PLAN), [RunStarted(Millis(0), {NodeId("b"): done}), answer])
    assert commands == (StartAttempt(Instance("a"), 1), StartAttempt(Instance("b"), 1))
    assert run.root.nodes[NodeId("b")].status is NodeStatus.RUNNING


def test_no_events_change_nothing() -> None:
    run = new_run(PLAN)
    assert advance_all(PLAN, run, ()) == (run, ())
