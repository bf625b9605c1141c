"""Loops: how many items are under way, what a failed one means, ``while``, loops in loops, and what a new run takes over."""

from dataclasses import replace
from typing import Any

import pytest

from flume.ids import Instance, Millis, ScopePath
from orchestrator.events import (
    DecideLoopStep,
    GatherLoop,
    LoopOpened,
    LoopStepDecided,
    NodeCompleted,
    NodeSkipped,
    NodeSlept,
    StartAttempt,
    StopAttempt,
)
from orchestrator.records import inline
from orchestrator.recovery import is_asleep, pending, restored
from orchestrator.state import NULL, Failure, LoopState, NodeState, NodeStatus, RunStatus, SingleOutput
from tests.unit.orchestrator.plans import plan_of
from tests.unit.orchestrator.story import START, Story


def loop_story(total: int | None, *, body: str = "x", **traits: Any) -> Story:
    """A run in which the loop ``each`` was opened; ``after`` follows it."""
    return Story(plan_of("each -> after", loops={"each": body}, **traits)).open_loop("each", total)


def start(instance: str) -> StartAttempt:
    return StartAttempt(Instance(instance), 1)


GATHER = GatherLoop(Instance("each"), 1)


def test_a_loop_asks_for_its_items_like_any_node() -> None:
    assert Story(plan_of("each", loops={"each": "x"})).commands == (start("each"),)


def test_a_loop_without_items_gathers_nothing_and_completes() -> None:
    story = loop_story(0)
    assert story.commands == (GATHER,)
    assert story.complete("each", []).commands == (start("after"),)
    assert story.loop("each") == LoopState(total=0)


def test_no_more_items_are_under_way_than_the_concurrency() -> None:
    story = loop_story(5, concurrency={"each": 2})
    assert story.commands == (start("each[0].x"), start("each[1].x"))
    assert story.complete("each[1].x").commands == (start("each[2].x"),)
    assert (story.loop("each").active, story.loop("each").next) == ((0, 2), 3)


def test_a_loop_gathers_once_all_its_items_ended_and_leaves_by_the_gathered_result() -> None:
    story = loop_story(2).complete("each[1].x")
    assert (story.commands, story.status) == ((), "running")
    assert story.complete("each[0].x").commands == (GATHER,)
    story.complete("each", ["a", "b"])
    assert (story.node("each").status, story.node("each").output) == ("completed", inline(["a", "b"]))
    assert story.loop("each") == LoopState(total=2, next=2, succeeded=2)


def test_a_loop_forgets_its_items_once_it_completed() -> None:
    story = Story(plan_of("each", loops={"each": "x"})).open_loop("each", 1, ["a"])
    assert story.loop("each").items == inline(["a"])
    assert story.complete("each[0].x").complete("each").loop("each").items is None


def test_the_result_of_an_item_follows_the_rule_of_a_run() -> None:
    story = loop_story(1, body="x -> y").complete("each[0].x", 1).complete("each[0].y", 2)
    scope = story.run.scopes[ScopePath("each[0]")]
    assert (scope.status, scope.output) == (RunStatus.COMPLETED, SingleOutput("y", inline(2)))  # type: ignore[arg-type]
    assert (scope.started_at, scope.completed_at) == (START, START)


def test_an_item_with_an_empty_body_ends_at_once() -> None:
    story = loop_story(30, body="", concurrency={"each": 2})
    assert (story.commands, story.loop("each").succeeded) == ((GATHER,), 30)


def test_items_move_on_their_own() -> None:
    story = loop_story(2, body="x -true-> y, x -false-> z")
    story.complete("each[0].x", port="true").complete("each[1].x", port="false")
    assert story.statuses("each[0]") == {"x": "completed", "y": "running", "z": "skipped"}
    assert story.statuses("each[1]") == {"x": "completed", "y": "skipped", "z": "running"}


def test_an_item_that_fails_ends_the_loop_and_cancels_the_others() -> None:
    story = loop_story(4, concurrency={"each": 3}).fail("each[1].x", code="refused")
    assert story.commands == (StopAttempt(Instance("each[0].x"), 1), StopAttempt(Instance("each[2].x"), 1))
    assert [story.scope_status(f"each[{index}]") for index in range(3)] == ["cancelled", "failed", "cancelled"]
    assert story.statuses("each[0]") == {"x": "cancelled"}
    assert story.run.scopes[ScopePath("each[0]")].completed_at == START
    assert (story.status, story.node("each").status) == ("failed", "failed")
    assert story.run.root.error == Failure("refused", "it broke", node=Instance("each[1].x"))


