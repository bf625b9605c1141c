"""How a run moves along its edges: what starts, what is skipped, what a failure means, and what the run's result is."""

import pytest

from flume.ids import Instance
from orchestrator.events import NodeCompleted, RunStarted, StartAttempt
from orchestrator.records import inline
from orchestrator.state import NULL, Failure, NodeState, NodeStatus
from tests.unit.orchestrator.plans import plan_of
from tests.unit.orchestrator.story import START, Story


def starts(*instances: str) -> tuple[StartAttempt, ...]:
    return tuple(StartAttempt(Instance(instance), 1) for instance in instances)


def test_a_run_starts_all_its_roots_and_nothing_else() -> None:
    story = Story(plan_of("a -> b, c"))
    assert story.commands == starts("a", "c")
    assert story.status == "running"
    assert story.run.root.started_at == START


def test_a_second_start_changes_nothing() -> None:
    story = Story(plan_of("a -> b")).complete("a")
    assert story.ignores(RunStarted(START))


def test_a_pipeline_without_nodes_completes_at_once_with_an_empty_result() -> None:
    story = Story(plan_of(""))
    assert (story.status, story.output, story.commands) == ("completed", {}, ())


def test_a_node_starts_in_the_step_in_which_its_last_input_settles() -> None:
    story = Story(plan_of("a -> c, b -> c"))
    assert story.complete("a").commands == ()
    assert story.complete("b").commands == starts("c")


def test_a_join_starts_when_any_of_its_edges_was_taken() -> None:
    story = Story(plan_of("a -true-> c, b -> c"))
    story.complete("a", port="false")
    assert story.complete("b").commands == starts("c")


def test_a_join_remembers_an_edge_that_was_taken_first() -> None:
    story = Story(plan_of("a -> c, b -true-> c"))
    story.complete("a")
    assert story.complete("b", port="false").commands == starts("c")


def test_a_join_of_which_no_edge_was_taken_is_skipped() -> None:
    story = Story(plan_of("a -true-> c, b -true-> c, d"))
    story.complete("a", port="false").complete("b", port="false")
    assert story.statuses() == {"a": "completed", "b": "completed", "c": "skipped", "d": "running"}


def test_two_edges_between_the_same_nodes_count_one_by_one() -> None:
    story = Story(plan_of("a -true-> b, a -false-> b"))
    assert story.complete("a", port="false").commands == starts("b")


def test_a_skip_goes_on_down_to_the_next_join_in_the_same_step() -> None:
    story = Story(plan_of("a -true-> b -> c -> d, a -false-> e -> d"))
    story.complete("a", port="false")
    assert story.statuses() == {"a": "completed", "b": "skipped", "c": "skipped", "e": "running"}
    assert story.commands == starts("e")
    assert story.complete("e").commands == starts("d")


def test_a_skipped_node_has_no_output_port_or_attempt() -> None:
    story = Story(plan_of("a -true-> b")).complete("a", port="false")
    assert story.node("b") == NodeState(NodeStatus.SKIPPED, completed_at=START)


def test_a_node_whose_when_is_false_is_skipped_and_so_is_what_follows() -> None:
    story = Story(plan_of("a -> b, c")).skip("a")
    assert story.statuses() == {"a": "skipped", "b": "skipped", "c": "running"}
    assert story.node("a") == NodeState(NodeStatus.SKIPPED, completed_at=START)


def test_what_a_node_returned_is_kept_with_its_port_meta_and_attempt() -> None:
    story = Story(plan_of("a -> b"))
    story.wait(5).complete("a", {"x": 1}, port="true", meta={"took": 5})
    state = story.node("a")
    timing = {"queuedMs": 0, "coldStartMs": 0, "executeMs": 5}
    assert (state.output, state.port, state.meta) == (inline({"x": 1}), "true", {"took": 5, "timing": timing})
    assert (state.status, state.attempt, state.answered) == ("completed", 1, 1)
    assert (state.ready_at, state.started_at, state.completed_at) == (START, START, START + 5)
    assert [(record.number, record.started_at, record.ended_at, record.error) for record in state.attempts] == [
        (1, START, START + 5, None)
    ]


def test_a_failed_node_leaves_by_its_error_edges_alone() -> None:
    story = Story(plan_of("a -> b, a -error-> c")).fail("a", code="refused")
    assert story.statuses() == {"a": "failed", "b": "skipped", "c": "running"}
    state = story.node("a")
    assert (state.output, state.port) == (NULL, "error")
    assert state.error == Failure("refused", "it broke", node=Instance("a"))
    assert story.complete("c", "mended").status == "completed"


def test_a_node_that_completes_takes_no_error_edge() -> None:
    story = Story(plan_of("a -> b, a -error-> c")).complete("a")
    assert story.statuses() == {"a": "completed", "b": "running", "c": "skipped"}


