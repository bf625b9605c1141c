"""Limits on what is under way at once, shared between replicas: each holds a share of a limit, and gives it to its own runs.

A place within the share costs no question to anybody. Only who has to wait makes the replica ask for more, and four times a
second it says what it has and needs, so that shares follow the need; one that says nothing loses its share. While nobody can be
asked, each replica takes the whole limit for its own: functions that have too much at a time say so, and lose nothing.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from orchestrator.gate import FairGate

logger = logging.getLogger(__name__)

TELL_S = 0.25
"""How often it is said what is needed, while anything is."""

ASK_AGAIN_S = (0.5, 1.0, 2.0, 4.0)
"""Pauses while nobody answers; the last one repeats."""


@dataclass(frozen=True, slots=True)
class Need:
    """What this replica has under way of ``name``, and would have if it could, of at most ``limit`` together with all others."""

    name: str
    limit: int
    in_use: int
    wanted: int


class SharesError(Exception):
    """Nobody answers for the shares."""


class Shares(Protocol):
    """Divides limits among replicas."""

    async def share(self, needs: Sequence[Need]) -> list[int]:
        """How many of each this replica may have under way now. Raises `SharesError`, within a second."""
        ...


class SharedGate:
    """A gate with a limit that other replicas share, as `eventing.remote.Gate` wants it. ``on_wait`` asks for more."""

    def __init__(self, name: str, limit: int, *, share: int, on_wait: Callable[[], None]) -> None:
        self.limit = limit
        """Of all replicas together."""
        self._name = name
        self._gate = FairGate(share)
        self._on_wait = on_wait
        self._peak = 0
        self._wanted = 0

    @asynccontextmanager
    async def slot(self, key: Hashable) -> AsyncIterator[None]:
        """See `eventing.remote.Gate.slot`."""
        gate = self._gate
        # One that got less than it wanted is told soon enough, and asking at each attempt would only cost.
        if gate.held >= gate.limit >= self._wanted:
            self._on_wait()
        self._peak = max(self._peak, gate.held + gate.waiting + 1)
        async with gate.slot(key):
            yield

    def need(self) -> Need:
        """What is to be asked for: the most that was needed at a time since the last call, since it may be needed again."""
        gate = self._gate
        at_present = gate.held + gate.waiting
        self._wanted, self._peak = min(max(self._peak, at_present), self.limit), at_present
        return Need(self._name, self.limit, gate.held, self._wanted)

    def take(self, share: int) -> None:
        """Have a share from now on."""
        self._gate.resize(share)

    def take_all(self) -> None:
        """Have the whole limit from now on."""
        self._gate.resize(self.limit)


class SharedLimits:
    """The gates of one replica. Until `run` they have their whole limits, and afterwards while nobody answers."""

    def __init__(self, shares: Shares, *, jitter: Callable[[], float] = random.random) -> None:
        self._shares = shares
        self._jitter = jitter
        self._gates: dict[str, SharedGate] = {}
        self._is_answered = False
        self._wanted = asyncio.Event()

    def gate(self, name: str, limit: int) -> SharedGate:
        """The gate of that name, the same for all who ask; the limit may be another than before."""
        gate = self._gates.get(name)
        if gate is None:
            share = 0 if self._is_answered else limit
            gate = self._gates[name] = SharedGate(name, limit, share=share, on_wait=self._wanted.set)
        gate.limit = limit
        return gate

    async def run(self) -> None:
        """Keep the shares until cancelled."""
        failures = 0
        told: set[SharedGate] = set()
        while True:
            needs = {gate: gate.need() for gate in self._gates.values()}
            asked = {gate: need for gate, need in needs.items() if need.wanted or gate in told}
            try:
                await self._ask(asked)
            except SharesError as error:
                self._lose(error, is_first=failures == 0)
                pause = ASK_AGAIN_S[min(failures, len(ASK_AGAIN_S) - 1)]
                failures += 1
                await asyncio.sleep(pause * (0.5 + self._jitter()))
                continue
            told = {gate for gate, need in asked.items() if need.wanted}
            if failures:
                logger.info("limits are shared with other replicas again")
            failures = 0
            await self._until_next(is_idle=not told)

    async def _ask(self, asked: dict[SharedGate, Need]) -> None:
        shares = await self._shares.share(list(asked.values()))
        self._is_answered = True
        for gate, share in zip(asked, shares, strict=True):
            gate.take(share)

    def _lose(self, error: SharesError, *, is_first: bool) -> None:
        self._is_answered = False
        for gate in self._gates.values():
            gate.take_all()
        if is_first:
            logger.warning(
                "limits are not shared with other replicas until Redis is back", extra={"reason": str(error)}
            )

    async def _until_next(self, *, is_idle: bool) -> None:
        """Wait until somebody has to wait, or for the next time to tell. Who waits in vain is told of with all others."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if is_idle else TELL_S):
                await self._wanted.wait()
        self._wanted.clear()
