"""Attempts of one node: retries and their keys, waits, sleep, phases, answers that come late, and owners that die."""

from datetime import timedelta

import pytest

from flume.ids import Instance, Millis
from flume.pipeline import Backoff, RetryPolicy
from orchestrator.attempts import MAX_ATTEMPTS_KEPT
from orchestrator.events import (
    LoopOpened,
    NodeCompleted,
    NodeSlept,
    PhaseChanged,
    Released,
    StartAttempt,
    StopAttempt,
    Tick,
)
from orchestrator.records import inline
from orchestrator.recovery import is_asleep, pending, wake_at
from orchestrator.state import NULL, Failure, Phase
from tests.unit.orchestrator.plans import new_run, plan_of
from tests.unit.orchestrator.story import START, Story


def retried(attempts: int = 3) -> Story:
    """A run of one node that may be tried again, a second after each failure."""
    return Story(plan_of("a", retry={"a": attempts}))


def test_a_transient_failure_is_followed_by_another_attempt_after_the_delay() -> None:
    story = retried().fail("a", retryable=True)
    assert (story.node("a").status, story.node("a").due_at, story.commands) == ("retrying", START + 1000, ())
    assert story.wait(999).commands == ()
    assert story.wait(1).commands == (StartAttempt(Instance("a"), 2),)
    state = story.node("a")
    assert (state.status, state.attempt, state.started_at, state.due_at) == ("running", 2, START + 1000, None)


def test_a_permanent_failure_is_not_retried() -> None:
    assert retried().fail("a", retryable=False).status == "failed"


def test_no_more_attempts_are_made_than_allowed() -> None:
    story = retried(attempts=2).fail("a", retryable=True).wait(1000)
    assert story.fail("a", code="again", retryable=True).status == "failed"
    assert story.run.root.error == Failure("again", "it broke", True, Instance("a"))
    assert [(record.number, record.error is not None) for record in story.node("a").attempts] == [(1, True), (2, True)]


def test_a_node_without_a_retry_policy_is_tried_once() -> None:
    assert Story(plan_of("a")).fail("a", retryable=True).status == "failed"


def test_the_error_of_an_attempt_is_shown_while_it_waits_and_gone_once_it_completed() -> None:
    story = retried().fail("a", code="flaky", retryable=True)
    assert story.node("a").error == Failure("flaky", "it broke", True)
    story.wait(1000).complete("a", 1)
    assert story.node("a").error is None
    assert [record.error and record.error.code for record in story.node("a").attempts] == ["flaky", None]


def test_a_wait_asked_for_by_the_other_side_is_kept() -> None:
    story = retried().fail("a", retryable=True, retry_after_ms=60_000)
    assert story.node("a").due_at == START + 60_000


def test_the_wait_grows_with_the_attempt_that_failed() -> None:
    story = Story(plan_of("a", retry={"a": RetryPolicy(3, timedelta(seconds=1), Backoff.LINEAR, jitter=False)}))
    story.fail("a", retryable=True).wait(1000).fail("a", retryable=True)
    assert story.node("a").due_at == story.now + 2000


def test_the_wait_is_spread_by_the_event_s_jitter() -> None:
    story = Story(plan_of("a", retry={"a": RetryPolicy(2)})).fail("a", retryable=True, jitter=0.5)
    assert story.node("a").due_at == START + 750


def test_an_answered_failure_changes_the_key_and_the_moment_of_now() -> None:
    story = retried().fail("a", retryable=True, answered=True)
    assert (story.node("a").answered, story.node("a").ready_at) == (1, None)
    story.wait(1000)
    assert (story.node("a").answered, story.node("a").ready_at) == (1, START + 1000)


def test_an_unanswered_failure_keeps_the_key_and_the_moment_of_now() -> None:
    story = retried().fail("a", retryable=True, answered=False).wait(1000)
    assert (story.node("a").attempt, story.node("a").answered, story.node("a").ready_at) == (2, 0, START)
    story.fail("a", retryable=True, answered=True).wait(1000)
    assert (story.node("a").attempt, story.node("a").answered, story.node("a").ready_at) == (3, 1, START + 2000)


def test_the_answer_to_an_attempt_that_was_given_up_comes_too_late() -> None:
    story = retried().fail("a", code="timeout", retryable=True, answered=False)
    late = NodeCompleted(START, Instance("a"), 1, "out", inline("late"))
    assert story.ignores(late)
    story.wait(1000)
    assert story.ignores(late)
    assert story.complete("a", "in time").output == ("a", "in time")


def test_a_failure_that_comes_twice_costs_one_attempt() -> None:
    story = retried()
    failure = story.failure("a", retryable=True)
    story.send(failure)
    assert story.ignores(failure)
    story.wait(1000)
    assert story.ignores(failure)