def test_a_failed_item_fails_its_loop_even_if_the_failure_was_transient() -> None:
    story = loop_story(1, retry={"each": 5}).fail("each[0].x", retryable=True)
    assert story.run.root.error == Failure("broken", "it broke", False, Instance("each[0].x"))


def test_a_loop_that_failed_takes_its_error_edges_and_the_run_goes_on() -> None:
    story = Story(plan_of("each -error-> mend", loops={"each": "x"})).open_loop("each", 2).fail("each[0].x")
    assert story.statuses() == {"each": "failed", "mend": "running"}
    assert (story.loop("each").failed, story.scope_status("each[1]")) == (1, "cancelled")


def test_a_loop_that_collects_errors_goes_on_after_a_failed_item() -> None:
    story = loop_story(3, concurrency={"each": 1}, collects={"each"})
    assert story.fail("each[0].x").commands == (start("each[1].x"),)
    story.complete("each[1].x")
    assert story.fail("each[2].x").commands == (GATHER,)
    assert (story.loop("each").succeeded, story.loop("each").failed) == (1, 2)
    assert story.run.scopes[ScopePath("each[0]")].error == Failure("broken", "it broke", node=Instance("each[0].x"))


def test_a_failed_node_that_its_item_forgives_is_no_failed_item() -> None:
    story = loop_story(1, continues={"x"}).fail("each[0].x")
    assert (story.commands, story.loop("each").succeeded) == ((GATHER,), 1)


def test_nodes_in_items_are_retried_on_their_own() -> None:
    story = loop_story(2, retry={"x": 2}).fail("each[1].x", retryable=True)
    assert story.statuses("each[1]") == {"x": "retrying"}
    assert story.wait(1000).commands == (StartAttempt(Instance("each[1].x"), 2),)


def test_a_response_in_an_item_is_none() -> None:
    assert loop_story(1, responds={"x"}).complete("each[0].x").run.response is None


def test_opening_a_loop_may_be_tried_again() -> None:
    story = Story(plan_of("each", loops={"each": "x"}, retry={"each": 2})).fail("each", retryable=True).wait(1000)
    assert story.commands == (StartAttempt(Instance("each"), 2),)
    assert story.open_loop("each", 1).complete("each[0].x").commands == (GatherLoop(Instance("each"), 2),)


def test_a_loop_is_opened_once() -> None:
    story = loop_story(2)
    assert story.ignores(LoopOpened(START, Instance("each"), 1, 5))


def test_a_loop_whose_output_is_given_completes_without_items() -> None:
    story = Story(plan_of("each", loops={"each": "x"})).complete("each", ["given"])
    assert story.run.status is RunStatus.COMPLETED
    assert story.node("each").output == inline(["given"])


def test_a_failure_about_an_earlier_step_of_a_loop_changes_nothing() -> None:
    story = Story(plan_of("each", loops={"each": "x"}, limits={"each": 5})).send(
        LoopOpened(START, Instance("each"), 1, None)
    )
    decision = story.failure("each")
    opening = replace(decision, step=None)
    assert story.ignores(opening)
    story.send(LoopStepDecided(START, Instance("each"), 0, False))
    assert story.ignores(decision)
    assert story.ignores(opening)


def test_a_loop_that_was_not_opened_cannot_sleep() -> None:
    story = Story(plan_of("each", loops={"each": "x"}))
    assert story.ignores(NodeSlept(START, Instance("each"), 1, START, NULL))
    assert story.ignores(LoopStepDecided(START, Instance("each"), 0, True))


def test_a_loop_whose_items_are_under_way_waits_for_those_alone() -> None:
    story = loop_story(2)
    assert story.ignores(NodeCompleted(START, Instance("each"), 1, "out", NULL))
    assert story.ignores(NodeSkipped(START, Instance("each"), 1))
    assert story.ignores(story.failure("each", retryable=True))
    assert story.ignores(LoopStepDecided(START, Instance("each"), 2, True))


