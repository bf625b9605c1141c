"""An orchestrator whose store is a MongoDB: the same examples, the same answers, and all there after a restart."""

import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from flume.cli.serving import serving
from flume.cli.settings import read_settings

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"


@asynccontextmanager
async def flume_on(mongodb_url, database):
    settings = read_settings({"FLUME_DATA": "/nowhere", "FLUME_GRACE": "0", "DB_NAME": database})
    async with (
        serving(settings, "127.0.0.1", 0, secrets={}, mongodb_url=mongodb_url) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60, trust_env=False) as client,
    ):
        yield client


async def invoked(client, name, data):
    document = (EXAMPLES / f"{name}.yaml").read_text()
    saved = await client.post("/api/v1/pipelines", content=document, headers={"Content-Type": "application/yaml"})
    assert saved.status_code == 201
    path = f"/api/v1/pipelines/{saved.json()['name']}/invoke"
    done = await client.post(path, json=data, headers={"Prefer": "wait=60"})
    return done.json()


@pytest.mark.parametrize("name", ["hello", "loop", "branch"])
async def test_an_example_runs_and_is_listed(mongodb_url, name):
    async with flume_on(mongodb_url, f"flume-{uuid4().hex}") as client:
        run = await invoked(client, name, {})
        assert run["status"] == "completed"
        listed = (await client.get("/api/v1/runs")).json()["items"]
        assert [(each["id"], each["status"]) for each in listed] == [(run["id"], "completed")]


async def test_a_run_and_its_log_are_there_after_a_restart(mongodb_url):
    database = f"flume-{uuid4().hex}"
    async with flume_on(mongodb_url, database) as client:
        run = await invoked(client, "hello", {"name": "Ada"})
        before = (await client.get(f"/api/v1/runs/{run['id']}")).json()
    async with flume_on(mongodb_url, database) as client:
        assert (await client.get(f"/api/v1/runs/{run['id']}")).json() == before
        assert before["status"] == "completed"


def orchestrator(**variables):
    """``flume orchestrator`` as a process of its own, which must end by itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLUME_")}
    command = [sys.executable, "-P", "-m", "flume", "orchestrator", "--port", "0"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment | variables, check=False)


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        (
            {"MONGODB_URL": "mongodb://me:secret@127.0.0.1:1/?serverSelectionTimeoutMS=300"},
            "127.0.0.1:1 (database 'flume') is out of",
        ),
        ({"MONGODB_URL": "me:secret@db"}, "MONGODB_URL is not a URL of MongoDB"),
        ({"FLUME_STORE": "mongodb", "MONGODB_URL": ""}, "MONGODB_URL: expected the URL of a MongoDB"),
    ],
    ids=["away", "no-url", "not-named"],
)
def test_a_start_that_fails_says_why_in_one_line(variables, line, tmp_path):
    done = orchestrator(**variables, FLUME_DATA=str(tmp_path / "data"))
    assert done.returncode != 0
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr
    assert not (tmp_path / "data").exists()
