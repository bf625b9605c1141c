"""``flume console`` as a process beside an orchestrator."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest

from console.assets import DIST

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (DIST / "manifest.json").exists(), reason="the console's scripts were not built"),
]


@contextmanager
def flume(*arguments, **environment):
    """A command of Flume that serves; gives the URL that it tells."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLUME_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "flume", *arguments],
        env={**kept, "FLUME_GRACE": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        line = ""
        for line in process.stdout or ():
            found = re.search(r"at (http://[\d.]+:\d+)", line)
            if found:
                yield found.group(1)
                break
        else:
            raise AssertionError(f"it did not start: {line}")
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_the_console_serves_an_orchestrator_elsewhere(tmp_path):
    with (
        flume("orchestrator", "--port", "0", FLUME_DATA=str(tmp_path)) as engine,
        flume("console", "--port", "0", ENGINE_URL=engine) as console,
        httpx.Client(base_url=console, trust_env=False, timeout=20) as client,
    ):
        page = client.get("/pipelines")
        assert page.status_code == 200
        assert "No pipelines yet" in page.text
        script = re.search(r'src="(/static/dist/[^"]+)"', page.text).group(1)
        answer = client.get(script)
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "immutable" in answer.headers["cache-control"]
        assert client.get("/api/v1/pipelines").json()["items"] == []
        assert client.get("/hooks/default/x").status_code == 404
        with client.stream("GET", "/api/v1/events") as stream:
            assert next(stream.iter_lines()) == ": still here"


def test_a_console_that_others_can_reach_is_closed_beside_an_open_orchestrator(tmp_path):
    with (
        flume("orchestrator", "--port", "0", FLUME_DATA=str(tmp_path)) as engine,
        flume("console", "--host", "0.0.0.0", "--port", "0", ENGINE_URL=engine) as console,
        httpx.Client(base_url=console, trust_env=False, timeout=20) as client,
    ):
        answer = client.get("/pipelines", headers={"Cookie": "flume_token=made-up"})
        assert answer.status_code == 503
        assert "FLUME_API_TOKEN" in answer.text
        assert client.get("/api/v1/pipelines").status_code == 503
