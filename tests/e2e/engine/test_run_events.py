"""Runs tell of their lives by events, and pipelines that listen for them are started, each once."""

import asyncio
import logging
import sys
from pathlib import Path
from subprocess import run as run_process

import pytest

from flume.errors import StoreError, UnavailableError
from flume.ids import NodeId
from flume.source import read_source
from orchestrator import runs
from orchestrator.chains import MAX_STARTS
from orchestrator.publisher import AT_ONCE
from orchestrator.runs import MAX_HOPS, Rerun
from orchestrator.store import Audience, RunFilter

COMPOSE = Path(__file__).parents[3] / "examples" / "compose"

MAKES = {
    "id": "make",
    "type": "json-transform",
    "inputs": {"data": "{{ trigger.data }}"},
    "config": {"expression": "@"},
}
SEES = {"id": "see", "type": "json-transform", "inputs": {"data": "{{ trigger }}"}, "config": {"expression": "@"}}
FAILS = {"id": "fail", "type": "error", "config": {"message": "no"}}


def listens_for(**attributes):
    return [{"type": "event", "attributes": attributes}]


def completed(pipeline):
    return listens_for(type="dev.flume.run.completed", flumepipeline=pipeline)


class Sink:
    """Takes what is published; fails while there are ``errors``."""

    def __init__(self) -> None:
        self.events = []
        self.errors = []

    async def publish(self, event):
        if self.errors:
            raise self.errors.pop(0)
        self.events.append(event)


async def runs_of(world, pipeline, *, count=1, most=None):
    """The ended runs of a pipeline, the oldest first, once there are ``count``; never more than ``most``, or else as many."""
    async with asyncio.timeout(20):
        while True:
            page = await world.store.list_runs(RunFilter("default", pipeline), limit=500)
            ended = [each for each in page.items if each.status.is_ended]
            if len(ended) >= count:
                assert len(page.items) <= (most or count)
                return [(await world.store.load_run(each.id)).run for each in reversed(ended)]
            await asyncio.sleep(0.005)


async def nothing_left(world):
    """Return once the outbox is empty and no run is under way."""
    async with asyncio.timeout(20):
        # What is in the store has no event of its own.
        while await world.store.outbox_backlogs(world.engine.id) or await world.store.count_unfinished():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_run_that_completes_starts_the_pipeline_that_listens_for_it(world) -> None:
    await world.keep(SEES, name="after", triggers=completed("first"))
    first = await world.go(MAKES, name="first", data={"total": 9})

    (after,) = await runs_of(world, "after")

    seen = await world.output(after)
    event = seen["event"]
    assert (seen["type"], seen["id"], after.origin.hops) == ("event", "event", 1)
    assert {name: event[name] for name in event if name not in ("time", "specversion")} == {
        "id": f"{first.id}.completed",
        "source": "/flume/default/first",
        "type": "dev.flume.run.completed",
        "subject": first.id,
        "datacontenttype": "application/json",
        "flumerun": first.id,
        "flumepipeline": "first",
        "flumetrigger": "manual",
        "flumehops": "1",
        "flumeroot": first.id,
        "partitionkey": first.id,
    }
    data = seen["data"]
    assert (data["id"], data["pipeline"], data["pipelineVersion"], data["status"]) == (
        first.id,
        "first",
        1,
        "completed",
    )
    assert (data["output"], data["error"], data["trigger"]) == ({"total": 9}, None, {"type": "manual", "id": "manual"})
    await nothing_left(world)


async def test_each_turn_of_a_life_has_its_event_and_failures_say_why(world) -> None:
    by_run = {"cesql": "type LIKE 'dev.flume.run.%' AND flumepipeline <> 'log'"}
    await world.keep(SEES, name="log", triggers=[{"type": "event", "filters": [by_run]}])
    await world.go(FAILS, name="bad")
    cancelled = await world.begin({"id": "nap", "type": "delay", "config": {"duration": "1h"}}, name="nap")
    await world.until(cancelled, lambda run: run.root.nodes)
    await world.engine.cancel(cancelled)

    seen = [await world.output(run) for run in await runs_of(world, "log", count=4)]

    kinds = sorted(
        (each["event"]["flumepipeline"], each["event"]["type"].removeprefix("dev.flume.run.")) for each in seen
    )
    assert kinds == [("bad", "failed"), ("bad", "started"), ("nap", "cancelled"), ("nap", "started")]
    (failed,) = [each["data"] for each in seen if each["data"]["status"] == "failed"]
    assert (failed["error"]["message"], failed["error"]["node"], failed["output"]) == ("no", "fail", None)
    assert [each["data"]["status"] for each in seen if each["event"]["type"].endswith("started")] == ["running"] * 2


async def test_an_output_too_large_for_an_event_is_left_out(world) -> None:
    await world.keep(SEES, name="after", triggers=completed("first"))
    await world.go(MAKES, name="first", data="x" * 70_000)

    (after,) = await runs_of(world, "after")

    data = (await world.output(after))["data"]
    assert (data["outputBytes"], "output" in data) == (70_002, False)