def test_a_loop_that_is_skipped_opens_no_items() -> None:
    assert Story(plan_of("each -> after", loops={"each": "x"})).skip("each").statuses() == {
        "each": "skipped",
        "after": "skipped",
    }


def test_results_that_cannot_be_gathered_fail_the_loop_without_another_try() -> None:
    story = loop_story(1, retry={"each": 5}).complete("each[0].x").fail("each", code="too-large", retryable=True)
    assert (story.status, story.node("each").status) == ("failed", "failed")
    assert story.run.root.error == Failure("too-large", "it broke", True, Instance("each"))


def test_a_while_loop_asks_before_every_item_and_runs_one_at_a_time() -> None:
    story = loop_story(None)
    assert story.commands == (DecideLoopStep(Instance("each"), 1, 0),)
    assert story.decide("each", 0, goes_on=True).commands == (start("each[0].x"),)
    assert (story.loop("each").deciding, story.loop("each").active) == (False, (0,))
    assert story.complete("each[0].x").commands == (DecideLoopStep(Instance("each"), 1, 1),)
    assert story.decide("each", 1, goes_on=False).commands == (GATHER,)
    assert (story.loop("each").deciding, story.loop("each").gathering) == (False, True)
    assert story.complete("each").loop("each") == LoopState(total=None, next=1, succeeded=1)


def test_a_while_loop_keeps_the_latest_result_until_it_ended() -> None:
    story = loop_story(None).decide("each", 0, goes_on=True).complete("each[0].x", "latest")
    assert story.loop("each").last == SingleOutput("x", inline("latest"))  # type: ignore[arg-type]
    assert story.decide("each", 1, goes_on=False).complete("each").loop("each").last is None


def test_a_loop_over_items_keeps_no_latest_result() -> None:
    assert loop_story(2).complete("each[0].x", 1).loop("each").last is None


def test_a_while_loop_ends_at_its_limit_without_asking() -> None:
    story = loop_story(None, limits={"each": 2}).decide("each", 0, goes_on=True).complete("each[0].x")
    assert story.decide("each", 1, goes_on=True).complete("each[1].x").commands == (GATHER,)


def test_a_limit_of_nothing_gathers_at_once() -> None:
    assert loop_story(None, limits={"each": 0}).commands == (GATHER,)


@pytest.mark.parametrize("index", [0, 2, -1])
def test_a_decision_about_another_step_is_ignored(index: int) -> None:
    story = loop_story(None).decide("each", 0, goes_on=True).complete("each[0].x")
    assert story.ignores(LoopStepDecided(START, Instance("each"), index, True))
    assert story.ignores(LoopStepDecided(START, Instance("each"), index, False))


def test_a_decision_that_comes_twice_opens_one_item() -> None:
    story = loop_story(None).decide("each", 0, goes_on=True)
    assert story.ignores(LoopStepDecided(START, Instance("each"), 0, True))
    assert story.ignores(LoopStepDecided(START, Instance("each"), 1, True))


def test_a_condition_that_cannot_be_evaluated_fails_the_loop() -> None:
    story = loop_story(None, retry={"each": 3}).fail("each", code="template-error", retryable=True)
    assert (story.status, story.run.root.error) == (
        "failed",
        Failure("template-error", "it broke", True, Instance("each")),
    )
    assert story.ignores(LoopStepDecided(START, Instance("each"), 0, True))


def test_a_decision_about_a_loop_that_failed_comes_too_late() -> None:
    story = Story(plan_of("each -error-> mend", loops={"each": "x"})).open_loop("each", None).fail("each")
    assert story.statuses() == {"each": "failed", "mend": "running"}
    assert story.ignores(LoopStepDecided(START, Instance("each"), 0, True))


def test_an_item_of_a_loop_that_failed_is_not_counted_again_by_a_new_owner() -> None:
    story = Story(plan_of("each -error-> mend", loops={"each": "x"})).open_loop("each", 3).fail("each[0].x")
    before = story.node("each")
    assert story.take_over().node("each") == before


def test_a_while_loop_that_collects_errors_goes_on_after_a_failed_item() -> None:
    story = loop_story(None, collects={"each"}).decide("each", 0, goes_on=True).fail("each[0].x")
    assert story.commands == (DecideLoopStep(Instance("each"), 1, 1),)
    assert (story.loop("each").failed, story.loop("each").last) == (1, None)
    assert pending(story.plan, story.run) == story.commands


