"""Runs the command in this process, as the script would; only what needs a process of its own starts one."""

import asyncio
import io
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from flume.cli.main import main
from flume.cli.serving import serving
from flume.cli.settings import read_settings

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def flume(capsys, monkeypatch):
    """Calls the command with arguments; what it printed and how it ended."""
    monkeypatch.setenv("LOG_LEVEL", "info")

    def call(*arguments, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as left:
            main([str(each) for each in arguments])
        printed = capsys.readouterr()
        return Done(left.value.code or 0, printed.out, printed.err)

    return call


@pytest.fixture
def write(tmp_path):
    """Writes a file in the test's own folder; its path."""

    def make(name, text):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return make


def a_pipeline(nodes, more="", name="sample"):
    """A document of these nodes, given as YAML lines."""
    return f"apiVersion: flume/v1\nkind: Pipeline\nmetadata: {{name: {name}}}\nnodes:\n{nodes}\n{more}\n"


@pytest.fixture
def pipeline():
    return a_pipeline


@pytest.fixture
def hello():
    return ROOT / "examples" / "hello.yaml"


class ServerThread:
    """A whole server at work in a thread of its own; `url` is its address."""

    def __init__(self, folder, token=""):
        self._settings = read_settings({"FLUME_DATA": str(folder), "FLUME_API_TOKEN": token, "FLUME_GRACE": "0"})
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.url = ""

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *error):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    async def _serve(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with serving(self._settings, "127.0.0.1", 0, secrets={}) as server:
            self.url = server.url
            self._ready.set()
            await self._stop.wait()


@pytest.fixture
def start_server(tmp_path):
    """Starts a server on a data folder of its own, with a token if one is given; its address."""
    with ExitStack() as stack:
        yield lambda token="": stack.enter_context(ServerThread(tmp_path / "data", token)).url


@pytest.fixture
def server(start_server, monkeypatch):
    """A server that commands find by themselves; its address."""
    url = start_server()
    monkeypatch.setenv("ENGINE_URL", url)
    return url
