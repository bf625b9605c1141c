from types import SimpleNamespace

import pytest

from eventing.function_status import FunctionStatus
from flume.ids import Millis
from orchestrator.metrics import MOST_NAMES, OTHER, Metrics
from orchestrator.store import Audience, Backlog, Commit
from tests.unit.orchestrator.plans import plan_of
from tests.unit.orchestrator.story import START, Story

IDLE = SimpleNamespace(active_count=0, attempts_under_way=lambda: ())

BUSY = FunctionStatus(
    name="f",
    instances=3,
    ready=2,
    starting=1,
    most=4,
    concurrency=8,
    in_flight=5,
    events=9,
    cold_starts=2,
    failure="it broke",
)

USAGE = {"promptTokens": 12, "completionTokens": 30, "totalTokens": 42}


def lines_of(metrics, *statuses):
    return metrics.render(IDLE, statuses, {}, Millis(0)).decode().splitlines()


PLAN = plan_of("a")


def complete(metrics, **answer):
    """Let a node complete like this, a second after it was begun."""
    run = Story(PLAN).wait(1000).complete("a", **answer).run
    metrics.advanced(PLAN, Commit("c", run, 1, None, None, run.root.nodes, {}))


def after(metrics, **answer):
    """The metrics after a node has completed like this."""
    complete(metrics, **answer)
    return lines_of(metrics)


def test_functions_show_how_much_they_do_and_could_do():
    lines = lines_of(Metrics(), BUSY)

    for line in (
        'flume_functions_instances{ready="true",type="f"} 2.0',
        'flume_functions_instances{ready="false",type="f"} 1.0',
        'flume_functions_in_flight{type="f"} 5.0',
        'flume_functions_limit{type="f"} 32.0',
        'flume_functions_failing{type="f"} 1.0',
    ):
        assert line in lines


def test_a_function_that_is_not_known_any_more_is_not_shown_any_more():
    metrics = Metrics()
    lines_of(metrics, BUSY)

    assert not [line for line in lines_of(metrics) if 'type="f"' in line]


def test_a_start_that_an_attempt_waited_for_is_measured_by_type():
    metrics = Metrics()
    lines = after(metrics, began=Millis(START + 700), cold_ms=500)

    kind = PLAN.nodes["a"].type.name
    assert f'flume_cold_start_seconds_sum{{type="{kind}"}} 0.5' in lines
    assert f'flume_cold_start_seconds_count{{type="{kind}"}} 1.0' in after(metrics, began=Millis(START + 700))


def test_each_attempt_is_measured_apart_by_how_it_spent_its_time():
    metrics, plan = Metrics(), plan_of("a", retry={"a": 2})
    story = Story(plan).wait(1000).fail("a", retryable=True, began=Millis(START + 700), cold_ms=500)
    run = story.wait(1000).wait(300).complete("a", began=Millis(START + 2100)).run
    metrics.advanced(plan, Commit("c", run, 1, None, None, run.root.nodes, {}))
    lines = lines_of(metrics)

    kind = plan.nodes["a"].type.name
    assert f'flume_node_execute_seconds_sum{{lane="engine",type="{kind}"}} 0.5' in lines
    assert f'flume_node_execute_seconds_count{{lane="engine",type="{kind}"}} 2.0' in lines
    assert "flume_node_queue_seconds_sum 0.3" in [line[: len("flume_node_queue_seconds_sum 0.3")] for line in lines]
    assert f'flume_cold_start_seconds_count{{type="{kind}"}} 1.0' in lines


def test_tokens_are_counted_by_model_and_kind_and_not_twice_as_their_sum():
    metrics = Metrics()
    after(metrics, meta={"model": "qwen", "usage": USAGE})
    lines = after(metrics, meta={"model": "qwen", "usage": USAGE})

    counted = [line for line in lines if line.startswith("flume_llm_tokens_total")]
    assert sorted(counted) == [
        'flume_llm_tokens_total{kind="completion",model="qwen"} 60.0',
        'flume_llm_tokens_total{kind="prompt",model="qwen"} 24.0',
    ]


@pytest.mark.parametrize(
    "meta",
    [
        {"usage": USAGE},
        {"model": "qwen"},
        {"model": "qwen", "usage": None},
        {"model": 7, "usage": USAGE},
        {"model": "qwen", "usage": [12]},
        {"model": "qwen", "usage": {"promptTokens": -1, "completionTokens": "many"}},
        {"model": "qwen", "usage": {"promptTokens": True, "completionTokens": 1.5}},
    ],
    ids=str,
)
def test_what_a_node_says_of_itself_may_be_anything(meta):
    assert not [line for line in after(Metrics(), meta=meta) if line.startswith("flume_llm_tokens_total")]


def test_models_that_are_more_than_a_monitor_can_take_are_counted_together():
    metrics = Metrics()
    for number in range(MOST_NAMES + 2):
        complete(metrics, meta={"model": f"m{number}", "usage": USAGE})

    assert f'flume_llm_tokens_total{{kind="prompt",model="{OTHER}"}} 24.0' in lines_of(metrics)


def test_run_events_that_wait_are_counted_with_the_age_of_the_oldest():
    backlogs = {Audience.OUTSIDE: Backlog(3, Millis(1_000))}
    lines = Metrics().render(IDLE, (), backlogs, Millis(61_500)).decode().splitlines()
    for line in (
        'flume_run_events_waiting{audience="outside"} 3.0',
        'flume_run_events_oldest_seconds{audience="outside"} 60.5',
        'flume_run_events_waiting{audience="here"} 0.0',
        'flume_run_events_oldest_seconds{audience="here"} 0.0',
    ):
        assert line in lines
