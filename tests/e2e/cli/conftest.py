"""Runs the command in this process, as the script would; only what needs a process of its own starts one."""

import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from flume.cli.main import main

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def flume(capsys, monkeypatch):
    """Calls the command with arguments; what it printed and how it ended."""
    monkeypatch.setenv("LOG_LEVEL", "info")

    def call(*arguments, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as left:
            main([str(each) for each in arguments])
        printed = capsys.readouterr()
        return Done(left.value.code or 0, printed.out, printed.err)

    return call


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
    return f"apiVersion: flume/v1\nkind: Pipeline\nmetadata: {{name: {name}}}\nnodes:\n{nodes}\n{more}"


@pytest.fixture
def pipeline():
    return a_pipeline


@pytest.fixture
def hello():
    return ROOT / "examples" / "hello.yaml"