async def test_what_nobody_listens_for_is_not_even_kept(world, monkeypatch) -> None:
    kept = []
    commit = world.store.commit
    monkeypatch.setattr(
        type(world.store),
        "commit",
        lambda self, commits: kept.extend(each.outbox for each in commits) or commit(commits),
    )
    await world.keep(SEES, name="after", triggers=completed("other"))
    await world.go(MAKES, name="first")
    assert set(kept) == {()}


async def test_a_test_run_tells_nothing(world) -> None:
    await world.keep(
        SEES, name="all", triggers=[{"type": "event", "filters": [{"prefix": {"type": "dev.flume.run."}}]}]
    )
    text = "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: t}\nnodes: [{id: a, type: template, config: {template: x}}]"
    started = await world.runs.test("default", runs.TestRun(text))
    await world.end(started.run_id)
    assert await world.store.outbox_backlogs(world.engine.id) == {}
    assert (await world.store.list_runs(RunFilter("default", "all"), limit=10)).items == ()


async def test_events_stay_in_their_namespace(world) -> None:
    listener = (
        "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: after}\n"
        "trigger: {type: event, filters: [{prefix: {type: dev.flume.run}}]}\n"
        "nodes: [{id: a, type: template, config: {template: x}}]"
    )
    await world.orchestrator.pipelines.save(read_source(listener), namespace="other")
    await world.go(MAKES, name="first")
    assert await world.store.outbox_backlogs(world.engine.id) == {}
    await world.keep(SEES, name="near", triggers=completed("first"))
    await world.start(await world.store.read_pipeline("default", "first"))
    await runs_of(world, "near")
    await nothing_left(world)
    assert (await world.store.list_runs(RunFilter("other"), limit=10)).items == ()


