"""Servers that commands talk to, and documents for them."""

import asyncio
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from flume.cli.serving import serving
from flume.cli.settings import read_settings
from flume.cli.stores import mongodb_url_of

ROOT = Path(__file__).parents[3]


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
    """A whole server at work in a thread of its own; `url` is its address. ``port`` 0 is any that is free."""

    def __init__(self, folder, token="", *, port=0, **variables):
        self._port = port
        fixed = {"FLUME_DATA": str(folder), "FLUME_API_TOKEN": token, "FLUME_GRACE": "0"}
        self._settings = read_settings({**fixed, **variables})
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
        mongodb_url = mongodb_url_of(self._settings, is_enough=True)
        async with serving(self._settings, "127.0.0.1", self._port, secrets={}, mongodb_url=mongodb_url) as server:
            self.url = server.url
            self._ready.set()
            await self._stop.wait()


@pytest.fixture
def start_server(tmp_path):
    """Starts a server on a data folder of its own, with a token or more variables if some are given; its address."""
    with ExitStack() as stack:

        def start(token="", **variables):
            return stack.enter_context(ServerThread(tmp_path / "data", token, **variables)).url

        yield start


@pytest.fixture
def server(start_server, monkeypatch):
    """A server that commands find by themselves; its address."""
    url = start_server()
    monkeypatch.setenv("ENGINE_URL", url)
    return url
