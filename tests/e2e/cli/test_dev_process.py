import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

pytestmark = pytest.mark.slow

NAP = "  - {id: nap, type: delay, config: {duration: 1s}}\n  - {id: end, type: template, config: {template: awake}}"


SLOW_NODE = """
import asyncio
from pathlib import Path
from flume.nodes import Node, NodeInput, registry

@registry.register
class Nap(Node):
    name = "nap"

    async def execute(self, input: NodeInput) -> str:
        while not Path("w/go").exists():
            await asyncio.sleep(0.02)
        return "awake"
"""


def post(url):
    with urllib.request.urlopen(urllib.request.Request(url, method="POST")) as answer:
        return json.load(answer)


def status_when_ended(url):
    with urllib.request.urlopen(f"{url}/events", timeout=30) as stream:
        stream.read()
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)["status"]


@pytest.fixture
def start(tmp_path):
    """Starts a command in a process of its own, with its data in the test's folder."""
    running = []

    def run(*arguments, **settings):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("FLUME_")}
        environment |= {"FLUME_DATA": str(tmp_path / "data"), "FLUME_GRACE": "1", **settings}
        command = [sys.executable, "-P", "-m", "flume", *map(str, arguments)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=tmp_path
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait(10)
        process.stdout.close()


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def lines_until(process, text):
    lines = []
    while not lines or text not in lines[-1]:
        line = process.stdout.readline()
        assert line, "".join(lines)
        lines.append(line)
    return "".join(lines)


def test_dev_shows_a_result_and_addresses_and_takes_up_what_is_written(start, write, pipeline, port):
    hook = "trigger: {type: webhook, path: greet}"
    file = write("w/greet.yaml", pipeline("  - {id: g, type: template, config: {template: hi}}", hook, name="hello"))
    process = start("dev", file.parent, "--port", port, "--demo")
    said = lines_until(process, "Watching for changes")
    assert "result:\nhi\n" in said
    assert f"http://127.0.0.1:{port}/hooks/default/greet" in said
    assert f"curl 'http://127.0.0.1:{port}/api/v1/pipelines/hello/invoke'" in said
    file.write_text(file.read_text().replace("template: hi", "template: hello"))
    lines_until(process, "pipeline hello, version 2")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_dev_keeps_functions_itself_whatever_is_said_of_a_cluster(start, write, pipeline, port):
    node = "  - {id: t, type: template, runOn: cpu, config: {template: from a function}}"
    file = write("w/greet.yaml", pipeline(node, name="hello"))
    process = start("dev", file.parent, "--port", port, "--demo", K8S_NAMESPACE="shop", FLUME_CRON="pingsource")
    assert "result:\nfrom a function\n" in lines_until(process, "Watching for changes")


def test_a_restart_after_a_kill_goes_on_with_the_runs_under_way(start, write, pipeline, port):
    write("w/nap.yaml", pipeline(NAP, "edges: [{from: nap, to: end}]", name="nap"))
    process = start("dev", "w", "--port", port)
    lines_until(process, "Watching for changes")
    address = f"http://127.0.0.1:{port}/api/v1"
    with urllib.request.urlopen(urllib.request.Request(f"{address}/pipelines/nap/invoke", method="POST")) as answer:
        run = json.load(answer)["id"]
    process.kill()
    process.communicate()
    lines_until(start("dev", "w", "--port", port), "Watching for changes")
    with urllib.request.urlopen(f"{address}/runs/{run}/events", timeout=30) as stream:
        stream.read()
    with urllib.request.urlopen(f"{address}/runs/{run}") as answer:
        ended = json.load(answer)
    assert (ended["status"], ended["output"]) == ("completed", "awake")


def test_a_port_or_a_data_folder_that_is_taken_is_told_and_none_is_picked_silently(start, port):
    first = start("orchestrator", "--port", port)
    lines_until(first, "flume ")
    second = start("orchestrator", "--port", port)
    said, _ = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"in use by process {first.pid}" in said
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=20)
    assert first.returncode == 0
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        third = start("orchestrator", "--port", port)
        said, _ = third.communicate(timeout=30)
    assert third.returncode == 2
    assert "another program has it" in said
    assert "--port" in said


def test_a_start_that_fails_for_its_port_moves_no_run_and_the_next_one_finishes_them(start, write, pipeline, port):
    write("w/nap.py", SLOW_NODE)
    write("w/nap.yaml", pipeline("  - {id: nap, type: nap}", name="nap"))
    address = f"http://127.0.0.1:{port}/api/v1"
    first = start("dev", "w", "--port", port)
    lines_until(first, "Watching for changes")
    runs = [post(f"{address}/pipelines/nap/invoke")["id"] for _ in range(3)]
    first.kill()
    first.communicate()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        second = start("dev", "w", "--port", port)
        said, _ = second.communicate(timeout=30)
    assert second.returncode == 2
    assert "another program has it" in said
    write("w/go", "")
    lines_until(start("dev", "w", "--port", port), "Watching for changes")
    assert [status_when_ended(f"{address}/runs/{run}") for run in runs] == ["completed"] * 3


def test_the_grace_is_spent_once_by_callers_and_nodes_together(start, write, pipeline, port):
    write("w/nap.py", SLOW_NODE)
    write("w/nap.yaml", pipeline("  - {id: nap, type: nap}", name="nap"))
    process = start("dev", "w", "--port", port, FLUME_GRACE="2")
    lines_until(process, "Watching for changes")
    run = post(f"http://127.0.0.1:{port}/api/v1/pipelines/nap/invoke")["id"]
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(f"GET /api/v1/runs/{run} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode())
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert time.monotonic() - began < 3.5
    assert process.returncode == 0


def test_a_server_beyond_loopback_needs_tokens(start, port):
    process = start("orchestrator", "--host", "0.0.0.0", "--port", port)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "FLUME_API_TOKEN" in said
    assert "Traceback" not in said
