"""Virtual environments for the requirements of scripts: made once, kept in a folder, shared by all processes that use the folder.

Beside each environment lies a lock file, which stays when the environment goes. Whoever uses an environment holds the lock
shared, whoever makes or removes it holds it alone; the system lets go of the locks of a process that dies. An environment
is made in its place, since an environment can't be moved (its programs name their interpreter by path); its file
``complete`` is written last and removed first, and without it a folder is a ruin that the next one clears away.
"""

import asyncio
import fcntl
import importlib.util
import os
import shutil
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from flume.errors import NodeError
from functions.nodes.script_process import Command, LineSink, run_command
from functions.nodes.script_requirements import environment_key, last_lines

MOST = 20
"""How many environments stay; the least recently used ones beyond them are removed when nobody uses them."""

MAX_SHOWN = 2000
"""Characters of what the installer printed that a failure tells."""

_KEPT_LINES = 50
_POLL_S = 0.05

_COMPLETE = "complete"
_OF_INSTALLER = ("PIP_", "UV_", "SSL_CERT_")
_ALSO_OF_INSTALLER = frozenset(
    {"PATH", "HOME", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
)


class Environments:
    """The environments in ``folder``, which is made when it is needed.

    ``options`` are given to ``pip install`` (or ``uv pip install``), such as ``--no-index``; ``environ`` is the environment of
    this process, of which an installer gets what is meant for it and nothing else.
    """

    def __init__(
        self, folder: Path, *, environ: Mapping[str, str], options: Sequence[str] = (), most: int = MOST
    ) -> None:
        self._folder = folder
        self._environ = {name: value for name, value in environ.items() if _is_for_installer(name)}
        self._options = tuple(options)
        self._most = most

    @asynccontextmanager
    async def use(self, requirements: Sequence[str], log: LineSink) -> AsyncIterator[Path]:
        """The interpreter of the environment with these normalized requirements, which stays until the block is left.

        Makes it if there is none; ``log`` takes what the installer says. Raises `NodeError` ``requirements-failed``.
        """
        key = environment_key(requirements, sys.version, sys.implementation.cache_tag or "", *self._options)
        place = self._folder / key
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        with _open_lock(_lock_of(place)) as lock:
            while not (_is_free(lock, fcntl.LOCK_SH) and (place / _COMPLETE).exists()):
                # Asked for again and again: a thread that waits for a lock can't be called back, and whoever waited to make the
                # environment would wait for those who use what another has made meanwhile.
                if not _is_free(lock, fcntl.LOCK_EX):
                    # Two that hold it shared while they wait would wait for each other.
                    fcntl.flock(lock, fcntl.LOCK_UN)
                    await asyncio.sleep(_POLL_S)
                elif not (place / _COMPLETE).exists():
                    await self._make(place, requirements, log)
                    await _to_the_end(self._remove_unused, key)
            os.utime(lock)
            yield _interpreter(place)

    async def _make(self, place: Path, requirements: Sequence[str], log: LineSink) -> None:
        await _to_the_end(_clear, place)
        for arguments in self._steps(place, requirements):
            complaints: deque[str] = deque(maxlen=_KEPT_LINES)
            ended = await run_command(Command(arguments, self._environ), log, _both(complaints.append, log))
            if ended.problem or ended.status != 0:
                reason = (
                    ended.problem or last_lines(complaints, MAX_SHOWN) or f"{arguments[0]} ended with {ended.status}"
                )
                # The index may be out of reach for a moment, and what installers say does not tell that from a name it lacks.
                raise NodeError(
                    f"the requirements {', '.join(requirements)} can't be installed: {reason}",
                    code="requirements-failed",
                    retryable=True,
                )
        (place / _COMPLETE).touch()

    def _steps(self, place: Path, requirements: Sequence[str]) -> Iterator[list[str]]:
        python = str(_interpreter(place))
        uv = shutil.which("uv", path=self._environ.get("PATH"))
        if uv is not None:
            yield [uv, "venv", "--no-project", "--python", sys.executable, str(place)]
            yield [uv, "pip", "install", "--python", python, *self._options, "--", *requirements]
            return
        # A pip that is here can install into any environment, which is much faster than to give each a pip of its own.
        has_pip = importlib.util.find_spec("pip") is not None
        yield [sys.executable, "-I", "-m", "venv", *(["--without-pip"] if has_pip else []), str(place)]
        pip = [sys.executable, "-I", "-m", "pip", "--python", python] if has_pip else [python, "-I", "-m", "pip"]
        quiet = ["--disable-pip-version-check", "--no-input", "--no-color", "--progress-bar=off"]
        yield [*pip, "install", *quiet, *self._options, "--", *requirements]

    def _remove_unused(self, just_made: str) -> None:
        """Remove environments beyond those that may stay, the longest unused first, but none that is in use."""
        kept = [place for place in self._folder.iterdir() if place.is_dir() and place.name != just_made]
        kept.sort(key=lambda place: _last_use(_lock_of(place)), reverse=True)
        for place in kept[self._most - 1 :]:
            with _open_lock(_lock_of(place)) as lock:
                if _is_free(lock, fcntl.LOCK_EX):
                    _clear(place)


@contextmanager
def _open_lock(path: Path) -> Iterator[int]:
    """A lock is of the open file, so that it also holds between users within one process."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)


def _lock_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.lock")


def _is_free(lock: int, kind: int) -> bool:
    """Take the lock, in place of a kind that is held already, if nobody is in the way."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _clear(place: Path) -> None:
    (place / _COMPLETE).unlink(missing_ok=True)
    if place.exists():
        shutil.rmtree(place)


def _interpreter(place: Path) -> Path:
    return place / "bin" / "python"


def _last_use(lock: Path) -> float:
    return lock.stat().st_mtime if lock.exists() else 0.0


async def _to_the_end(work: Callable[..., None], *arguments: object) -> None:
    """Do it in a thread, and let no cancellation through before it is done: the lock is held for it."""
    doing = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        await asyncio.shield(doing)
    finally:
        await doing


def _both(first: LineSink, second: LineSink) -> LineSink:
    def sink(line: str) -> None:
        first(line)
        second(line)

    return sink


def _is_for_installer(name: str) -> bool:
    return name.startswith(_OF_INSTALLER) or name.upper() in _ALSO_OF_INSTALLER
