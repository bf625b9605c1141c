"""``flume export`` and ``flume import``: everything of the store that the settings name, to a file and back.

An export is as secret as its store. So its file belongs to its owner alone, and is there whole or not at all.
"""

import asyncio
import logging
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import flume
from flume.cli.interrupts import INTERRUPTED, run_interruptible
from flume.cli.local import wall_clock
from flume.cli.logging import configure_logging
from flume.cli.printing import say
from flume.cli.settings import Settings, read_settings
from flume.cli.stores import mongodb_url_of, open_store, place_of
from flume.errors import ConflictError, NotFoundError, RequestError
from orchestrator.stores.sqlite.database import DATABASE_FILE
from orchestrator.transfer.exporting import export_store
from orchestrator.transfer.importing import import_store
from orchestrator.transfer.quiet import Quiet
from orchestrator.transfer.seal import Sealer

Given = TypeVar("Given")

STANDARD = "-"
"""What stands for the standard input or output in place of a file's name."""

_PATIENCE_S = 10.0

_SECRET = "it holds inputs, outputs and the keys that Flume signs with: keep it as secret as the store itself"

_WORDS = {
    "item": ("loop item", "loop items"),
    "log": ("log line", "log lines"),
    "inbox": ("inbox entry", "inbox entries"),
    "outbox": ("event to publish", "events to publish"),
    "audit": ("audit entry", "audit entries"),
}
"""One and many of what is not called as it is in a line."""


def export_to(file: str) -> int:
    """Write an export; the exit code. Raises `FlumeError`, and leaves no file, if that can't be done."""
    settings = _settings()
    mongodb_url = mongodb_url_of(settings, is_enough=True)
    if not mongodb_url and not (settings.data / DATABASE_FILE).exists():
        raise NotFoundError("store", str(settings.data), "set FLUME_DATA to its folder, or MONGODB_URL")
    return run_interruptible(
        lambda stopping: _unless(stopping, _export(settings, mongodb_url, file)), patience_s=_PATIENCE_S
    )


def import_from(file: str) -> int:
    """Read an export into an empty store; the exit code. Raises `FlumeError` if that can't be done."""
    settings = _settings()
    mongodb_url = mongodb_url_of(settings, is_enough=True)
    with _reading(file) as content:
        return run_interruptible(
            lambda stopping: _unless(stopping, _import(settings, mongodb_url, content)), patience_s=_PATIENCE_S
        )


def _settings() -> Settings:
    settings = read_settings()
    configure_logging(settings, least=logging.WARNING)
    return settings


async def _unless(interrupted: asyncio.Event, work: Coroutine[Any, Any, None]) -> int:
    """Do the work; the exit code. An interruption cancels it."""
    working = asyncio.create_task(work, name="moving")
    waiting = asyncio.create_task(interrupted.wait(), name="interrupted")
    await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if working.done():
        await working
        return 0
    working.cancel()
    await asyncio.gather(working, waiting, return_exceptions=True)
    say("interrupted")
    return INTERRUPTED


async def _export(settings: Settings, mongodb_url: str, file: str) -> None:
    place = place_of(settings, mongodb_url)
    async with open_store(settings.data, mongodb_url, settings.platform_database) as store:
        if await store.is_empty():
            hint = "set FLUME_DATA, or MONGODB_URL and DB_NAME, to another store"
            raise ConflictError(f"there is nothing in {place} to export", hint=hint)
        with _writing(file) as target:
            quiet = Quiet(store, clock=wall_clock)
            counts = await export_store(store, target.write, Sealer(flume.__version__), quiet=quiet, warn=say)
    say(f"exported {_counted(counts)} from {place}")
    say(_SECRET)


async def _import(settings: Settings, mongodb_url: str, content: "_Content") -> None:
    place = place_of(settings, mongodb_url)
    async with open_store(settings.data, mongodb_url, settings.platform_database) as store:
        quiet = Quiet(store, clock=wall_clock)
        counts = await import_store(store, content.lines, source=content.name, quiet=quiet)
    say(f"imported {_counted(counts)} into {place}")


def _counted(counts: Mapping[str, int]) -> str:
    """``2 pipelines, 1 run``"""
    parts = []
    for kind, count in counts.items():
        one, many = _WORDS.get(kind, (kind, f"{kind}s"))
        parts.append(f"{count:,} {one if count == 1 else many}")
    return ", ".join(parts)


@contextmanager
def _writing(file: str) -> Iterator[BinaryIO]:
    """Where an export goes. A file takes its name at the end of the block, in place of an older one, unless that raises."""
    if file == STANDARD:
        if sys.stdout.isatty():
            raise RequestError("an export is no text for a terminal; name a FILE, or send the output elsewhere")
        with _failing("the standard output", "written"):
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    with _failing(file, "written"):
        path = Path(file).resolve()
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            with path.open("wb") as device:
                yield device
            return
        with _replacing(path) as target:
            yield target


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(number, "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@dataclass(frozen=True, slots=True)
class _Content:
    """An export that can be read more than once. ``name`` is for people."""

    name: str
    file: BinaryIO

    def lines(self) -> Iterable[bytes]:
        self.file.seek(0)
        return self.file


@contextmanager
def _reading(file: str) -> Iterator[_Content]:
    """An export; what is no file, such as the standard input, is kept in one without a name until the end of the block."""
    name = "the standard input" if file == STANDARD else file
    with _failing(name, "read"), ExitStack() as stack:
        content: BinaryIO = sys.stdin.buffer if file == STANDARD else stack.enter_context(Path(file).open("rb"))
        if not content.seekable():
            copy = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(content, copy)
            content = copy
        yield _Content(name, content)


@contextmanager
def _failing(name: str, done: str) -> Iterator[None]:
    """Say which file it is that the operating system refuses."""
    try:
        yield
    except OSError as error:
        raise RequestError(f"{name} can't be {done}: {error.strerror or error}") from error