def nested_story() -> Story:
    """Two outer items, each with an inner loop of two."""
    plan = plan_of("outer, beside", loops={"outer": "inner -> done", "inner": "x"})
    story = Story(plan).open_loop("outer", 2)
    return story.open_loop("outer[0].inner", 2).open_loop("outer[1].inner", 2)


def test_loops_in_loops_gather_from_the_inside_out() -> None:
    story = nested_story()
    story.complete("outer[1].inner[0].x")
    assert story.complete("outer[1].inner[1].x").commands == (GatherLoop(Instance("outer[1].inner"), 1),)
    assert story.complete("outer[1].inner", [1, 2]).commands == (start("outer[1].done"),)
    story.complete("outer[1].done")
    assert (story.loop("outer").succeeded, story.loop("outer").active) == (1, (0,))


def test_a_failure_deep_inside_cancels_everything_and_is_blamed_itself() -> None:
    story = nested_story().fail("outer[0].inner[1].x")
    assert story.run.root.error == Failure("broken", "it broke", node=Instance("outer[0].inner[1].x"))
    assert {path: scope.status.value for path, scope in story.run.scopes.items()} == {
        "": "failed",
        "outer[0]": "failed",
        "outer[1]": "cancelled",
        "outer[0].inner[0]": "cancelled",
        "outer[0].inner[1]": "failed",
        "outer[1].inner[0]": "cancelled",
        "outer[1].inner[1]": "cancelled",
    }
    stopped = {command.instance for command in story.commands}
    assert stopped == {"outer[0].inner[0].x", "outer[1].inner[0].x", "outer[1].inner[1].x", "beside"}


def test_cancelling_a_run_reaches_the_innermost_items() -> None:
    story = nested_story().complete("outer[0].inner[0].x").cancel()
    assert {scope.status.value for path, scope in story.run.scopes.items() if path != "outer[0].inner[0]"} == {
        "cancelled"
    }
    assert story.scope_status("outer[0].inner[0]") == "completed"
    assert all(state.status.is_settled for scope in story.run.scopes.values() for state in scope.nodes.values())
    assert sorted(command.instance for command in story.commands) == [
        "beside",
        "outer[0].inner[1].x",
        "outer[1].inner[0].x",
        "outer[1].inner[1].x",
    ]


def test_a_loop_sleeps_if_all_its_items_do() -> None:
    story = Story(plan_of("each", loops={"each": "x"})).open_loop("each", 2).sleep("each[0].x", 10)
    assert not is_asleep(story.run)
    assert is_asleep(story.sleep("each[1].x", 20).run)
    assert story.wait(10).loop("each").active == (1,)


def test_a_loop_that_decides_or_gathers_is_awake() -> None:
    assert not is_asleep(loop_story(None).run)
    assert not is_asleep(loop_story(0).run)


def test_a_new_owner_asks_again_for_decisions_and_results() -> None:
    deciding, gathering, inside = loop_story(None), loop_story(0), loop_story(1)
    assert pending(deciding.plan, deciding.run) == (DecideLoopStep(Instance("each"), 1, 0),)
    assert pending(gathering.plan, gathering.run) == (GATHER,)
    assert pending(inside.plan, inside.run) == (start("each[0].x"),)


@pytest.mark.parametrize("total", [0, None])
def test_a_loop_step_whose_owners_died_three_times_in_a_row_has_crashed(total: int | None) -> None:
    story = loop_story(total).take_over().take_over()
    assert story.status == "running"
    assert story.take_over().status == "failed"
    assert story.run.root.error is not None
    assert (story.run.root.error.code, story.run.root.error.node) == ("crashed", "each")


def test_each_step_of_a_loop_has_recoveries_of_its_own() -> None:
    story = Story(plan_of("each", loops={"each": "x"})).take_over().take_over().open_loop("each", None)
    assert story.node("each").recoveries == 0
    story.take_over().take_over().decide("each", 0, goes_on=False)
    assert story.node("each").recoveries == 0
    assert story.take_over().take_over().complete("each", []).status == "completed"


def test_taking_over_leaves_a_loop_alone_whose_items_are_under_way() -> None:
    story = loop_story(1).take_over().take_over()
    assert (story.node("each").recoveries, story.node("each[0].x").recoveries) == (0, 2)