def test_a_node_that_continues_on_error_counts_as_empty() -> None:
    story = Story(plan_of("a -> b", continues={"a"})).fail("a")
    assert story.statuses() == {"a": "failed", "b": "running"}
    assert (story.node("a").output, story.node("a").port) == (NULL, "out")
    assert story.node("a").error is not None
    assert story.complete("b").status == "completed"


def test_any_other_failure_ends_the_run_and_names_the_node() -> None:
    story = Story(plan_of("a -> b, c -> d, e"))
    story.complete("a").fail("b", code="refused")
    assert story.status == "failed"
    assert story.run.root.error == Failure("refused", "it broke", node=Instance("b"))
    assert story.statuses() == {"a": "completed", "b": "failed", "c": "cancelled", "e": "cancelled"}
    assert (story.node("b").output, story.node("b").port) == (NULL, None)
    assert story.output is None


def test_a_failure_that_blames_another_instance_keeps_its_blame() -> None:
    story = Story(plan_of("a"))
    blamed = Failure("refused", "it broke", node=Instance("elsewhere"))
    failure = story.failure("a")
    story.send(type(failure)(failure.at, failure.instance, failure.attempt, blamed))
    assert story.run.root.error == blamed


def test_the_result_is_the_output_of_the_only_end() -> None:
    story = Story(plan_of("a -> b")).complete("a", 1).complete("b", 2)
    assert (story.status, story.output) == ("completed", ("b", 2))


def test_the_result_is_the_output_of_the_only_end_that_ran() -> None:
    story = Story(plan_of("a -true-> b, a -false-> c")).complete("a", port="true").complete("b", "yes")
    assert story.output == ("b", "yes")


def test_the_results_of_several_ends_are_told_apart_by_their_node() -> None:
    story = Story(plan_of("a -> b, a -> c, a -true-> d")).complete("a").complete("c", 3).complete("b", 2)
    assert story.output == {"b": 2, "c": 3}


def test_the_result_is_empty_if_no_end_ran() -> None:
    assert Story(plan_of("a -true-> b")).complete("a", port="false").output == {}


def test_an_end_that_failed_but_continues_counts_with_null() -> None:
    assert Story(plan_of("a, b", continues={"a"})).fail("a").complete("b", 2).output == {"a": None, "b": 2}


def test_the_first_response_is_the_result_whatever_happens_later() -> None:
    story = Story(plan_of("a -> b, c -> d", responds={"c", "b"}))
    story.complete("c", "first").complete("a").complete("b", "second").complete("d", "end")
    assert story.run.response == "c"
    assert story.output == ("c", "first")


def test_a_response_answers_as_soon_as_it_ran_not_before() -> None:
    story = Story(plan_of("a -> b", responds={"a"}))
    assert story.run.response is None
    assert story.complete("a", "hello").run.response == "a"


def test_a_response_stands_even_if_the_run_fails_later() -> None:
    story = Story(plan_of("a -> b", responds={"a"})).complete("a", "hello").fail("b")
    assert (story.status, story.run.response, story.output) == ("failed", "a", None)


def test_a_response_that_failed_answers_nobody() -> None:
    story = Story(plan_of("a, b", responds={"a"}, continues={"a"})).fail("a")
    assert story.run.response is None
    assert story.complete("b", 2).output == {"a": None, "b": 2}


def test_a_response_that_slept_answers_when_it_is_awake() -> None:
    story = Story(plan_of("a, b", responds={"a"})).sleep("a", 10, "late")
    assert story.run.response is None
    story.wait(10)
    assert story.run.response == "a"
    assert story.complete("b").output == ("a", "late")


def test_an_answer_counts_once() -> None:
    story = Story(plan_of("a -> b, c"))
    first = NodeCompleted(START, Instance("a"), 1, "out", inline("first"))
    story.send(first)
    assert story.ignores(first)
    assert story.ignores(NodeCompleted(START, Instance("a"), 1, "true", inline("second")))
    assert story.ignores(story.failure("a"))


@pytest.mark.parametrize("attempt", [0, 2, -1])
def test_an_answer_to_another_attempt_is_ignored(attempt: int) -> None:
    story = Story(plan_of("a -> b"))
    assert story.ignores(NodeCompleted(START, Instance("a"), attempt, "out", NULL))


@pytest.mark.parametrize("instance", ["b", "nobody", "a[0].b", "a.b", "", "a[x].b", "."])
def test_an_answer_about_a_node_that_is_not_under_way_is_ignored(instance: str) -> None:
    story = Story(plan_of("a -> b"))
    assert story.ignores(NodeCompleted(START, Instance(instance), 1, "out", NULL))


def test_what_is_kept_inline_is_counted_by_its_size() -> None:
    story = Story(plan_of("a -> b -> each", loops={"each": "x"})).complete("a", "12345")
    held = story.run.origin.inline_bytes + len('"12345"')
    assert story.run.inline_bytes == held
    story.sleep("b", 10, [1, 2]).wait(10)
    assert story.run.inline_bytes == held + len("[1,2]")
    story.open_loop("each", 3, [7, 8, 9])
    assert story.run.inline_bytes == held + len("[1,2]") + len("[7,8,9]")
