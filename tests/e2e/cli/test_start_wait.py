"""An orchestrator that starts before its MongoDB: it waits if it is told to, and ends at once if it is not."""

import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.servers.mongodb import url_of
from tests.servers.own_process import free_port

pytestmark = pytest.mark.slow

OURS = ("FLUME_", "MONGODB_", "REDIS_", "DB_NAME")


@pytest.fixture
def orchestrator():
    """Starts ``flume orchestrator`` on a MongoDB."""
    made = []

    def start(mongodb_url, **settings):
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        given = {"MONGODB_URL": mongodb_url, "FLUME_GRACE": "0", "LOG_FORMAT": "json", **settings}
        port = free_port()
        command = [sys.executable, "-P", "-m", "flume", "orchestrator", "--port", str(port)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**inherited, **given}
        )
        made.append(process)
        return process, f"http://127.0.0.1:{port}"

    yield start
    for each in made:
        each.kill()
        each.communicate()


def line_with(process, words):
    """The next line that has them; all that came before is in the message if there is none."""
    seen = []
    for line in process.stdout:
        seen.append(line)
        if words in line:
            return line
    pytest.fail(f"it ended without '{words}':\n{''.join(seen)}")


def test_an_orchestrator_waits_for_its_mongodb_and_then_serves(orchestrator, mongodb_server):
    mongodb_server.stop()
    url = url_of(mongodb_server).replace("?", "?serverSelectionTimeoutMS=200&")
    process, address = orchestrator(url, FLUME_START_WAIT="100")
    line = line_with(process, "trying again")
    assert "is out of reach; start it, or correct MONGODB_URL" in line
    mongodb_server.start()
    line_with(process, f"at {address} ")
    with urllib.request.urlopen(f"{address}/healthz", timeout=10) as answer:
        assert answer.status == 200


def test_one_that_is_told_to_stop_while_it_waits_ends_well(orchestrator):
    url = f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=200"
    process, _ = orchestrator(url, FLUME_START_WAIT="100")
    line_with(process, "trying again")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_on_a_desk_nothing_is_waited_for(orchestrator):
    process, _ = orchestrator(f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=200")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "is out of reach; start it, or correct MONGODB_URL" in said
    assert "trying again" not in said