def test_only_the_latest_attempts_are_kept() -> None:
    story = retried(attempts=MAX_ATTEMPTS_KEPT + 3)
    for _ in range(MAX_ATTEMPTS_KEPT + 2):
        story.fail("a", retryable=True).wait(1000)
    story.complete("a")
    assert [record.number for record in story.node("a").attempts] == list(range(4, MAX_ATTEMPTS_KEPT + 4))


def test_each_attempt_records_when_it_began_and_ended() -> None:
    story = retried().wait(50).fail("a", retryable=True).wait(1000).wait(7).complete("a")
    assert [(record.started_at, record.ended_at) for record in story.node("a").attempts] == [
        (START, START + 50),
        (START + 1050, START + 1057),
    ]


def test_when_is_evaluated_again_by_a_later_attempt() -> None:
    assert retried().fail("a", retryable=True).wait(1000).skip("a").statuses() == {"a": "skipped"}


def test_a_sleeping_node_completes_with_its_output_when_it_is_due() -> None:
    story = Story(plan_of("a -> b")).sleep("a", 5000, "slept")
    assert (story.statuses(), story.commands) == ({"a": "waiting"}, ())
    assert (wake_at(story.run), is_asleep(story.run), pending(story.plan, story.run)) == (START + 5000, True, ())
    assert story.wait(4999).statuses() == {"a": "waiting"}
    assert story.wait(1).commands == (StartAttempt(Instance("b"), 1),)
    state = story.node("a")
    assert (state.status, state.port, state.output) == ("completed", "out", inline("slept"))
    assert (state.completed_at, state.due_at, state.answered) == (START + 5000, None, 1)
    assert [(record.started_at, record.ended_at) for record in state.attempts] == [(START, START + 5000)]


def test_a_sleeping_node_takes_no_other_answer() -> None:
    story = Story(plan_of("a, b", remote={"a"})).sleep("a", 5000)
    assert story.node("a").phase is None
    assert story.ignores(story.failure("a", retryable=True))
    assert story.ignores(NodeCompleted(START, Instance("a"), 1, "out", NULL))
    assert story.ignores(NodeSlept(START, Instance("a"), 1, START, NULL))


def test_all_that_is_due_goes_on_in_one_step() -> None:
    story = Story(plan_of("a, b, c, d", retry={"c": 2})).sleep("a", 10).sleep("b", 2000).fail("c", retryable=True)
    assert wake_at(story.run) == START + 10
    story.wait(1000)
    assert story.statuses() == {"a": "completed", "b": "waiting", "c": "running", "d": "running"}


def test_an_attempt_outside_the_engine_goes_through_its_phases_forward_only() -> None:
    story = Story(plan_of("a", remote={"a"}))
    assert story.node("a").phase is Phase.QUEUED
    assert story.ignores(PhaseChanged(START, Instance("a"), 1, Phase.QUEUED))
    story.send(PhaseChanged(START, Instance("a"), 1, Phase.EXECUTING))
    assert story.node("a").phase is Phase.EXECUTING
    assert story.ignores(PhaseChanged(START, Instance("a"), 1, Phase.STARTING))
    assert story.ignores(PhaseChanged(START, Instance("a"), 2, Phase.EXECUTING))
    assert story.complete("a").node("a").phase is None


def test_a_new_attempt_outside_the_engine_queues_again() -> None:
    story = Story(plan_of("a", remote={"a"}, retry={"a": 2}))
    story.send(PhaseChanged(START, Instance("a"), 1, Phase.STARTING)).fail("a", retryable=True)
    assert story.node("a").phase is None
    assert story.wait(1000).node("a").phase is Phase.QUEUED


def test_an_attempt_in_the_engine_has_no_phase() -> None:
    story = Story(plan_of("a", retry={"a": 2}))
    assert story.node("a").phase is None
    assert story.ignores(PhaseChanged(START, Instance("a"), 1, Phase.EXECUTING))
    assert story.fail("a", retryable=True).wait(1000).node("a").phase is None


def test_a_new_owner_carries_out_what_is_unanswered_under_the_same_attempt() -> None:
    story = Story(plan_of("a, b, c, d", retry={"c": 2}))
    story.complete("a").sleep("b", 50).fail("c", retryable=True).take_over()
    assert story.commands == ()
    assert pending(story.plan, story.run) == (StartAttempt(Instance("d"), 1),)
    assert (story.node("d").recoveries, story.node("d").attempt, story.node("d").answered) == (1, 1, 0)
    assert (story.node("b").recoveries, story.node("c").recoveries) == (0, 0)


def test_an_attempt_whose_owners_died_three_times_in_a_row_has_crashed() -> None:
    story = Story(plan_of("a -> b", retry={"a": 9})).take_over().take_over()
    assert (story.status, story.node("a").recoveries) == ("running", 2)
    story.take_over()
    assert story.status == "failed"
    assert story.run.root.error is not None
    assert (story.run.root.error.code, story.run.root.error.node) == ("crashed", "a")


