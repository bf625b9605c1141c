"""Everything of one store moves to another, and what was under way goes on there."""

import asyncio
import json
import os
import signal
import stat
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import httpx
import pytest

from flume.ids import Millis
from orchestrator.store import AuditEntry, OrchestratorRecord
from orchestrator.stores.mongo.store import MongoStore
from tests.e2e.cli.conftest import ServerThread

pytestmark = pytest.mark.slow

NAP = "  - {id: nap, type: delay, config: {duration: 2s}}"
CALL = "  - {id: call, type: http-request, config: {url: 'URL', method: POST}}"


class Slow(BaseHTTPRequestHandler):
    """Leaves the first request without an answer, and answers the others."""

    def do_POST(self):
        self.server.keys.append(self.headers["Idempotency-Key"])
        self.server.came.set()
        if len(self.server.keys) == 1:
            self.server.over.wait(30)
            return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def slow_server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.keys, server.came, server.over = [], threading.Event(), threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sqlite(tmp_path, monkeypatch):
    """The settings of an embedded store, which are those of the commands too."""
    return use(monkeypatch, FLUME_DATA=str(tmp_path / "data"))


@pytest.fixture
def use_mongo(mongodb_url, monkeypatch):
    """Lets commands use a database of this test; its settings."""
    return lambda: use(monkeypatch, MONGODB_URL=mongodb_url, DB_NAME=f"flume-{uuid4().hex}")


