"""What is told of a run between two of its states."""

from dataclasses import replace

import pytest

from eventing.cloudevents import CloudEvent, MalformedEventError, from_json, to_json
from flume.ids import ROOT, Millis, NodeId, RunId
from orchestrator.records import inline
from orchestrator.run_events import MAX_OUTPUT_BYTES, namespace_of, run_events
from orchestrator.state import Failure, ManyOutputs, PayloadRef, RunStatus, SingleOutput
from tests.unit.orchestrator.plans import new_run, plan_of

NODE = NodeId("a")


def run(status=RunStatus.PENDING, **facts):
    fresh = new_run(plan_of("a"))
    return replace(fresh, scopes={ROOT: replace(fresh.root, status=status, **facts)})


def ended(status=RunStatus.COMPLETED, **facts):
    return run(status, started_at=Millis(1000), completed_at=Millis(2500), **facts)


def told(before, after):
    return [event.type.removeprefix("dev.flume.run.") for event in run_events(before, after)]


RUNNING = run(RunStatus.RUNNING, started_at=Millis(1000))


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (run(), RUNNING, ["started"]),
        (run(), ended(), ["started", "completed"]),
        (RUNNING, RUNNING, []),
        (RUNNING, ended(), ["completed"]),
        (RUNNING, ended(RunStatus.FAILED), ["failed"]),
        (RUNNING, ended(RunStatus.CANCELLED), ["cancelled"]),
        (run(), run(RunStatus.CANCELLED, completed_at=Millis(5)), ["cancelled"]),
        (run(), run(RunStatus.FAILED), ["failed"]),
        (ended(), ended(), []),
    ],
)
def test_each_turn_of_a_life_is_told_once(before, after, events):
    assert told(before, after) == events


def test_an_event_is_the_same_whenever_it_is_made_and_survives_being_kept():
    first, again = run_events(RUNNING, ended()), run_events(run(), ended())[1:]
    assert first == again
    assert from_json(to_json(first[0])) == first[0]
    assert namespace_of(first[0]) == "default"
    assert to_json(first[0])["time"] == "1970-01-01T00:00:02.500000Z"


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (None, {"output": None}),
        (SingleOutput(NODE, inline([1])), {"output": [1]}),
        (ManyOutputs({NODE: inline(1), NodeId("b"): inline(None)}), {"output": {"a": 1, "b": None}}),
        (SingleOutput(NODE, PayloadRef("p", 70_000)), {"outputBytes": 70_000}),
        (ManyOutputs({NODE: inline(1), NodeId("b"): PayloadRef("p", 9)}), {"outputBytes": 10}),
        (SingleOutput(NODE, inline("x" * (MAX_OUTPUT_BYTES - 2))), {"output": "x" * (MAX_OUTPUT_BYTES - 2)}),
        (SingleOutput(NODE, inline("x" * (MAX_OUTPUT_BYTES - 1))), {"outputBytes": MAX_OUTPUT_BYTES + 1}),
    ],
)
def test_the_output_is_in_the_event_unless_it_is_large(output, shown):
    (event,) = run_events(RUNNING, ended(output=output))
    assert {name: value for name, value in event.data.items() if name.startswith("output")} == shown


def test_a_failure_is_told_with_its_node():
    (event,) = run_events(RUNNING, ended(RunStatus.FAILED, error=Failure("x", "no", node="a")))
    assert event.data["error"] == {"code": "x", "message": "no", "retryable": False, "node": "a"}
    assert "output" in event.data


@pytest.mark.parametrize("traces", [True, False])
def test_a_trace_is_told_where_there_is_one(traces):
    (event,) = run_events(RUNNING, ended(), traces=traces)
    assert ("traceparent" in event.extensions) is traces


@pytest.mark.parametrize(
    "source", ["/flume/default", "/flume//p", "/flume/a/", "/flume/a/b/c", "flume/a/b", "/shop/a/b", "x"]
)
def test_a_source_that_no_run_has_is_malformed(source):
    with pytest.raises(MalformedEventError, match=r"is no source of an event of type 'dev\.flume\.run\.failed'"):
        namespace_of(CloudEvent(id="1", source=source, type="dev.flume.run.failed"))


@pytest.mark.parametrize(
    ("detail", "facts", "root"),
    [
        ({"event": {"flumeroot": "first"}}, {}, "first"),
        ({"event": {"flumeroot": "first"}}, {"retry_of": RunId("x")}, "0" * 24),
        ({"event": {"flumeroot": ""}}, {}, "0" * 24),
        ({"event": {"id": "1"}}, {}, "0" * 24),
        ({"path": "/hook"}, {}, "0" * 24),
    ],
)
def test_a_run_says_with_which_run_its_chain_began(detail, facts, root):
    after = ended()
    origin = replace(after.origin, trigger=replace(after.origin.trigger, detail=detail), **facts)
    (event,) = run_events(RUNNING, replace(after, origin=origin))
    assert event.extensions["flumeroot"] == root
