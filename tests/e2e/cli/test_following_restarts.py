from concurrent.futures import ThreadPoolExecutor
from threading import Event
from urllib.parse import urlsplit

import pytest

from flume.cli.client import Client
from flume.cli.following import events_of, until_ended
from tests.e2e.cli.conftest import ServerThread

pytestmark = pytest.mark.slow

NODES = """\
  - {id: first, type: log, inputs: {message: before}}
  - {id: nap, type: delay, config: {duration: 3s}}
  - {id: last, type: log, inputs: {message: after}}
edges: [{from: first, to: nap}, {from: nap, to: last}]
"""


class Shown:
    """A display that keeps the messages of log lines."""

    def __init__(self):
        self.lines = []
        self.has_begun = Event()

    def log(self, record):
        self.lines.append(record["message"])
        self.has_begun.set()

    def node(self, node_id, record):
        pass

    def close(self):
        pass


def test_who_follows_a_run_or_its_log_stays_until_it_has_ended_although_the_server_is_restarted(tmp_path, pipeline):
    shown = Shown()
    with ServerThread(tmp_path / "data") as server:
        url = server.url
        with Client(url) as client:
            headers = {"Content-Type": "application/yaml"}
            client.send("POST", "/api/v1/pipelines", content=pipeline(NODES, name="naps"), headers=headers)
            run = client.post("/api/v1/pipelines/naps/invoke")["id"]
        clients = [Client(url), Client(url)]
        events = events_of(clients[1], run, "logs", follow="true")
        lines = [next(events).data["message"]]
        threads = ThreadPoolExecutor(2)
        following = threads.submit(until_ended, clients[0], run, shown)
        logging = threads.submit(lambda: [each.data["message"] for each in events])
        assert shown.has_begun.wait(30)
    with threads, ServerThread(tmp_path / "data", port=urlsplit(url).port):
        assert following.result(30)["status"] == "completed"
        lines += logging.result(30)
    assert (shown.lines, lines) == (["before", "after"], ["before", "after"])
    for each in clients:
        each.__exit__(None, None, None)
