"""``flume`` commands as processes of their own that need not load Flume first: each is forked from a process that has.

Loading takes two seconds of a core, which is most of what a test of such a process takes. All else is as in a process that was
started by itself: its environment, its signals, its exit code, and that it can be killed.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.servers.loaded_flume"])


class ForkedFlume:
    """A ``flume`` command that runs, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        log.touch()
        self._process = _FORKS.Process(target=_run, args=(tuple(arguments), dict(environment), str(log)), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended. Raises `TimeoutError`."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"it has not ended within {timeout} s")
        return self._process.exitcode


def _run(arguments: tuple[str, ...], environment: dict[str, str], log: str) -> None:
    from flume.cli.main import main

    os.environ.clear()
    os.environ.update(environment)
    with open(log, "ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["flume", *arguments]
    main(arguments)
