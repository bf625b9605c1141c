"""One function process on this machine: started, watched, and ended."""

import asyncio
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_urlsafe

from flume.errors import FlumeError
from functions.environment import FUNCTION_KEY

KEPT_LINES = 20
"""Lines that a process wrote last, to tell of if it dies."""

LONGEST_LINE = 2_000
_OUTPUT = 1
_EXIT_WAIT_S = 2.0
"""How long a process whose connection was lost gets to be seen dead."""


class StartError(FlumeError):
    """A function process did not get ready; the message holds what it wrote."""

    code = "start-failed"


@dataclass(frozen=True, slots=True)
class Output:
    """What becomes of what a process prints. ``conceal`` takes secrets out of a line, and ``on_line`` is told it then."""

    on_line: Callable[[str], None] = lambda line: None
    conceal: Callable[[str], str] = lambda line: line


class _Watch(asyncio.SubprocessProtocol):
    """Keeps what a process wrote last, and tells when it has exited.

    It is not asyncio's own, which takes a process to be alive while anything that it started holds its output open.
    """

    def __init__(self, output: "Output") -> None:
        loop = asyncio.get_running_loop()
        self._output = output
        self.exited: asyncio.Future[None] = loop.create_future()
        self.output_ended: asyncio.Future[None] = loop.create_future()
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._unfinished = b""

    @property
    def said(self) -> str:
        """What it wrote last."""
        unfinished = [self._text_of(self._unfinished)] if self._unfinished else []
        return "\n".join([*self._lines, *unfinished])

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        assert isinstance(data, bytes), "a pipe gives bytes"
        *lines, unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self._take(line)
        # More than is shown, so that a secret at the cut is found as a whole.
        self._unfinished = unfinished[: 2 * LONGEST_LINE]

    def _take(self, line: bytes) -> None:
        text = self._text_of(line)
        self._lines.append(text)
        self._output.on_line(text)

    def _text_of(self, line: bytes) -> str:
        return self._output.conceal(line.decode(errors="replace"))[:LONGEST_LINE]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == _OUTPUT and not self.output_ended.done():
            self.output_ended.set_result(None)

    def process_exited(self) -> None:
        self.exited.set_result(None)


class LocalProcess:
    """A process that serves node types; made by `start`."""

    def __init__(self, name: str, key: str, transport: asyncio.SubprocessTransport, watch: _Watch) -> None:
        self.name = name
        self._key = key
        self.port = 0
        self.in_flight = 0
        self.is_ending = False
        self.is_doubted = False
        """Whether it has to say that it is well before it is given more."""
        self._transport = transport
        self._watch = watch
        self._ended = asyncio.create_task(self._wait(), name=f"end of {name}")

    @property
    def url(self) -> str:
        """The address that takes events."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def headers(self) -> Mapping[str, str]:
        """What an event has to carry: anyone on this machine can reach the address."""
        return {"Authorization": f"Bearer {self._key}"}

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._transport.get_pid()

    @property
    def is_dead(self) -> bool:
        """Whether it is known to be dead; what it wrote last may not have been read yet."""
        return self._watch.exited.done()

    @property
    def output(self) -> str:
        """What it wrote last."""
        return self._watch.said

    @property
    def end_reason(self) -> str:
        """How it ended, once it has, such as ``was killed by SIGKILL``."""
        code = self._transport.get_returncode()
        return f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with {code}"

    async def ended(self) -> None:
        """Return when it is dead and all that it wrote was read."""
        await asyncio.shield(self._ended)

    async def epitaph(self) -> str | None:
        """How it died and what it wrote last; None if it lives, or was told to end: then it is no crash that it did."""
        if self.is_ending:
            return None
        await asyncio.wait({self._ended}, timeout=_EXIT_WAIT_S)
        return self._tell_end() if self._ended.done() else None

    async def is_ready(self, within_s: float) -> bool:
        """Whether it says in time that it takes events."""
        try:
            async with asyncio.timeout(within_s):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
                finally:
                    writer.close()
        except TimeoutError:
            return False
        except OSError:
            # Perhaps it is just dying, which is to be known before anything is made of this.
            await asyncio.wait({self._ended}, timeout=_EXIT_WAIT_S)
            return False

    async def end(self, grace_s: float) -> None:
        """Ask it to finish what it has taken, and kill it when the grace is over."""
        self.is_ending = True
        self._signal(signal.SIGTERM)
        await asyncio.wait({self._ended}, timeout=grace_s)
        if not self._ended.done():
            self._signal(signal.SIGKILL)
            await self.ended()

    def _signal(self, number: signal.Signals) -> None:
        # Not by the transport: it looks whether the process is dead, and so takes the exit code from who waits for it.
        if not self.is_dead:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

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
        how, said = self.end_reason, self.output
        return f"the process of function '{self.name}' {how}" + (f"; it wrote last:\n{said}" if said else "")

    async def _wait(self) -> None:
        await asyncio.wait({self._watch.exited})
        # It led a group of its own: what it started ends with it, however it ended.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        # What left the group may hold the pipe open; what the process itself wrote is there by now.
        await asyncio.wait({self._watch.output_ended}, timeout=0.2)
        self._transport.close()


async def start(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    timeout_s: float,
    output: Output = Output(),
) -> LocalProcess:
    """Start ``command``, to which the options for readiness and end are added, and wait until it takes events.

    Raises `StartError`; nothing is left of the process then.
    """
    key = token_urlsafe(32)
    read_end, write_end = os.pipe()
    try:
        transport, watch = await asyncio.get_running_loop().subprocess_exec(
            lambda: _Watch(output),
            *command,
            "--ready-fd",
            str(write_end),
            "--ends-with-stdin",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**environment, FUNCTION_KEY: key},
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
    started = LocalProcess(name, key, transport, watch)
    try:
        await started.become_ready(read_end, timeout_s)
    except BaseException:
        await asyncio.shield(started.end(0))
        raise
    return started
