"""One function process on this machine: started, watched, and ended."""

import asyncio
import os
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress

from flume.errors import FlumeError

KEPT_LINES = 20
"""Lines that a process wrote last, to tell of if it dies."""

LONGEST_LINE = 2_000
_OUTPUT = 1
_EXIT_WAIT_S = 2.0
"""How long a process whose connection was lost gets to be seen dead."""


class StartError(FlumeError):
    """A function process did not get ready; the message holds what it wrote."""

    code = "start-failed"


class _Watch(asyncio.SubprocessProtocol):
    """Keeps what a process wrote last, and tells when it has exited.

    It is not asyncio's own, which takes a process to be alive while anything that it started holds its output open.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[None] = loop.create_future()
        self.output_ended: asyncio.Future[None] = loop.create_future()
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._unfinished = b""

    @property
    def said(self) -> str:
        """What it wrote last."""
        unfinished = [self._unfinished.decode(errors="replace")] if self._unfinished else []
        return "\n".join([*self._lines, *unfinished])

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        assert isinstance(data, bytes), "a pipe gives bytes"
        *lines, unfinished = (self._unfinished + data).split(b"\n")
        self._lines.extend(line[:LONGEST_LINE].decode(errors="replace") for line in lines[-KEPT_LINES:])
        self._unfinished = unfinished[:LONGEST_LINE]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == _OUTPUT and not self.output_ended.done():
            self.output_ended.set_result(None)

    def process_exited(self) -> None:
        self.exited.set_result(None)


class LocalProcess:
    """A process that serves node types; made by `start`."""

    def __init__(self, name: str, transport: asyncio.SubprocessTransport, watch: _Watch) -> None:
        self.name = name
        self.port = 0
        self.in_flight = 0
        self.is_ending = False
        self._transport = transport
        self._watch = watch
        self._ended = asyncio.create_task(self._wait(), name=f"end of {name}")

    @property
    def url(self) -> str:
        """The address that takes events."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._transport.get_pid()

    @property
    def is_dead(self) -> bool:
        """Whether it is known to be dead; what it wrote last may not have been read yet."""
        return self._watch.exited.done()

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
            self._transport.terminate()
        await asyncio.wait({self._ended}, timeout=grace_s)
        if not self._ended.done():
            with suppress(ProcessLookupError):
                self._transport.kill()
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
        code = self._transport.get_returncode()
        how = f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with {code}"
        said = self._watch.said
        return f"the process of function '{self.name}' {how}" + (f"; it wrote last:\n{said}" if said else "")

    async def _wait(self) -> None:
        await asyncio.wait({self._watch.exited})
        # It led a group of its own: what it started ends with it, however it ended.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        # What left the group may hold the pipe open; what the process itself wrote is there by now.
        await asyncio.wait({self._watch.output_ended}, timeout=0.2)
        self._transport.close()


async def start(name: str, command: Sequence[str], environment: Mapping[str, str], *, timeout_s: float) -> LocalProcess:
    """Start ``command``, to which the options for readiness and end are added, and wait until it takes events.

    Raises `StartError`; nothing is left of the process then.
    """
    read_end, write_end = os.pipe()
    try:
        transport, watch = await asyncio.get_running_loop().subprocess_exec(
            _Watch,
            *command,
            "--ready-fd",
            str(write_end),
            "--ends-with-stdin",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            pass_fds=[write_end],
            # Ctrl-C goes to whoever started it, which ends it in good order.
            start_new_session=True,
        )
    except OSError as error:
        os.close(read_end)
        raise StartError(f"function '{name}' can't be started: {error}") from error
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    started = LocalProcess(name, transport, watch)
    try:
        await started.become_ready(read_end, timeout_s)
    except BaseException:
        await asyncio.shield(started.end(0))
        raise
    return started
