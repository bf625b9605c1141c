"""Runs one command in a process of its own, in bounds of memory, processor time and file size, and reads what it prints.

Between this process and the command stands `functions.nodes.script_supervisor`, which outlives neither: it kills the
command and all that the command started when it is told to, and when this process dies.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeAlias

GRACE_S = 2.0
"""The time between SIGTERM and SIGKILL."""

MAX_LINE_BYTES = 8 * 1024
"""Of a line that a command prints; the rest of a longer one is left out."""

MAX_FILE_BYTES = 8 * 1024**3
"""The largest file that a command may write."""

MAX_ANSWER_BYTES = 64 * 1024**2
"""Of a command's answer; what a command writes beyond it is not read."""

_CHUNK = 16 * 1024
_SUPERVISOR = Path(__file__).with_name("script_supervisor.py")

LineSink: TypeAlias = Callable[[str], None]
"""Takes one line, without its end. Never blocks and never raises."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process of a command may take: bytes of its own memory, seconds of processor time; None is no bound."""

    memory: int | None = None
    cpu_s: int | None = None

    def limits(self) -> dict[str, tuple[int, int]]:
        """The bounds as names of the ``resource`` module with the soft and the hard limit."""
        named = {
            "RLIMIT_CORE": 0,
            "RLIMIT_FSIZE": MAX_FILE_BYTES,
            # Not RLIMIT_AS, which counts what is only reserved: threads and mapped files.
            "RLIMIT_DATA": self.memory,
            "RLIMIT_CPU": self.cpu_s,
        }
        # At the soft limit of time comes a signal that tells what happened, at the hard one SIGKILL.
        later = {"RLIMIT_CPU": 2}
        return {name: (value, value + later.get(name, 0)) for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. ``environment`` is all of it; HOME and TMPDIR are the command's folder unless given here.

    With ``answers`` the command gets one more argument: the number of a descriptor that it may write its answer to.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    bounds: Bounds = field(default_factory=Bounds)
    stdin: bytes = field(default=b"", repr=False)
    answers: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. ``status`` is negative for a signal; ``peak`` is in bytes of resident memory.

    ``problem`` tells why the command could not be started, or that its supervisor was killed; then the rest says nothing.
    """

    status: int
    peak: int
    duration: float
    """Seconds."""
    answer: bytes = field(default=b"", repr=False)
    problem: str = ""


class Lines:
    """Cuts a stream of bytes into lines of text. A line longer than `MAX_LINE_BYTES` ends with ``…`` in place of its rest."""

    def __init__(self) -> None:
        self._begun = b""
        self._is_cut = False

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that end in the chunk."""
        *ended, open_line = chunk.split(b"\n")
        found = []
        for part in ended:
            self._add(part)
            found += self.end(always=True)
        self._add(open_line)
        return found

    def end(self, *, always: bool = False) -> list[str]:
        """The line that was begun, if there is one, or ``always``."""
        if not (self._begun or always):
            return []
        text = self._begun.removesuffix(b"\r").decode(errors="ignore" if self._is_cut else "replace")
        line = text + "…" if self._is_cut else text
        self._begun, self._is_cut = b"", False
        return [line]

    def _add(self, part: bytes) -> None:
        left = MAX_LINE_BYTES - len(self._begun)
        self._is_cut = self._is_cut or len(part) > left
        self._begun += part[:left]


async def run_command(command: Command, out: LineSink, err: LineSink) -> Ended:
    """Run a command to its end. When the task is cancelled, the command and all its processes are gone before that gets through.

    ``out`` and ``err`` take the lines as they come.
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as report:
        await asyncio.to_thread(_fill, stdin, command.stdin)
        began = time.monotonic()
        process = await _start(stdin, answer, report)
        ending = asyncio.ensure_future(_read_to_the_end(process, out, err))
        try:
            await _send(process, _order(command, stdin, answer, report))
            await asyncio.shield(ending)
        finally:
            # The supervisor's leash. From here on it ends by itself, whether anybody still waits for it or not.
            if process.stdin is not None:
                process.stdin.close()
            await asyncio.shield(ending)
        duration = time.monotonic() - began
        return await asyncio.to_thread(_result, report, answer, duration)


async def _start(*files: IO[bytes]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_SUPERVISOR)),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        pass_fds=[file.fileno() for file in files],
        env={name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ},
        start_new_session=True,
        limit=_CHUNK,
    )


def _order(command: Command, stdin: IO[bytes], answer: IO[bytes], report: IO[bytes]) -> bytes:
    channel = answer.fileno()
    order = {
        "command": [*command.arguments, *([str(channel)] if command.answers else [])],
        "environment": dict(command.environment),
        "stdin": stdin.fileno(),
        "keep": [channel] if command.answers else [],
        "report": report.fileno(),
        "limits": command.bounds.limits(),
        "grace_s": GRACE_S,
    }
    return json.dumps(order).encode() + b"\n"


async def _send(process: asyncio.subprocess.Process, order: bytes) -> None:
    if process.stdin is None:
        raise AssertionError("the supervisor was started with a pipe for its input")
    process.stdin.write(order)
    # A supervisor that was killed already is told by its missing report.
    with suppress(ConnectionError):
        await process.stdin.drain()


async def _read_to_the_end(process: asyncio.subprocess.Process, out: LineSink, err: LineSink) -> None:
    await asyncio.gather(_read(process.stdout, out), _read(process.stderr, err))
    await process.wait()


async def _read(stream: asyncio.StreamReader | None, sink: LineSink) -> None:
    lines = Lines()
    while stream is not None and (chunk := await stream.read(_CHUNK)):
        for line in lines.feed(chunk):
            sink(line)
    for line in lines.end():
        sink(line)


def _fill(file: IO[bytes], content: bytes) -> None:
    file.write(content)
    file.seek(0)


def _result(report: IO[bytes], answer: IO[bytes], duration: float) -> Ended:
    report.seek(0)
    told = json.loads(report.read() or b'{"error": "the process that supervises it was killed"}')
    if "error" in told:
        return Ended(0, 0, duration, problem=told["error"])
    answer.seek(0)
    return Ended(told["status"], told["peak"], duration, answer.read(MAX_ANSWER_BYTES))