def test_an_owner_that_stops_in_good_order_is_no_death() -> None:
    story = Story(plan_of("a, b, each", loops={"each": "x"})).complete("b").open_loop("each", 1)
    for _ in range(5):
        story.release().take_over()
    assert (story.node("a").recoveries, story.node("each[0].x").recoveries, story.status) == (0, 0, "running")
    assert story.take_over().node("a").recoveries == 1
    assert story.release().take_over().node("a").recoveries == 1


def test_releasing_a_run_with_nothing_under_way_changes_nothing() -> None:
    story = Story(plan_of("a, b", retry={"b": 2})).sleep("a", 50).fail("b", retryable=True)
    assert story.ignores(Released(story.now))
    assert Story(plan_of("a")).release().ignores(Released(START))


def test_a_release_counts_for_the_attempt_it_met_alone() -> None:
    story = retried().release().fail("a", retryable=True).wait(1000)
    assert story.take_over().node("a").recoveries == 1


def test_a_release_counts_for_the_step_of_a_loop_it_met_alone() -> None:
    story = Story(plan_of("each", loops={"each": "x"}, limits={"each": 5})).open_loop("each", None).release()
    story.decide("each", 0, True).complete("each[0].x").take_over()
    assert story.node("each").recoveries == 1
    opened = Story(plan_of("each", loops={"each": "x"}, limits={"each": 5})).release().open_loop("each", None)
    assert opened.take_over().node("each").recoveries == 1


@pytest.mark.parametrize(
    ("began", "took", "timing"),
    [
        (None, 10, (0, 10)),
        (4, 10, (4, 6)),
        (0, 0, (0, 0)),
        (-5, 10, (0, 10)),
        (15, 10, (10, 0)),
        (4, -10, (0, 0)),
    ],
)
def test_the_parts_of_an_attempts_time_add_up_to_it_whatever_the_clock_did(
    began: int | None, took: int, timing: tuple[int, int]
) -> None:
    moment = None if began is None else Millis(START + began)
    parts = {"queuedMs": timing[0], "coldStartMs": 0, "executeMs": timing[1]}
    for end in ("complete", "fail", "retry"):
        story = retried() if end == "retry" else Story(plan_of("a"))
        story.now = Millis(START + took)
        if end == "complete":
            story.complete("a", began=moment)
        else:
            story.fail("a", retryable=end == "retry", began=moment)
        assert story.node("a").attempts[0].timing == parts
        assert end == "retry" or story.node("a").meta == {"timing": parts}


def test_a_sleeper_has_spent_all_its_time() -> None:
    story = Story(plan_of("a")).sleep("a", 30).wait(30)
    assert story.node("a").meta == {"timing": {"queuedMs": 0, "coldStartMs": 0, "executeMs": 30}}


def test_a_crash_takes_the_error_edge_like_any_failure() -> None:
    story = Story(plan_of("a -error-> b")).take_over().take_over().take_over()
    assert story.statuses() == {"a": "failed", "b": "running"}


def test_recoveries_are_counted_for_each_attempt_anew() -> None:
    story = retried().take_over().take_over().fail("a", retryable=True).wait(1000)
    assert story.node("a").recoveries == 0
    assert story.take_over().take_over().status == "running"


def test_a_crash_that_ends_the_run_leaves_nothing_under_way() -> None:
    story = Story(plan_of("a, b -> c, d")).take_over()
    story.complete("b").take_over().take_over()
    assert story.status == "failed"
    assert story.statuses() == {"a": "failed", "b": "completed", "c": "cancelled", "d": "cancelled"}


def test_of_two_nodes_that_crash_together_one_is_blamed_and_the_other_cancelled() -> None:
    story = Story(plan_of("a, b")).take_over().take_over().take_over()
    assert story.statuses() == {"a": "failed", "b": "cancelled"}
    assert story.commands == (StopAttempt(Instance("b"), 1),)


def test_nothing_starts_behind_a_node_whose_scope_ended_in_the_same_step() -> None:
    story = Story(plan_of("a -error-> after, b")).take_over().take_over().take_over()
    assert (story.status, story.commands) == ("failed", ())
    assert story.statuses() == {"a": "failed", "b": "failed"}


def test_taking_over_a_run_that_has_not_begun_changes_nothing() -> None:
    story = Story(plan_of("a"))
    story.run = new_run(story.plan)
    assert story.ignores(Tick(START))
    story.take_over()
    assert story.run == new_run(story.plan)


@pytest.mark.parametrize("total", [0, 2, None])
def test_only_a_loop_opens_items(total: int | None) -> None:
    story = Story(plan_of("a"))
    assert story.ignores(LoopOpened(START, Instance("a"), 1, total))
