from dataclasses import replace

from flume.ids import Instance, Millis, ScopePath
from orchestrator.events import LoopOpened
from orchestrator.state import Run
from orchestrator.store import Commit
from orchestrator.tracing import outgoing_traceparent, span_id, spans_of, trace_id_of
from tests.unit.orchestrator.plans import new_run, plan_of
from tests.unit.orchestrator.story import START, Story

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def commit_of(run: Run, **items) -> Commit:
    return Commit("c", run, 1, None, None, run.root.nodes, {ScopePath(path): scope for path, scope in items.items()})


def test_a_run_that_ended_gives_a_tree_of_run_node_and_attempt():
    plan = plan_of("a -> b")
    story = Story(plan).wait(5).complete("a", began=Millis(START + 2))
    story.wait(7).fail("b", code="boom")
    run, node, attempt, queue, execute, other, *of_other = spans_of(plan, commit_of(story.run))
    names = [span.name for span in (run, node, attempt, queue, execute, other, *of_other)]
    assert names == ["run tested", "node a", "attempt 1", "queue", "execute", "node b", "attempt 1", "execute"]
    assert (run.parent_id, node.parent_id, other.parent_id) == (None, run.span_id, run.span_id)
    assert (queue.end - queue.start, execute.start, execute.end - execute.start) == (2, queue.end, 3)
    assert (run.error, node.error, other.error) == ("boom", None, "boom")
    assert (node.start, node.end) == (START, START + 5)


def test_each_attempt_shows_its_own_time():
    plan = plan_of("a", retry={"a": 2})
    story = Story(plan).wait(4).fail("a", retryable=True, began=Millis(START + 1)).wait(1000).wait(9).complete("a")
    phases = [span for span in spans_of(plan, commit_of(story.run)) if span.name in ("queue", "execute")]
    assert [(span.name, span.end - span.start) for span in phases] == [("queue", 1), ("execute", 3), ("execute", 9)]


def test_a_run_whose_plan_is_lost_is_one_span():
    story = Story(plan_of("a")).cancel()
    assert [span.name for span in spans_of(plan_of("b"), commit_of(story.run))] == ["run tested"]


def test_a_run_under_way_gives_no_spans_yet():
    plan = plan_of("a -> b")
    assert spans_of(plan, commit_of(Story(plan).complete("a").run)) == []


def test_an_item_that_ended_gives_its_nodes_below_the_loop_and_later_ones_none():
    plan = plan_of("each", loops={"each": "x"})
    story = Story(plan).send(LoopOpened(START, Instance("each"), 1, 2)).complete("each[0].x")
    item = story.run.scopes[ScopePath("each[0]")]
    node, attempt = spans_of(plan, commit_of(story.run, **{"each[0]": item}))
    assert node.parent_id == span_id(story.run.id, "each")
    assert attempt.parent_id == node.span_id
    assert spans_of(plan, commit_of(story.run, **{"each[100]": item})) == []


def test_a_clock_that_goes_back_makes_no_span_that_ends_before_it_starts():
    plan = plan_of("a")
    story = Story(plan)
    story.now = Millis(story.now - 500)
    spans = spans_of(plan, commit_of(story.complete("a").run))
    assert all(span.end >= span.start for span in spans)


def test_a_run_that_was_called_with_a_traceparent_is_part_of_that_trace():
    origin = replace(new_run(plan_of("a")).origin, traceparent=PARENT)
    assert trace_id_of(origin) == "0af7651916cd43dd8448eb211c80319c"
    own = outgoing_traceparent(origin, Instance("a"), 1)
    assert own == f"00-{trace_id_of(origin)}-{span_id(origin.id, 'a#1')}-01"
    assert own != outgoing_traceparent(origin, Instance("a"), 2)


def test_a_run_of_its_own_has_a_trace_of_its_own():
    assert len(trace_id_of(new_run(plan_of("a")).origin)) == 32
    assert trace_id_of(new_run(plan_of("a")).origin) == trace_id_of(new_run(plan_of("a")).origin)
