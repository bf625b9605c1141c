"""Every example runs and gives what stands beside it, in ``NAME.expected.json``: `{"output": …, "nodes": {id: status}}`.

After a wanted change, `FLUME_REWRITE_EXPECTED=1 pytest tests/e2e/test_examples.py` writes those files anew.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from flume.cli.local import Composition, local_orchestrator, make_registry
from flume.cli.settings import Settings
from flume.validation import validate
from orchestrator import runs
from orchestrator.values import RunValues

EXAMPLES = Path(__file__).parents[2] / "examples"
ALL = sorted(EXAMPLES.rglob("*.yaml"))
SELF_CONTAINED = [path for path in ALL if path.stem not in ("aggregate", "retry-across-restart")]

pytestmark = pytest.mark.slow


def name_of(path):
    return str(path.relative_to(EXAMPLES).with_suffix(""))


def node_paths_of(path):
    return [folder for folder in [path.parent / "nodes"] if folder.is_dir()]


@contextmanager
def serving(answers) -> Iterator[str]:
    """The URL of a server that takes the next (status, body) from the list under a path; the last one stays."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            left = answers[self.path]
            status, body = left.pop(0) if len(left) > 1 else left[0]
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def run_example(path, data=None):
    """What the expected file of the example should hold."""
    composition = Composition(Settings(grace=0), {}, None, node_paths_of(path), fires_schedules=False)
    async with local_orchestrator(composition) as orchestrator:
        started = await orchestrator.runs.test("default", runs.TestRun(path.read_text(), data))
        run = started.run
        if not run.status.is_ended:
            with orchestrator.engine.watch(run.id) as watch:
                run = await watch.until(lambda run: run.status.is_ended)
        if run.root.error is not None and run.root.error.code == "requirements-failed":
            pytest.skip(f"no package index: {run.root.error.message}")
        assert run.root.error is None
        output = await RunValues(orchestrator.store).load_output(run.root.output)
    return {"output": output, "nodes": {node: state.status.value for node, state in run.root.nodes.items()}}


def check_expected(path, found):
    expected = path.with_suffix(".expected.json")
    if os.environ.get("FLUME_REWRITE_EXPECTED"):
        expected.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    assert found == json.loads(expected.read_text())


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_every_example_is_valid_and_says_how_to_run_it(path):
    assert validate(path.read_bytes(), make_registry(node_paths_of(path))).problems == ()
    comment = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert f"flume run {path.relative_to(EXAMPLES.parent)}" in comment


def test_no_two_examples_have_the_same_name_so_that_all_can_be_served_together():
    registry = make_registry([folder for path in ALL for folder in node_paths_of(path)])
    names = [validate(path.read_bytes(), registry).require_plan().name for path in ALL]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", SELF_CONTAINED, ids=name_of)
async def test_an_example_gives_what_stands_beside_it(path):
    check_expected(path, await run_example(path))


async def test_the_aggregate_tries_again_and_goes_on_without_the_service_that_fails():
    answers = {
        "/weather": [(503, "starting"), (200, {"summary": "bright"})],
        "/news?limit=2": [(500, "broken")],
        "/traffic": [(200, {"delays": ["A4", "A10"]})],
    }
    with serving(answers) as url:
        check_expected(EXAMPLES / "aggregate.yaml", await run_example(EXAMPLES / "aggregate.yaml", {"baseUrl": url}))


@pytest.mark.parametrize(
    ("data", "output", "skipped"),
    [
        ({"total": 5, "country": "DE"}, {"total": 5, "shipping": 5, "card": None}, {"free", "europe", "overseas", "card"}),
        ({"total": 5, "country": "FR"}, {"total": 5, "shipping": 9, "card": None}, {"free", "domestic", "overseas", "card"}),
        (
            {"total": 5, "country": "KR", "gift": True},
            {"total": 5, "shipping": 25, "card": "With best wishes"},
            {"free", "domestic", "europe"},
        ),
    ],
)  # fmt: skip
async def test_the_branch_goes_each_way(data, output, skipped):
    found = await run_example(EXAMPLES / "branch.yaml", data)
    assert found["output"] == output
    assert {node for node, status in found["nodes"].items() if status == "skipped"} == skipped


CHILD = """
import asyncio, json, sys
from pathlib import Path
from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.source import read_source
from orchestrator.runs import Start
from orchestrator.values import RunValues

async def main(folder, text, data):
    async with local_orchestrator(Composition(Settings(grace=0), {}, Path(folder))) as orchestrator:
        pipeline = (await orchestrator.pipelines.save(read_source(text))).record
        started = await orchestrator.runs.start(pipeline, Start(data=data, start_key="key:only"))
        with orchestrator.engine.watch(started.run_id) as watch:
            run = (await orchestrator.store.load_run(started.run_id)).run
            while True:
                state = {node: [each.status.value, each.attempt] for node, each in run.root.nodes.items()}
                print(json.dumps(state), flush=True)
                if run.status.is_ended:
                    break
                run = await watch.next()
        print(json.dumps(await RunValues(orchestrator.store).load_output(run.root.output)), flush=True)

asyncio.run(main(sys.argv[1], Path(sys.argv[2]).read_text(), json.loads(sys.argv[3])))
"""


def states_until(process, wanted):
    """Read the states that a child prints until one node is as wanted, as [status, attempt]."""
    node, state = wanted
    for line in process.stdout:
        states = json.loads(line)
        if states.get(node) == state:
            return
    raise AssertionError(f"the process ended before {node} was {state}: {process.stderr.read()}")


def test_a_retry_and_a_pause_survive_that_the_process_is_killed(tmp_path):
    path = EXAMPLES / "retry-across-restart.yaml"
    answers = {"/stock": [(503, "away"), (503, "away"), (200, {"left": 7})]}
    with serving(answers) as url:
        data = json.dumps({"url": f"{url}/stock", "pause": "1s"})
        command = [sys.executable, "-P", "-c", CHILD, tmp_path / "data", path, data]
        for wanted in (("stock", ["retrying", 1]), ("pause", ["waiting", 1])):
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
                states_until(process, wanted)
                process.send_signal(signal.SIGKILL)
        last = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    *_, states, output = map(json.loads, last.stdout.splitlines())
    # Three answers for three attempts: none was made again because of a restart.
    assert answers["/stock"] == [(200, {"left": 7})]
    assert states["stock"] == ["completed", 3]
    nodes = {node: status for node, (status, _) in states.items()}
    check_expected(path, {"output": output, "nodes": nodes})
