"""How a run ends, that it ends once, and what its owner asks between events: what is pending, when to wake, what to keep."""

from dataclasses import replace
from datetime import timedelta

import pytest

from flume.ids import Instance, Millis, ScopePath
from orchestrator.events import (
    CancelRequested,
    Event,
    NodeCompleted,
    PhaseChanged,
    RunAborted,
    RunStarted,
    StartAttempt,
    StopAttempt,
    TakenOver,
    Tick,
)
from orchestrator.machine import advance
from orchestrator.recovery import is_asleep, pending, restored, wake_at, without_ended_items
from orchestrator.state import NULL, Arrivals, Failure, NodeState, NodeStatus, Phase
from tests.unit.orchestrator.plans import new_run, plan_of
from tests.unit.orchestrator.story import START, Story


def busy_story() -> Story:
    """A run with nodes of every kind: completed, running, waiting, retrying and not reached."""
    story = Story(plan_of("done, run -> later, nap, again", retry={"again": 2}, remote={"run"}))
    return story.complete("done", 1).sleep("nap", 5000, "slept").fail("again", retryable=True)


def test_cancelling_ends_the_run_in_that_step_and_stops_what_runs() -> None:
    story = busy_story()
    story.now = Millis(START + 7)
    story.send(CancelRequested(story.now, "no longer wanted"))
    assert story.status == "cancelled"
    assert story.run.root.error == Failure("cancelled", "no longer wanted")
    assert story.run.root.completed_at == START + 7
    assert story.commands == (StopAttempt(Instance("run"), 1),)
    assert story.statuses() == {"done": "completed", "run": "cancelled", "nap": "cancelled", "again": "cancelled"}
    assert story.output is None


def test_what_a_cancelled_node_had_begun_is_gone() -> None:
    story = busy_story().cancel()
    for node_id in ("run", "nap", "again"):
        state = story.node(node_id)
        assert (state.phase, state.due_at, state.output, state.completed_at) == (None, None, None, START)


def test_a_run_may_be_cancelled_before_it_began() -> None:
    plan = plan_of("a")
    run, commands = advance(plan, new_run(plan), CancelRequested(START))
    assert (run.status, commands, dict(run.root.nodes)) == ("cancelled", (), {})


def test_a_run_that_takes_longer_than_its_timeout_fails() -> None:
    story = Story(plan_of("a -> b", timeout=timedelta(milliseconds=1500)))
    assert (story.run.deadline_at, wake_at(story.run)) == (START + 1500, START + 1500)
    assert story.wait(1499).status == "running"
    story.wait(1)
    assert (story.status, story.commands) == ("failed", (StopAttempt(Instance("a"), 1),))
    assert story.run.root.error == Failure("run-timeout", "the run took longer than its timeout allows")


def test_a_timeout_comes_before_whatever_else_is_due() -> None:
    story = Story(plan_of("a -> b", timeout=timedelta(seconds=1))).sleep("a", 500)
    assert wake_at(story.run) == START + 500
    assert story.wait(2000).statuses() == {"a": "cancelled"}


def test_a_run_without_a_timeout_has_no_deadline() -> None:
    story = Story(plan_of("a"))
    assert (story.run.deadline_at, wake_at(story.run)) == (None, None)
    assert story.ignores(Tick(Millis(10**15)))


def test_a_run_that_flume_gives_up_fails_with_the_given_reason() -> None:
    reason = Failure("definition-gone", "its version was deleted")
    story = busy_story().send(RunAborted(START, reason))
    assert (story.status, story.run.root.error) == ("failed", reason)
    assert story.commands == (StopAttempt(Instance("run"), 1),)


def finished() -> Story:
    return Story(plan_of("a -> b")).complete("a").complete("b", 1)


def failed() -> Story:
    return Story(plan_of("a -> b, c")).fail("a")


def cancelled() -> Story:
    return Story(plan_of("a -> b, c")).cancel()


@pytest.mark.parametrize("ended", [finished(), failed(), cancelled()], ids=["completed", "failed", "cancelled"])
@pytest.mark.parametrize(
    "event",
    [
        RunStarted(START),
        NodeCompleted(START, Instance("a"), 1, "out", NULL),
        NodeCompleted(START, Instance("c"), 1, "out", NULL),
        PhaseChanged(START, Instance("c"), 1, Phase.EXECUTING),
        Tick(Millis(10**15)),
        CancelRequested(START),
        RunAborted(START, Failure("aborted", "it can't go on")),
        TakenOver(START),
    ],
    ids=lambda event: type(event).__name__,
)
def test_nothing_changes_a_run_that_ended(ended: Story, event: Event) -> None:
    assert ended.ignores(event)