async def test_a_circle_of_pipelines_is_stopped_and_the_log_says_which(world, caplog) -> None:
    await world.keep(MAKES, name="chicken", triggers=completed("egg"))
    await world.keep(MAKES, name="egg", triggers=completed("chicken"))

    await world.start(await world.store.read_pipeline("default", "egg"))

    eggs, chickens = await runs_of(world, "egg", count=4), await runs_of(world, "chicken", count=4)
    await nothing_left(world)
    hops = sorted(run.origin.hops for run in [*eggs, *chickens])
    assert hops == list(range(MAX_HOPS))
    (warned,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    last = max(chickens, key=lambda run: run.origin.hops)
    assert (warned.message, warned.pipeline, warned.source) == (
        "an event did not start a pipeline",
        "egg",
        "/flume/default/chicken",
    )
    assert warned.event == f"{last.id}.completed"
    assert "8 pipelines started one another" in warned.reason


async def test_no_pipeline_hears_of_its_own_runs(world) -> None:
    every = [{"type": "event", "filters": [{"prefix": {"type": "dev.flume.run."}}]}]
    await world.keep(MAKES, name="all", triggers=every)
    await world.start(await world.store.read_pipeline("default", "all"))
    await nothing_left(world)
    await runs_of(world, "all", count=1)


async def test_pipelines_that_hear_each_others_every_event_are_stopped_before_they_are_many(world, caplog) -> None:
    every = [{"type": "event", "filters": [{"prefix": {"type": "dev.flume.run."}}]}]
    for name in ("one", "two", "three"):
        await world.keep(MAKES, name=name, triggers=every)

    started = await world.start(await world.store.read_pipeline("default", "one"))

    await nothing_left(world)
    runs = [run for name in ("one", "two", "three") for run in await runs_of(world, name, count=1, most=500)]
    first_hop = [run for run in runs if run.origin.hops == 1]
    assert (len(first_hop), len(runs)) == (4, 1 + 4 + MAX_STARTS)
    roots = {run.origin.trigger.detail["event"]["flumeroot"] for run in runs if run.origin.hops}
    assert roots == {started.run_id}
    (warned,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "100 runs were started by the events of one" in warned.reason


async def test_the_example_of_two_pipelines_packs_what_was_ordered(world) -> None:
    for name in ("pack-order", "take-order"):
        await world.orchestrator.pipelines.save(read_source((COMPOSE / f"{name}.yaml").read_text()))
    taken = await world.store.read_pipeline("default", "take-order")
    await world.start(taken, data={"item": "lamp", "count": 2})
    (packed,) = await runs_of(world, "pack-order")
    assert await world.output(packed) == "2 × lamp"


@pytest.mark.parametrize("filters", [[], [{"not": {"exact": {"type": "x"}}}], [{"cesql": "type LIKE '%'"}]])
async def test_a_trigger_that_takes_anything_is_not_told_of_runs(world, filters) -> None:
    await world.keep(SEES, name="all", triggers=[{"type": "event", "filters": filters}])
    await world.go(MAKES, name="first")
    await nothing_left(world)
    assert (await world.store.list_runs(RunFilter("default", "all"), limit=10)).items == ()


async def test_a_rerun_tells_of_itself(world) -> None:
    await world.keep(SEES, name="after", triggers=completed("first"))
    first = await world.go(MAKES, name="first")
    await runs_of(world, "after")
    again = await world.runs.rerun(await world.store.load_run(first.id), Rerun(NodeId("make")))
    await world.end(again.run_id)
    ids = [(await world.output(run))["event"]["subject"] for run in await runs_of(world, "after", count=2)]
    assert ids == [first.id, again.run_id]


async def test_what_listens_beyond_this_installation_gets_every_event_and_again_after_a_failure(
    open_world, caplog
) -> None:
    sink = Sink()
    sink.errors = [UnavailableError("the broker is away"), StoreError("and so is the disk")]
    async with open_world(run_event_sink=sink) as world:
        run = await world.go(MAKES, name="first")
        await nothing_left(world)
        await world.is_true(lambda: len(sink.events) == 2)
    assert {event.id for event in sink.events} == {f"{run.id}.started", f"{run.id}.completed"}
    assert [record.message for record in caplog.records] == ["run events can't be published; trying again"]


async def test_pipelines_here_start_each_other_while_the_broker_outside_is_away(open_world) -> None:
    class Away:
        async def publish(self, event):
            raise UnavailableError("the broker is away")

    async with open_world(run_event_sink=Away()) as world:
        await world.keep(SEES, name="after", triggers=completed("first"))
        first = await world.store.read_pipeline("default", (await world.go(MAKES, name="first")).origin.pipeline)
        for _ in range(AT_ONCE):
            await world.start(first)
        await runs_of(world, "after", count=AT_ONCE + 1)
        while Audience.HERE in (backlogs := await world.store.outbox_backlogs(world.engine.id)):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert backlogs[Audience.OUTSIDE].count >= 2 * AT_ONCE


async def test_a_sink_that_breaks_at_one_event_does_not_keep_the_others_waiting(open_world, caplog) -> None:
    sink = Sink()
    sink.errors = [ZeroDivisionError("a defect")]
    async with open_world(run_event_sink=sink) as world:
        await world.go(MAKES, name="first")
        await nothing_left(world)
    assert len(sink.events) == 1
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("ERROR", "a run event was lost inside Flume")


async def test_with_traces_the_next_run_is_part_of_the_trace(open_world) -> None:
    sink = Sink()
    async with open_world(run_event_sink=sink, traces=True) as world:
        run = await world.go(MAKES, name="first")
        await nothing_left(world)
    (trace,) = {event.extensions["traceparent"] for event in sink.events}
    assert trace.startswith("00-")
    assert run.origin.traceparent is None


CHILD = '''
import asyncio, os, sys
from pathlib import Path
from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.source import read_source
from orchestrator.runs import Start
from orchestrator.store import RunFilter

folder, point, passes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
HEAD = "apiVersion: flume/v1\\nkind: Pipeline\\nnodes: [{id: a, type: template, config: {template: x}}]\\n"
FIRST = HEAD + "metadata: {name: first}"
AFTER = HEAD + """metadata: {name: after}
trigger: {type: event, attributes: {type: dev.flume.run.completed, flumepipeline: first}}
"""
left = [passes]

def crash(name):
    if name == point:
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)

async def main():
    parts = Composition(Settings(grace=0), {}, folder, crash_point=crash)
    async with local_orchestrator(parts) as orchestrator:
        for text in (AFTER, FIRST):
            await orchestrator.pipelines.save(read_source(text))
        record = await orchestrator.store.read_pipeline("default", "first")
        await orchestrator.runs.start(record, Start(start_key="key:only"))
        while True:
            runs = (await orchestrator.store.list_runs(RunFilter("default", "after"), limit=9)).items
            waiting = await orchestrator.store.outbox_backlogs(orchestrator.id)
            if runs and not waiting and not await orchestrator.store.count_unfinished():
                print(len(runs))
                return
            await asyncio.sleep(0.005)

asyncio.run(main())
'''


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "passes"),
    [
        ("after-commit", 1),
        ("before-publication", 1),
        ("after-publication", 1),
        ("after-commit", 2),
        ("before-commit", 2),
    ],
)
def test_an_event_whose_process_dies_before_it_is_published_is_published_by_the_next(tmp_path, point, passes) -> None:
    def child(*arguments):
        command = [sys.executable, "-c", CHILD, str(tmp_path / "data"), *arguments]
        return run_process(command, capture_output=True, text=True, timeout=60, check=False)

    died = child(point, str(passes))
    lives = child("never", "0")

    assert (died.returncode, died.stdout) == (9, ""), died.stderr
    assert (lives.returncode, lives.stdout.strip()) == (0, "1"), lives.stderr
