"""Servers as processes of their own that can't outlive the tests, however these end."""

import os
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import pytest

STARTS_WITHIN_S = 60

_UNTIL_INPUT_ENDS = '"$@" & read -r _; kill -9 $!; wait'
"""For a shell: run a command until standard input is closed, which the death of the tests does, too."""


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def do_without(reason: str) -> NoReturn:
    """Skip the test, aloud; where everything must be there, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class OwnProcess:
    """A server that a command starts on ``port``. It may be stopped, which is sudden, and started again.

    As a context manager it runs from the begin of the block to its end.
    """

    command: Sequence[str]
    port: int
    _running: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def __enter__(self) -> "OwnProcess":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self._running = subprocess.Popen(
            ["sh", "-c", _UNTIL_INPUT_ENDS, "sh", *self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        too_late = time.monotonic() + STARTS_WITHIN_S
        while not self._answers():
            if time.monotonic() > too_late:
                self.stop()
                pytest.fail(f"{self.command[0]} did not start; run it by hand to see why")
            time.sleep(0.01)

    def stop(self) -> None:
        """Kill it; nothing happens if it is not running."""
        if self._running is not None:
            running, self._running = self._running, None
            running.communicate()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