@pytest.mark.parametrize("ended", [finished(), failed(), cancelled()], ids=["completed", "failed", "cancelled"])
def test_of_a_run_that_ended_nothing_is_pending_or_due(ended: Story) -> None:
    assert pending(ended.plan, ended.run) == ()
    assert wake_at(ended.run) is None
    assert not is_asleep(ended.run)


def test_of_a_run_that_has_not_begun_nothing_is_pending_or_due() -> None:
    plan = plan_of("a", timeout=timedelta(seconds=1))
    run = new_run(plan)
    assert (pending(plan, run), wake_at(run), is_asleep(run)) == ((), None, False)


def test_an_item_that_a_store_kept_under_way_in_a_run_that_ended_is_not_pending() -> None:
    story = Story(plan_of("each", loops={"each": "x"})).open_loop("each", 1)
    item = story.run.scopes[ScopePath("each[0]")]
    run = story.cancel().run
    stray = replace(run, scopes={**run.scopes, ScopePath("each[0]"): item})
    assert pending(story.plan, stray) == ()


def test_a_deadline_of_a_run_that_ended_wakes_nobody() -> None:
    assert wake_at(Story(plan_of("a", timeout=timedelta(seconds=1))).complete("a").run) is None


def test_pending_are_the_attempts_that_run_not_those_that_wait() -> None:
    story = busy_story()
    assert pending(story.plan, story.run) == (StartAttempt(Instance("run"), 1),)


def test_a_run_wakes_at_the_earliest_due_time() -> None:
    assert wake_at(busy_story().run) == START + 1000
    assert wake_at(busy_story().wait(1000).run) == START + 5000


def test_a_run_sleeps_while_only_time_can_move_it() -> None:
    story = busy_story()
    assert not is_asleep(story.run)
    assert is_asleep(story.complete("run").complete("later").run)


def test_a_run_from_a_store_goes_on_where_it_was() -> None:
    story = Story(plan_of("a -> c, b -> c, d -true-> c")).complete("a").complete("d", port="false")
    bare = replace(story.run.root, arrivals={}, unsettled=0)
    story.run = restored(story.plan, replace(story.run, scopes={ScopePath(""): bare}))
    assert story.run.root.arrivals == {"c": Arrivals(open=1, taken=True)}
    assert story.run.root.unsettled == 2
    assert story.complete("b").commands == (StartAttempt(Instance("c"), 1),)
    assert story.complete("c").status == "completed"


def test_only_ended_items_that_are_stored_as_they_are_may_be_put_away() -> None:
    story = Story(plan_of("each", loops={"each": "x"})).open_loop("each", 3)
    first = story.complete("each[0].x").run
    second = story.complete("each[1].x").run
    assert set(without_ended_items(second, stored=first).scopes) == {"", "each[1]", "each[2]"}
    assert set(without_ended_items(second, stored=second).scopes) == {"", "each[2]"}
    assert without_ended_items(first, stored=story.run.__class__(first.origin, {})) is first


def test_a_run_that_ended_keeps_its_root() -> None:
    run = Story(plan_of("each", loops={"each": "x"})).open_loop("each", 1).complete("each[0].x").complete("each").run
    assert set(without_ended_items(run, stored=run).scopes) == {""}


def test_a_run_without_loops_has_nothing_to_put_away() -> None:
    run = Story(plan_of("a")).run
    assert without_ended_items(run, stored=run) is run


def test_the_same_events_give_the_same_run_and_the_same_commands() -> None:
    def told() -> tuple[object, ...]:
        story = Story(plan_of("a -> b, each -> c", loops={"each": "x -> y"}, retry={"a": 2}))
        story.fail("a", retryable=True, jitter=0.25).open_loop("each", 3).complete("each[2].x").wait(2000)
        return story.run, story.commands

    assert told() == told()


def test_a_step_leaves_the_run_it_began_with_as_it_was() -> None:
    plan = plan_of("a -> b", loops={"b": "x"})
    before = Story(plan).run
    kept = replace(
        before, scopes={path: replace(scope, nodes=dict(scope.nodes)) for path, scope in before.scopes.items()}
    )
    advance(plan, before, NodeCompleted(START, Instance("a"), 1, "out", NULL))
    advance(plan, before, CancelRequested(START))
    assert before == kept


def test_a_node_that_was_never_reached_stays_without_a_state() -> None:
    story = failed()
    assert story.run.root.nodes.get("b") is None  # type: ignore[call-overload]
    assert story.node("c") == NodeState(
        NodeStatus.CANCELLED, attempt=1, ready_at=START, started_at=START, completed_at=START
    )
