"""What a server tells of its functions: real processes, started by real runs."""

import json

import httpx
import pytest

from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.source import read_source
from orchestrator.runs import Start

pytestmark = pytest.mark.slow

NODES = '''
import os

from flume.nodes import Node, NodeInput, registry


@registry.register
class Count(Node):
    """Counts characters, and kills its process at a text that is too long."""

    name = "count"
    category = "custom"
    run_on = "cpu"
    concurrency = 2

    class Input(NodeInput):
        text: str

    def execute(self, input):
        if len(input.text) > 9:
            os.write(1, f"too long: {input.text}\\n".encode())
            os.kill(os.getpid(), 9)
        return len(input.text)
'''

COUNT = "  - {id: count, type: count, inputs: {text: '{{ trigger.data.text }}'}}"


@pytest.fixture
def counter(flume, start_server, monkeypatch, write, pipeline):
    """A server with a pipeline ``counter`` whose node runs in a function; its address."""
    url = start_server(FLUME_NODES=str(write("nodes/count.py", NODES)))
    monkeypatch.setenv("ENGINE_URL", url)
    assert flume("apply", "-f", write("counter.yaml", pipeline(COUNT, name="counter"))).code == 0
    return url


def rows_of(done):
    return {line.split()[0]: line.split()[1:] for line in done.out.splitlines()[1:]}


def test_functions_are_listed_at_zero_and_warm_and_described_with_what_they_did(flume, counter):
    assert rows_of(flume("get", "functions"))["count"] == ["cpu", "at-zero", "0", "0", "-"]

    assert flume("invoke", "counter", "-d", "text=four", "--wait").out == "4\n"

    name, lane, status, ready, in_flight, *_ = flume("get", "functions", "--lane", "cpu").out.splitlines()[-1].split()
    assert (name, lane, status, ready, in_flight) == ("count", "cpu", "ready", "1/4", "0/8")
    [record] = json.loads(flume("get", "functions", "--status", "ready", "-o", "json").out)
    assert (record["name"], record["events"], record["coldStarts"]) == ("count", 1, 1)
    wide = flume("get", "functions", "--lane", "cpu", "-o", "wide").out.splitlines()
    assert wide[0].split("  ")[-1] == "FAILURE"
    assert f"{record['coldStartMs']} ms" in wide[1]
    lines = [line.split() for line in flume("describe", "function", "count").out.splitlines()]
    assert ["instances:", "1", "ready;", "at", "most", "4"] in lines
    assert ["in", "flight:", "0/8"] in lines
    metrics = httpx.get(f"{counter}/metrics").text.splitlines()
    assert 'flume_cold_start_seconds_count{type="count"} 1.0' in metrics
    assert 'flume_functions_instances{ready="true",type="count"} 1.0' in metrics


def test_a_process_that_died_is_shown_with_what_it_wrote_last(flume, counter):
    assert flume("invoke", "counter", "-d", "text=much-too-long", "--wait").code == 1

    described = flume("describe", "function", "count").out

    assert "was killed by SIGKILL" in described
    [line] = [line for line in described.splitlines() if line.startswith("wrote last")]
    assert line.split(maxsplit=2)[2] == "too long: much-too-long"


async def test_a_secret_that_a_function_prints_before_it_dies_is_shown_nowhere(write, pipeline):
    told = []
    composition = Composition(
        Settings(grace=0),
        {"KEY": "s3cret-value"},
        None,
        node_paths=[write("count.py", NODES)],
        on_line=lambda *line: told.append(line),
    )
    async with local_orchestrator(composition) as orchestrator:
        record = (await orchestrator.pipelines.save(read_source(pipeline(COUNT)))).record
        started = await orchestrator.runs.start(record, Start(data={"text": "s3cret-value"}))
        with orchestrator.engine.watch(started.run_id) as watch:
            run = await watch.until(lambda run: run.status.is_ended)
        crash = orchestrator.functions.statuses()["count"].crash

    assert crash.output == "too long: •••"
    assert told == [("count", "too long: •••")] * 2
    assert "too long: •••" in run.root.error.message


def test_a_start_is_told_live_from_zero_to_ready(flume, counter):
    told = []
    with httpx.stream("GET", f"{counter}/api/v1/events", timeout=10) as stream:
        lines = stream.iter_lines()
        # The first comment says that the subscription stands.
        next(lines)
        flume("invoke", "counter", "-d", "text=four", "--wait")
        for line in lines:
            if line == "event: function":
                told.append(json.loads(next(lines).removeprefix("data: "))["status"])
            if "ready" in told:
                break

    assert told == ["starting", "ready"]


def test_a_function_that_is_none_is_an_error_with_the_reason(flume, counter):
    done = flume("describe", "function", "delay")

    assert (done.code, done.out) == (1, "")
    assert "no function 'delay'; this node type runs in the engine alone" in done.err
    assert "nodes can't be listed by lane" in flume("get", "nodes", "--lane", "cpu").err
