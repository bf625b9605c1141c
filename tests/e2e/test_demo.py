"""`make demo`, from its start to Ctrl-C, with everything real."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.servers.own_process import do_without, free_port

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # a model thinks longer where others compute too


@dataclass(frozen=True)
class Demo:
    """A demo that was started on a port."""

    process: "subprocess.Popen[str]"
    port: int

    def until(self, text):
        """What it says, up to the line that holds a text."""
        said = ""
        for line in self.process.stdout:
            said += line
            if "the demo needs the packages" in line:
                do_without(line)
            if text in line:
                return said
        raise AssertionError(f"the demo ended; it said:\n{said}")


@pytest.fixture(name="demo")
def demo_fixture(tmp_path):
    port = free_port()
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("FLUME_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", "--port", str(port)],
        cwd=ROOT,
        env=inherited | {"FLUME_DATA": str(tmp_path), "FLUME_GRACE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    yield Demo(process, port)
    process.kill()
    process.wait()
    process.stdout.close()


def until_nobody_listens_at(url):
    address = urlsplit(url)
    while True:
        try:
            socket.create_connection((address.hostname, address.port), timeout=5).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            # It is just closing.
            pass


def model_of(said):
    return re.search(r"answers at (http://\S+/v1)\.", said)[1]


def test_the_demo_shows_a_model_writing_answers_calls_and_leaves_nothing_running_after_an_interrupt(demo):
    said = demo.until("Watching for changes")
    assert re.search(r"running write-article .*\n(.*\n)*  article\| .*\n(.*\n)*  page: done", said)
    page = json.loads(said[said.index("result:\n") + len("result:\n") : said.index("\nflume ")])
    assert page["headline"]
    assert page["article"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{demo.port}/api/v1/pipelines/write-article/invoke",
        data=b'{"topic": "the moon", "maxTokens": 20}',
        headers={"Content-Type": "application/json", "Prefer": "wait=60"},
    )
    with urllib.request.urlopen(request) as answer:
        run = json.load(answer)
    assert (run["status"], run["output"]["tokens"] <= 20) == ("completed", True)
    # As a terminal does it: to all processes of the foreground at once.
    os.killpg(demo.process.pid, signal.SIGINT)
    demo.process.stdout.read()
    assert demo.process.wait() == 0
    until_nobody_listens_at(model_of(said))


def test_the_model_ends_even_if_flume_is_killed(demo):
    said = demo.until("running write-article")
    demo.process.kill()
    until_nobody_listens_at(model_of(said))