def test_an_item_whose_end_was_stored_before_its_owner_died_is_counted_by_the_next() -> None:
    story = loop_story(3, concurrency={"each": 2})
    ended = Story(story.plan).open_loop("each", 3).complete("each[1].x", 1).run.scopes[ScopePath("each[1]")]
    story.run = restored(story.plan, replace(story.run, scopes={**story.run.scopes, ScopePath("each[1]"): ended}))
    story.take_over()
    assert story.commands == (start("each[2].x"),)
    assert (story.loop("each").active, story.loop("each").succeeded) == ((0, 2), 1)
    assert story.take_over().loop("each").succeeded == 1


def test_an_item_that_was_cancelled_without_a_word_fails_its_loop() -> None:
    story = loop_story(1)
    lost = replace(story.run.scopes[ScopePath("each[0]")], status=RunStatus.CANCELLED)
    story.run = replace(story.run, scopes={**story.run.scopes, ScopePath("each[0]"): lost})
    story.take_over()
    assert story.run.root.error == Failure("item-failed", "an item failed", node=Instance("each"))


def test_an_ended_item_of_a_loop_that_nobody_opened_is_left_alone() -> None:
    story = Story(plan_of("each", loops={"each": "x"}))
    stray = replace(story.run.root, status=RunStatus.COMPLETED, nodes={}, arrivals={})
    story.run = replace(story.run, scopes={**story.run.scopes, ScopePath("each[4]"): stray})
    assert story.take_over().statuses() == {"each": "running"}


def test_an_item_that_was_put_away_is_not_cancelled_again() -> None:
    story = loop_story(2)
    kept = {path: scope for path, scope in story.run.scopes.items() if path != "each[0]"}
    story.run = replace(story.run, scopes=kept)
    assert story.cancel().commands == (StopAttempt(Instance("each[1].x"), 1),)


def test_an_item_that_ended_but_was_not_counted_keeps_its_end_when_the_run_is_cancelled() -> None:
    story = loop_story(2)
    ended = loop_story(2).complete("each[0].x").run.scopes[ScopePath("each[0]")]
    story.run = replace(story.run, scopes={**story.run.scopes, ScopePath("each[0]"): ended})
    story.cancel()
    assert story.run.scopes[ScopePath("each[0]")] is ended
    assert story.scope_status("each[1]") == "cancelled"


def partly_done() -> NodeState:
    return NodeState(
        NodeStatus.RUNNING,
        attempt=1,
        started_at=Millis(5),
        loop=LoopState(4, next=3, redo=(0, 2), succeeded=1, items=inline([1, 2, 3, 4])),
    )


def test_a_retried_run_takes_over_ended_items_and_runs_the_others_again() -> None:
    plan = plan_of("each", loops={"each": "x"}, concurrency={"each": 2})
    story = Story(plan, seeds={"each": partly_done()})
    assert story.commands == (start("each[0].x"), start("each[2].x"))
    assert story.loop("each").redo == ()
    assert story.complete("each[0].x").commands == (start("each[3].x"),)
    story.complete("each[2].x")
    assert story.complete("each[3].x").commands == (GATHER,)
    assert (story.loop("each").succeeded, story.loop("each").next) == (4, 4)
    assert story.run.inline_bytes == story.run.origin.inline_bytes + len("[1,2,3,4]")


def test_what_ended_items_kept_is_not_counted_any_longer() -> None:
    story = Story(plan_of("each", loops={"each": "x -> y"}, concurrency={"each": 2})).open_loop("each", 3, [1, 2, 3])
    held = story.run.inline_bytes
    story.complete("each[0].x", "long enough")
    assert story.run.inline_bytes == held + len('"long enough"')
    story.complete("each[0].y", "more")
    assert story.run.inline_bytes == held
    story.complete("each[1].x", "more").fail("each[1].y")
    assert story.run.inline_bytes == held + len("null")


def test_what_items_kept_that_were_cut_short_is_not_counted_any_longer() -> None:
    plan = plan_of("each -error-> rescue", loops={"each": "x -> y"}, concurrency={"each": 2})
    story = Story(plan).open_loop("each", 2, [1, 2])
    held = story.run.inline_bytes
    story.complete("each[0].x", "long enough").fail("each[1].x")
    assert (story.status, story.scope_status("each[0]")) == ("running", "cancelled")
    assert story.run.inline_bytes == held + len("null")