def use(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def serving(tmp_path, variables):
    return ServerThread(tmp_path / "data", **variables)


def wait_for(url, run, until):
    """The run once ``until`` is true of it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = httpx.get(f"{url}/api/v1/runs/{run}").json()
        if until(found):
            return found
        time.sleep(0.05)
    pytest.fail(f"the run stays {found}")


def start(flume, write, name, text):
    assert flume("apply", "-f", write(f"{name}.yaml", text)).code == 0
    return json.loads(flume("invoke", name, "-o", "json").out)["id"]


def test_runs_asleep_and_under_way_go_on_in_another_store(
    flume, write, pipeline, tmp_path, sqlite, use_mongo, slow_server, monkeypatch
):
    address = f"http://127.0.0.1:{slow_server.server_port}/"
    with serving(tmp_path, sqlite) as server:
        monkeypatch.setenv("ENGINE_URL", server.url)
        asleep = start(flume, write, "naps", pipeline(NAP, name="naps"))
        under_way = start(flume, write, "calls", pipeline(CALL.replace("URL", address), name="calls"))
        wait_for(server.url, asleep, lambda run: run["nodes"].get("nap", {}).get("status") == "waiting")
        assert slow_server.came.wait(30)
    file = tmp_path / "flume.jsonl"
    assert flume("export", file).code == 0
    mongo = use_mongo()
    done = flume("import", file)
    assert done.code == 0, done.err
    assert "2 pipelines" in done.err
    with serving(tmp_path, mongo) as server:
        for run in (asleep, under_way):
            ended = wait_for(server.url, run, lambda run: run["status"] not in ("pending", "running"))
            assert ended["status"] == "completed"
        refused = flume("export", tmp_path / "other.jsonl")
    assert slow_server.keys == [slow_server.keys[0]] * 2
    assert (refused.code, refused.out) == (1, "")
    assert "an orchestrator works on the store; stop it and try again" in refused.err
    assert not (tmp_path / "other.jsonl").exists()


@pytest.fixture
def filled(flume, write, pipeline, tmp_path, sqlite, monkeypatch):
    """A data folder in which a run has ended."""
    with serving(tmp_path, sqlite) as server:
        monkeypatch.setenv("ENGINE_URL", server.url)
        run = start(flume, write, "logs", pipeline("  - {id: l, type: log, inputs: {message: hi}}", name="logs"))
        wait_for(server.url, run, lambda run: run["status"] == "completed")
    return tmp_path / "data"


def test_an_export_goes_through_a_pipe_into_a_new_folder(flume, filled, tmp_path, monkeypatch):
    exported = flume("export")
    assert exported.code == 0
    assert exported.out.startswith('{"flume-export":1')
    told, warning = exported.err.splitlines()
    assert told.startswith("exported ")
    assert f"1 pipeline, 1 version, 1 run, 1 log line, 1 audit entry from {filled}" in told
    assert "keep it as secret as the store itself" in warning
    monkeypatch.setenv("FLUME_DATA", str(tmp_path / "new"))
    imported = flume("import", stdin=exported.out)
    assert (imported.code, imported.out) == (0, "")
    assert imported.err.startswith("imported ")
    assert flume("export").out == exported.out


def test_the_file_of_an_export_is_its_owners_alone_and_takes_the_place_of_an_older_one(flume, filled, tmp_path):
    file = tmp_path / "flume.jsonl"
    file.write_text("old")
    file.chmod(0o644)
    done = flume("export", file)
    assert (done.code, done.out) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith('{"flume-export":1')
    assert sorted(each.name for each in tmp_path.iterdir() if "jsonl" in each.name) == ["flume.jsonl"]


def test_an_import_into_a_store_that_is_not_empty_is_one_clear_line(flume, filled, tmp_path):
    file = tmp_path / "flume.jsonl"
    flume("export", file)
    done = flume("import", file)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"flume: the data folder {filled} is not empty; set FLUME_DATA to a new one\n"


def test_a_store_in_use_is_named_with_the_process_to_stop(flume, filled, tmp_path, sqlite):
    with serving(tmp_path, sqlite):
        for verb in ("export", "import"):
            done = flume(verb, "-", stdin="")
            assert done.code == 1
            assert f"the data folder {filled} is in use by process {os.getpid()}; stop it" in done.err


def test_a_folder_without_a_store_is_not_made_by_an_export(flume, tmp_path, sqlite):
    done = flume("export")
    assert done.code == 1
    assert f"no store '{tmp_path / 'data'}'; set FLUME_DATA to its folder, or MONGODB_URL" in done.err
    assert not (tmp_path / "data").exists()


def test_a_database_with_nothing_in_it_is_told_of(flume, use_mongo, mongodb_url):
    name = use_mongo()["DB_NAME"]
    done = flume("export")
    assert (done.code, done.out) == (1, "")
    assert f"there is nothing in database {name} of MongoDB" in done.err
    assert "set FLUME_DATA, or MONGODB_URL and DB_NAME, to another store" in done.err


@pytest.mark.parametrize("content", ["", "name: hello\n", '{"flume-export":1}\n'])
def test_what_is_no_whole_export_is_wrong_usage(flume, sqlite, write, content):
    file = write("flume.jsonl", content)
    done = flume("import", file)
    assert done.code == 2
    assert done.err.startswith(f"flume: {file} ")
    assert len(done.err.splitlines()) == 1


async def wait_until_at_work(process, folder):
    """Until an export has begun its file, which has another name as yet."""
    while not list(folder.glob(".flume.jsonl.*")):
        assert process.returncode is None
        await asyncio.sleep(0.02)


async def test_an_export_that_is_interrupted_leaves_no_file(use_mongo, mongodb_url, tmp_path):
    variables = use_mongo()
    change = AuditEntry("c" * 24, Millis(1), "default", "ada", "", "pipeline.delete", "pipelines/demo")
    # A lease that has just ended is watched for some seconds.
    now = Millis(time.time_ns() // 1_000_000)
    async with MongoStore.open(mongodb_url, variables["DB_NAME"]) as store:
        await store.append_audit(change)
        await store.renew_lease(OrchestratorRecord("one", "box", 1, Millis(now - 9000), Millis(now - 1000)))
    command = [sys.executable, "-P", "-m", "flume", "export", str(tmp_path / "flume.jsonl")]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(30):
            await wait_until_at_work(process, tmp_path)
            process.send_signal(signal.SIGINT)
            _, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, told) == (130, b"interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_can_not_be_read_or_written_is_named(flume, filled, tmp_path):
    for verb, done in (("import", "read"), ("export", "written")):
        told = flume(verb, tmp_path / "nowhere" / "x.jsonl")
        assert told.code == 2
        assert told.err == f"flume: {tmp_path / 'nowhere' / 'x.jsonl'} can't be {done}: No such file or directory\n"
