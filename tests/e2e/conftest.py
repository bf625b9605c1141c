"""Runs the command in this process, as the script would; only what needs a process of its own starts one."""

import io
import sys
from dataclasses import dataclass

import pytest

from flume.cli.main import main


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
