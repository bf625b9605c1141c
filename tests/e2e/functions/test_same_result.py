"""One pipeline gives the same in this process, by functions that are called, and through a broker with all that it may do."""

import json
from collections import Counter
from datetime import timedelta

import pytest

from eventing.broker import Disorder
from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.source import read_source
from flume.testing import run_pipeline
from orchestrator.runs import Start
from orchestrator.values import RunValues

pytestmark = pytest.mark.slow

MIB = 1024 * 1024

NODES = '''
import os
from pathlib import Path

from flume.nodes import Node, NodeError, NodeInput, registry


class Step(Node):
    """Notes that it is at work, says so, and gives its value with a text of this size; fails at first as often as told."""

    run_on = "cpu"
    description = "A step"

    class Input(NodeInput):
        folder: str
        value: int
        size: int = 0
        fails: int = 0

    async def execute(self, input):
        with open(Path(input.folder) / "work", "a") as file:
            file.write(f"{self.context.idempotency_key} {self.context.attempt}\\n")
        self.context.log("at work", value=input.value)
        if self.context.attempt <= input.fails:
            raise NodeError("the line is busy", code="busy", retryable=True)
        self.context.log("done", level="warning")
        return {"value": input.value + 1, "text": "ü" * input.size}


@registry.register
class One(Step):
    """A process does one of these at a time."""

    name = "one"
    scale = {"max": 2}


@registry.register
class Several(Step):
    """A process does several of these at a time."""

    name = "several"
    concurrency = 4
    scale = {"max": 2}
'''


def step(id, type="one", value="{{ source.output.value }}", **inputs):
    return {"id": id, "type": type, "inputs": {"folder": "{{ trigger.data.folder }}", "value": value, **inputs}}


BODY = {
    "nodes": [
        step("first", "several", "{{ item }}"),
        {**step("second", "several", "{{ first.output.value }}", fails=1), "retry": {"attempts": 2, "delay": "1ms"}},
    ],
    "edges": [{"from": "first", "to": "second"}],
}

EDGES = [
    *(("source", branch) for branch in ("left", "right", "large", "flaky", "each", "broken")),
    *((branch, "join") for branch in ("left", "right", "large", "flaky", "each")),
    ("broken", "mended", "error"),
    ("mended", "join"),
    ("join", "told"),
]

DOCUMENT = json.dumps(
    {
        "apiVersion": "flume/v1",
        "kind": "Pipeline",
        "metadata": {"name": "sample"},
        "nodes": [
            step("source", value="{{ trigger.data.value }}"),
            step("left", "several"),
            step("right", "several"),
            step("large", size=MIB),
            {**step("flaky", fails=2), "retry": {"attempts": 3, "delay": "1ms"}},
            {**step("broken", fails=9), "retry": {"attempts": 2, "delay": "1ms"}},
            step("mended", value="{{ broken.error.message | length }}"),
            {
                "id": "each",
                "type": "loop",
                "inputs": {"items": [10, 20, 30, 40]},
                "config": {"concurrency": 3, "body": BODY},
            },
            step(
                "join",
                value="{{ left.output.value + right.output.value + flaky.output.value + mended.output.value }}",
                size="{{ large.output.text | length }}",
            ),
            {
                "id": "told",
                "type": "json-transform",
                "config": {"mapping": {"each": "{{ each.output }}", "joined": "{{ join.output }}"}},
            },
        ],
        "edges": [{"from": edge[0], "to": edge[1], **({"port": edge[2]} if edge[2:] else {})} for edge in EDGES],
    }
)

BUSY_DISORDER = {"duplicates": 0.5, "delay": timedelta(milliseconds=30), "reorder": 0.5}


@pytest.fixture
def nodes(tmp_path):
    file = tmp_path / "nodes" / "steps.py"
    file.parent.mkdir()
    file.write_text(NODES)
    return file


@pytest.fixture
def work(tmp_path):
    """How often each piece of work was done, by its key and attempt."""
    return lambda: Counter((tmp_path / "work").read_text().splitlines())


@pytest.fixture
def through_functions(tmp_path, nodes):
    """Runs the document with nodes in function processes; what became of it."""

    async def run(dispatch, disorder=None):
        composition = Composition(Settings(grace=0, dispatch=dispatch), {}, None, [nodes], disorder=disorder)
        async with local_orchestrator(composition) as orchestrator:
            record = (await orchestrator.pipelines.save(read_source(DOCUMENT))).record
            started = await orchestrator.runs.start(record, Start(data={"folder": str(tmp_path), "value": 1}))
            with orchestrator.engine.watch(started.run_id) as watch:
                run = await watch.until(lambda run: run.status.is_ended)
            values = RunValues(orchestrator.store)
            logs = (await orchestrator.store.read_logs(run.id, limit=5000)).items
            return {
                "status": run.status.value,
                "output": await values.load_output(run.root.output),
                "nodes": {
                    node: (
                        state.status.value,
                        None if state.output is None else await values.load_stored(state.output),
                        None if state.error is None else (state.error.code, state.error.message),
                        state.attempt,
                        state.port,
                    )
                    for node, state in run.root.nodes.items()
                },
                "logs": by_node((line.instance, line.level, line.message) for line in logs),
            }

    return run


def by_node(lines):
    """The lines of each node in their order; there is none between nodes at work at the same time."""
    found = {}
    for node, *line in lines:
        found.setdefault(node, []).append(tuple(line))
    return found


@pytest.fixture
async def inline(tmp_path, nodes, work):
    """What became of the document in this process, and the work that was done."""
    result = await run_pipeline(DOCUMENT, data={"folder": str(tmp_path), "value": 1}, nodes=[nodes])
    told = {
        "status": result.status,
        "output": result.output,
        "nodes": {
            name: (
                node.status,
                node.output,
                None if node.error is None else (node.error.code, node.error.message),
                node.attempts,
                node.port,
            )
            for name, node in result.nodes.items()
        },
        "logs": by_node(result.logs),
    }
    attempts = sorted(line.partition("/")[2] for line in work())
    (tmp_path / "work").unlink()
    return told, attempts


def check(told, work, inline):
    expected, attempts = inline
    assert told == expected
    # The keys begin with the run's id.
    assert sorted(line.partition("/")[2] for line in work) == attempts
    assert set(work.values()) == {1}


async def test_the_document_does_what_the_other_tests_compare(inline):
    told, attempts = inline

    assert told["status"] == "completed", told["nodes"]
    assert (told["output"]["joined"]["value"], len(told["output"]["joined"]["text"])) == (27, MIB)
    assert [each["value"] for each in told["output"]["each"]] == [12, 22, 32, 42]
    assert {name: node[3] for name, node in told["nodes"].items() if node[3] > 1} == {"flaky": 3, "broken": 2}
    assert told["nodes"]["broken"][2] == ("busy", "the line is busy")
    assert told["logs"]["flaky"] == [("info", "at work")] * 3 + [("warning", "done")]
    assert len(attempts) == 23


async def test_functions_that_are_called_give_the_same_and_each_piece_of_work_is_done_once(
    inline, through_functions, work
):
    check(await through_functions("direct"), work(), inline)


async def test_functions_behind_a_broker_give_the_same_and_each_piece_of_work_is_done_once(
    inline, through_functions, work
):
    check(await through_functions("broker"), work(), inline)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_broker_that_duplicates_delays_and_reorders_gives_the_same_and_has_no_work_done_twice(
    inline, through_functions, work, seed
):
    check(await through_functions("broker", Disorder(seed, **BUSY_DISORDER)), work(), inline)
