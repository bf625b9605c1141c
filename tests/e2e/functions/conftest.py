"""An orchestrator as `flume run` and `flume orchestrator` compose it, with nodes in real function processes."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.source import read_source
from orchestrator.runs import Start
from orchestrator.values import RunValues

PATIENCE_S = 20

NODES = '''
import asyncio, os, signal, time
from pathlib import Path

from flume.nodes import Node, NodeInput, registry


@registry.register
class Echo(Node):
    """Gives its text back, with a word for the log."""

    name = "echo"
    run_on = "cpu"
    concurrency = 4

    class Input(NodeInput):
        text: str

    async def execute(self, input):
        self.context.log("echoed", characters=len(input.text))
        return {"text": input.text, "pid": os.getpid()}


@registry.register
class Environment(Node):
    """The environment of its process."""

    name = "environment"
    run_on = "cpu"
    secrets = ("MINE",)

    async def execute(self, input: NodeInput):
        return dict(os.environ)


@registry.register
class Exits(Node):
    """Ends its process."""

    name = "exits"
    run_on = "cpu"

    def execute(self, input: NodeInput):
        print("about to leave", flush=True)
        print("last words", flush=True)
        os._exit(7)


@registry.register
class Work(Node):
    """Tells its process and key in a file, and works until another one is there. It tells in a third if it was cancelled."""

    name = "work"
    run_on = "cpu"

    class Input(NodeInput):
        folder: str

    async def execute(self, input):
        folder = Path(input.folder)
        with open(folder / "began", "a") as file:
            file.write(f"{os.getpid()} {self.context.idempotency_key}\\n")
        try:
            while not (folder / "go").exists():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            (folder / "cancelled").touch()
            raise
        return self.context.idempotency_key


@registry.register
class Sleeps(Node):
    """Tells its process in a file and blocks a thread for a minute."""

    name = "sleeps"
    run_on = "cpu"

    class Input(NodeInput):
        folder: str

    def execute(self, input):
        (Path(input.folder) / "began").write_text(f"{os.getpid()} -\\n")
        time.sleep(60)


@registry.register
class Holds(Sleeps):
    """Does the same and holds the event loop meanwhile, so that its process hears of nothing."""

    name = "holds"

    async def execute(self, input):
        super().execute(input)
'''


@pytest.fixture
def nodes(tmp_path):
    """A file with node types that run in functions."""
    file = tmp_path / "nodes" / "some.py"
    file.parent.mkdir()
    file.write_text(NODES)
    return file


def document(node_type, inputs=None, **more):
    """A pipeline of one node ``n``, as JSON."""
    node = {"id": "n", "type": node_type, "inputs": inputs or {}, **more}
    return json.dumps({"apiVersion": "flume/v1", "kind": "Pipeline", "metadata": {"name": node_type}, "nodes": [node]})


@pytest.fixture(name="document")
def document_fixture():
    return document


class Site:
    """What a test does with an orchestrator."""

    def __init__(self, orchestrator):
        self.orchestrator = orchestrator

    async def begin(self, node_type, inputs=None, *, data=None, **more):
        record = (await self.orchestrator.pipelines.save(read_source(document(node_type, inputs, **more)))).record
        return (await self.orchestrator.runs.start(record, Start(data=data))).run_id

    async def end(self, run_id):
        with self.orchestrator.engine.watch(run_id) as watch:
            stored = await self.orchestrator.store.load_run(run_id)
            return stored.run if stored.run.status.is_ended else await watch.until(lambda run: run.status.is_ended)

    async def run(self, node_type, inputs=None, **more):
        return await self.end(await self.begin(node_type, inputs, **more))

    async def output(self, run):
        return await RunValues(self.orchestrator.store).load_output(run.root.output)

    @property
    def functions(self):
        """What is known of each function, by the name of its type."""
        return self.orchestrator.functions.statuses()


@pytest.fixture
def open_site(nodes):
    """Opens orchestrators on a folder, or on a store of their own."""

    @asynccontextmanager
    async def opened(data=None, *, secrets=None, on_line=lambda name, line: None, disorder=None, **settings):
        composition = Composition(
            Settings(grace=0, **settings), secrets or {}, data, [nodes], on_line=on_line, disorder=disorder
        )
        async with local_orchestrator(composition) as orchestrator:
            yield Site(orchestrator)

    return opened


@pytest.fixture
async def site(open_site):
    async with open_site() as opened:
        yield opened


def is_alive(pid):
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(name="is_alive")
def is_alive_fixture():
    return is_alive


@pytest.fixture
def until():
    """Waits until what another process does makes this true, and gives it."""

    async def wait(is_so):
        async with asyncio.timeout(20):
            while not (found := is_so()):  # noqa: ASYNC110 - no event comes from there
                await asyncio.sleep(0.005)
        return found

    return wait


@pytest.fixture
def began(tmp_path):
    """What the node types of this folder told when they began: a process and a key each."""

    def read():
        file = tmp_path / "began"
        text = file.read_text() if file.exists() else ""
        return [(int(pid), key) for pid, key in (line.split() for line in text.split("\n")[:-1])]

    return read


@pytest.fixture
def plain_environment():
    """This process's environment without Flume's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FLUME_")}


@pytest.fixture
def command(tmp_path, plain_environment):
    """Starts the command in a process of its own, with its data in the test's folder."""
    running = []

    def start(*arguments, **settings):
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flume", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
            env={**plain_environment, "FLUME_DATA": str(tmp_path / "data"), **settings},
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def eventually():
    """Waits until what other processes do makes this true, and gives it; for tests without an event loop."""

    def wait(is_so):
        too_late = time.monotonic() + PATIENCE_S
        while not (found := is_so()):
            assert time.monotonic() < too_late
            time.sleep(0.005)
        return found

    return wait


@pytest.fixture
def served_at():
    """The address that a server says it has, as a function of its process."""

    def read(process):
        while not (line := process.stdout.readline()).startswith(("flume 0", "flume 1")):
            assert line, "it ended"
        return line.split(" at ")[1].split()[0]

    return read


@pytest.fixture
def call():
    """Calls an address of a server; the answer's JSON."""

    def send(method, url, body=None):
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(url, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    return send
