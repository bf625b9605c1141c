"""Orchestrators as processes of their own, side by side on one store, which can be killed, frozen and started again.

So can the function processes that they keep, and their clocks can jump.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.faults.clocks import JumpingClock
from tests.servers.own_process import free_port

STARTS_WITHIN_S = 120
ENDS_WITHIN_S = 60
"""Long, since the machine may have other things to do: how fast it goes is no business of these tests."""

_PECULIAR = Path(__file__).with_name("replica.py")


@dataclass
class Replica:
    """One place in the fleet, with a port of its own; what it says goes to ``log``.

    It is ``flume orchestrator`` as everybody starts it, unless it has a ``clock`` of its own or a broker with ``disorder``.
    """

    environment: Mapping[str, str]
    log: Path
    clock: JumpingClock | None = None
    disorder: Mapping[str, float] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None
    is_frozen: bool = False
    _frozen_functions: set[int] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.port}/api/v1"

    @property
    def is_alive(self) -> bool:
        """Whether it is there and may answer."""
        return self.process is not None and self.process.poll() is None and not self.is_frozen

    def start(self) -> None:
        """Start it; `ready` waits until it takes calls."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
            )

    def _command(self) -> list[str]:
        if self.clock is None and not self.disorder:
            return [sys.executable, "-P", "-m", "flume", "orchestrator", "--port", str(self.port)]
        clock = self.clock or JumpingClock(self.log.with_suffix(".clock"))
        return [sys.executable, "-P", str(_PECULIAR), str(self.port), str(clock.file), json.dumps(dict(self.disorder))]

    async def ready(self) -> None:
        """Wait until it says that it can work. Raises `TimeoutError`, and `RuntimeError` if it has ended."""
        async with asyncio.timeout(STARTS_WITHIN_S), aiohttp.ClientSession() as client:
            while not await self._is_ready(client):
                if self.process is None or self.process.poll() is not None:
                    raise RuntimeError(f"the orchestrator has ended:\n{self.log.read_text()[-4000:]}")
                await asyncio.sleep(0.02)

    async def _is_ready(self, client: aiohttp.ClientSession) -> bool:
        try:
            async with client.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def kill(self) -> None:
        """End it without a chance to say a word."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.is_frozen = False

    async def end(self) -> None:
        """Ask it to end, and wait until it has. Raises `TimeoutExpired`."""
        if self.process is not None:
            self.process.terminate()
            await asyncio.to_thread(self.process.wait, ENDS_WITHIN_S)

    def functions(self) -> list[int]:
        """The function processes that it keeps just now, by id."""
        return [] if self.process is None else [pid for pid in _children_of(self.process.pid) if _is_function(pid)]

    def kill_function(self, pid: int) -> None:
        """End one of `functions` without a chance to say a word; it may be gone already."""
        _signal(pid, signal.SIGKILL)

    def freeze_function(self, pid: int) -> None:
        """Stop one of `functions` between two instructions until `thaw_function`; it may be gone already."""
        self._frozen_functions.add(pid)
        _signal(pid, signal.SIGSTOP)

    def thaw_function(self, pid: int) -> None:
        """Let it go on as if nothing had happened, if it is still there."""
        self._frozen_functions.discard(pid)
        _signal(pid, signal.SIGCONT)

    def bury_functions(self) -> None:
        """End those that are frozen still: they can't notice that nobody needs them any more."""
        for pid in tuple(self._frozen_functions):
            _signal(pid, signal.SIGKILL)
            self._frozen_functions.discard(pid)

    def freeze(self) -> None:
        """Stop it between two instructions until `thaw`; its connections stay open."""
        if self.is_alive and self.process is not None:
            self.process.send_signal(signal.SIGSTOP)
            self.is_frozen = True

    def thaw(self) -> None:
        """Let it go on as if nothing had happened."""
        if self.is_frozen and self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.is_frozen = False


@contextmanager
def fleet_of(
    count: int,
    folder: Path,
    settings: Mapping[str, str],
    *,
    has_clocks: bool = False,
    disorder: Mapping[str, float] | None = None,
) -> Iterator[list[Replica]]:
    """So many replicas, not started yet, with these settings and no other of Flume's; none outlives the block."""
    ours = ("FLUME_", "MONGODB_", "REDIS_", "BROKER_", "ENGINE_", "K_SINK", "K8S_", "VLLM_")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    environment = {**inherited, "FLUME_GRACE": "2", **settings}

    def new(number: int) -> Replica:
        clock = JumpingClock(folder / f"replica-{number}.clock") if has_clocks else None
        return Replica(environment, folder / f"replica-{number}.log", clock=clock, disorder=disorder or {})

    replicas = [new(number) for number in range(count)]
    try:
        yield replicas
    finally:
        for replica in replicas:
            replica.kill()
            replica.bury_functions()


def _children_of(parent: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        # Whatever is looked at may end meanwhile.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                yield int(entry.name)


def _is_function(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"\0-m\0functions\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _signal(pid: int, number: signal.Signals) -> None:
    # A function that has ended may have given its id to another program.
    if _is_function(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