def test_what_a_loop_held_is_not_counted_once_it_is_gathered() -> None:
    story = Story(plan_of("each -> a", loops={"each": "x"})).open_loop("each", 1, [1, 2, 3]).complete("each[0].x", 7)
    story.complete("each", [7])
    assert story.run.inline_bytes == story.run.origin.inline_bytes + len("[7]")


def test_a_while_loop_counts_the_latest_result_alone() -> None:
    story = Story(plan_of("each", loops={"each": "x"}, limits={"each": 5})).open_loop("each", None)
    held = story.run.inline_bytes
    for index, text in enumerate(["first", "2nd"]):
        story.decide("each", index, True).complete(f"each[{index}].x", text)
        assert story.run.inline_bytes == held + len(text) + 2


def test_items_to_run_again_wait_their_turn() -> None:
    plan = plan_of("each", loops={"each": "x"}, concurrency={"each": 1})
    story = Story(plan, seeds={"each": partly_done()})
    assert (story.commands, story.loop("each").redo, story.loop("each").next) == ((start("each[0].x"),), (2,), 3)
    assert story.complete("each[0].x").commands == (start("each[2].x"),)


def test_a_loop_of_which_only_earlier_items_are_left_runs_those() -> None:
    seed = replace(partly_done(), loop=LoopState(3, next=3, redo=(1,), succeeded=2))
    story = Story(plan_of("each", loops={"each": "x"}), seeds={"each": seed})
    assert story.commands == (start("each[1].x"),)
    assert story.complete("each[1].x").commands == (GATHER,)


def test_a_retried_run_takes_over_results_and_goes_on_behind_them() -> None:
    done = NodeState(NodeStatus.COMPLETED, attempt=2, port="true", output=inline("kept"), completed_at=Millis(1))
    story = Story(plan_of("a -true-> b, a -> c"), seeds={"a": done})
    assert story.node("a") is done
    assert story.commands == (start("b"),)
    assert story.statuses() == {"a": "completed", "b": "running", "c": "skipped"}
    assert story.run.inline_bytes == story.run.origin.inline_bytes + len('"kept"')


def test_a_run_may_be_over_as_soon_as_it_took_over_everything() -> None:
    done = NodeState(NodeStatus.COMPLETED, port="out", output=inline(1))
    story = Story(plan_of("a -> b"), seeds={"a": done, "b": done})
    assert (story.status, story.commands, story.output) == ("completed", (), ("b", 1))


def test_a_response_that_is_taken_over_answers() -> None:
    done = NodeState(NodeStatus.COMPLETED, port="out", output=inline("hello"))
    assert Story(plan_of("a -> b", responds={"a"}), seeds={"a": done}).run.response == "a"


def test_a_response_that_is_taken_over_as_skipped_answers_nobody() -> None:
    skipped = NodeState(NodeStatus.SKIPPED)
    story = Story(plan_of("a, b", responds={"a"}), seeds={"a": skipped}).complete("b", 2)
    assert (story.run.response, story.output) == (None, ("b", 2))


def test_what_is_neither_a_result_nor_a_loop_is_run_anew() -> None:
    half = NodeState(NodeStatus.RUNNING, attempt=3, started_at=Millis(5))
    assert Story(plan_of("a"), seeds={"a": half}).commands == (start("a"),)
    assert Story(plan_of("a"), seeds={"a": partly_done()}).commands == (start("a"),)


def test_only_the_top_level_takes_over_results() -> None:
    done = NodeState(NodeStatus.COMPLETED, port="out", output=inline(1))
    plan = plan_of("each", loops={"each": "x"}, concurrency={"each": 1})
    assert Story(plan, seeds={"each": partly_done(), "x": done}).commands == (start("each[0].x"),)


def test_an_attempt_whose_beginning_is_not_known_began_when_it_ended() -> None:
    seed = NodeState(NodeStatus.RUNNING, attempt=1, loop=LoopState(0))
    story = Story(plan_of("each", loops={"each": "x"}), seeds={"each": seed}).complete("each", [])
    assert [(record.started_at, record.ended_at) for record in story.node("each").attempts] == [(START, START)]
