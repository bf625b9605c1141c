"""One function process on this machine: started, watched, and ended."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress

from flume.errors import FlumeError

KEPT_LINES = 20
"""Lines that a process wrote last, to tell of if it dies."""

LONGEST_LINE = 2_000
_EXIT_WAIT_S = 2.0
"""How long a process whose connection was lost gets to be seen dead."""


class StartError(FlumeError):
    """A function process did not get ready; the message holds what it wrote."""

    code = "start-failed"


class LocalProcess:
    """A process that serves node types; made by `start`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.port = 0
        self.in_flight = 0
        self.is_ending = False
        self._process = process
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._reading = asyncio.create_task(self._read_output(), name=f"output of {name}")
        self._ended = asyncio.create_task(self._wait(), name=f"end of {name}")

    @property
    def url(self) -> str:
        """The address that takes events."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_dead(self) -> bool:
        """Whether it is known to be dead; what it wrote last may not have been read yet."""
        return self._process.returncode is not None

    async def ended(self) -> None:
        """Return when it is dead and all that it wrote was read."""
        await asyncio.shield(self._ended)

    async def epitaph(self) -> str | None:
        """How it died and what it wrote last; None if it lives."""
        await asyncio.wait({self._ended}, timeout=_EXIT_WAIT_S)
        return self._tell_end() if self._ended.done() else None

    async def end(self, grace_s: float) -> None:
        """Ask it to finish what it has taken, and kill it when the grace is over."""
        self.is_ending = True
        with suppress(ProcessLookupError):
            self._process.terminate()
        await asyncio.wait({self._ended}, timeout=grace_s)
        if not self._ended.done():
            with suppress(ProcessLookupError):
                # It leads a group of its own: what it started ends with it.
                os.killpg(self._process.pid, signal.SIGKILL)
            await self.ended()

    async def become_ready(self, pipe: int, timeout_s: float) -> None:
        """Wait for its port on ``pipe``, which is closed then. Raises `StartError`."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", buffering=0)
        )
        try:
            async with asyncio.timeout(timeout_s):
                line = await reader.readline()
        except TimeoutError:
            raise StartError(f"function '{self.name}' was not ready within {timeout_s:g} s") from None
        finally:
            transport.close()
        if not line:
            raise StartError(await self.epitaph() or f"function '{self.name}' closed its ready pipe")
        self.port = int(line)

    def _tell_end(self) -> str:
        code = self._process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with {code}"
        said = "\n".join(self._lines)
        return f"the process of function '{self.name}' {how}" + (f"; it wrote last:\n{said}" if said else "")

    async def _read_output(self) -> None:
        stream = self._process.stdout
        assert stream is not None, "started with a pipe"
        rest = b""
        while chunk := await stream.read(65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            self._lines.extend(line[:LONGEST_LINE].decode(errors="replace") for line in lines[-KEPT_LINES:])
            rest = rest[:LONGEST_LINE]
        if rest:
            self._lines.append(rest.decode(errors="replace"))

    async def _wait(self) -> None:
        await self._process.wait()
        # A grandchild may hold the pipe open; what the process itself wrote is there by now.
        await asyncio.wait({self._reading}, timeout=0.2)
        self._reading.cancel()


async def start(name: str, command: Sequence[str], environment: Mapping[str, str], *, timeout_s: float) -> LocalProcess:
    """Start ``command``, to which the options for readiness and end are added, and wait until it takes events.

    Raises `StartError`; nothing is left of the process then.
    """
    read_end, write_end = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            "--ready-fd",
            str(write_end),
            "--ends-with-stdin",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(environment),
            pass_fds=[write_end],
            # Ctrl-C goes to whoever started it, which ends it in good order.
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        os.close(read_end)
        raise StartError(f"function '{name}' can't be started: {error}") from error
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    started = LocalProcess(name, process)
    try:
        await started.become_ready(read_end, timeout_s)
    except BaseException:
        await asyncio.shield(started.end(0))
        raise
    return started
