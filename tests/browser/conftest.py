"""A real browser on a real server: `flume dev` as a process, and the Chromium of this machine without a window.

Whatever a page does wrong fails its test: an error in the console, a violated policy, a request to another origin.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from console.assets import DIST

from .browser import FLAGS, find_browser

SITE = Path(__file__).parent / "site"

START_S = 60


def reason_to_skip():
    if find_browser() is None:
        return "no Chromium here; install one (apt-get install chromium), or name it in FLUME_TEST_BROWSER"
    if not (DIST / "manifest.json").exists():
        return "the console's scripts were not built; run make install"
    return None


class Server:
    """`flume dev` on a folder of its own, to be stopped and started again at the same address."""

    def __init__(self, folder: Path, *, site: Path = SITE, **environment: str) -> None:
        self.site = folder / "site"
        self.data = folder / "data"
        shutil.copytree(site, self.site)
        self._folder = folder
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("FLUME_") or name == "FLUME_TEST"
        } | {"FLUME_DATA": str(self.data), "FLUME_GRACE": "1", "LOG_LEVEL": "warning", **environment}
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self.token = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "flume", "dev", str(self.site), "--port", str(self._port)]
        self._process = subprocess.Popen(
            command,
            env=self._environment,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        told = []
        for line in self._process.stdout or ():
            told.append(line)
            found = re.match(r"flume \S+ at http://127\.0\.0\.1:(\d+) ", line)
            if found:
                self._port = int(found.group(1))
                return
        raise AssertionError("the server did not start:\n" + "".join(told))

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal_number)
        # What it still says has to be read, or it waits for us.
        self._process.communicate(timeout=30)
        self._process = None

    def call(self, method: str, path: str, **options) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= options.pop("headers", {})
        return httpx.request(method, self.url + path, headers=headers, timeout=40, trust_env=False, **options)

    def run(self, pipeline: str, data=None, *, waits: bool = True) -> str:
        answer = self.call(
            "POST",
            f"/api/v1/pipelines/{pipeline}/invoke",
            json=data or {},
            headers={"Prefer": "wait=30"} if waits else {},
        )
        return answer.headers["flume-run"]

    def status_of(self, run_id: str) -> str:
        return self.call("GET", f"/api/v1/runs/{run_id}").json()["status"]


@pytest.fixture(scope="session")
def make_server():
    """Servers that are not started yet; skips where a browser test can't be."""
    reason = reason_to_skip()
    if reason:
        pytest.skip(reason)
    return Server


@pytest.fixture(scope="module")
def server(tmp_path_factory, make_server) -> Iterator[Server]:
    """With the pipelines of `site`."""
    made = make_server(tmp_path_factory.mktemp("console"))
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def chromium(server):
    """A browser for the tests of one file: where it is left open, other tests find an event loop in their way.

    After the server for the same reason: some fill its data folder first.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        yield browser
        browser.close()


class Watch:
    """What pages did wrong."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.wrong: list[str] = []
        self.allowed: list[str] = []

    def follow(self, page) -> None:
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("console", self._hear)
        page.on("request", self._see)

    def allow(self, pattern: str) -> None:
        """What is expected to go wrong in this test, such as a connection that is cut."""
        self.allowed.append(pattern)

    def found(self) -> list[str]:
        return [each for each in self.wrong if not any(re.search(pattern, each) for pattern in self.allowed)]

    def _hear(self, message) -> None:
        # A violated Content-Security-Policy is told as an error, too.
        if message.type in ("error", "warning"):
            self.wrong.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _see(self, request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.wrong.append(f"a request left the origin: {request.url}")


@pytest.fixture
def watch(server):
    return Watch(server.url)


@pytest.fixture
def context(chromium, server, watch):
    """A visitor without a past."""
    made = chromium.new_context(base_url=server.url, viewport={"width": 1280, "height": 860}, color_scheme="light")
    made.set_default_timeout(15_000)
    made.on("page", watch.follow)
    yield made
    made.close()
    assert watch.found() == []


@pytest.fixture
def page(context):
    return context.new_page()


@pytest.fixture
def pipeline(server):
    """Saves a text as the pipeline `around`, which is deleted afterwards."""

    def save(text):
        headers = {"Content-Type": "application/yaml"}
        answer = server.call("PUT", "/api/v1/pipelines/around", content=text.encode(), headers=headers)
        assert answer.status_code < 300, answer.text

    yield save
    server.call("DELETE", "/api/v1/pipelines/around")
