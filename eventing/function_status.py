"""What can be told of the functions behind node types: the same on one machine and in a cluster."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from flume.ids import Millis


class FunctionState(StrEnum):
    """What a function can do for the next event. Being at zero is no fault: the event starts it."""

    AT_ZERO = "at-zero"
    STARTING = "starting"
    READY = "ready"
    FAILING = "failing"
    """Nothing takes events, and the latest start failed."""


@dataclass(frozen=True, slots=True)
class Crash:
    """An instance died that nobody had told to end. ``output`` is what it wrote last, without secrets."""

    at: Millis
    reason: str
    output: str


@dataclass(frozen=True, slots=True)
class FunctionStatus:
    """One function, by the name of its node type.

    ``instances`` are all that there are, ``starting`` of them take no events yet and ``ready`` of them do; the others are
    ending. ``most`` is how many there may be, and each takes ``concurrency`` events at a time. ``cold_start_ms`` is how long
    the latest start took until events could come, None before the first. ``failure`` says why the latest start failed, empty
    if it did not. ``revision`` names the code that new events get to, empty where nothing names it.
    """

    name: str
    instances: int
    ready: int
    most: int
    in_flight: int
    events: int
    cold_starts: int
    starting: int = 0
    concurrency: int = 1
    cold_start_ms: int | None = None
    last_event_at: Millis | None = None
    failure: str = ""
    crash: Crash | None = None
    revision: str = ""

    @property
    def state(self) -> FunctionState:
        """What it can do for the next event."""
        if self.ready:
            return FunctionState.READY
        if self.failure:
            return FunctionState.FAILING
        return FunctionState.STARTING if self.starting else FunctionState.AT_ZERO

    @property
    def limit(self) -> int:
        """Events that all its instances take at a time; more have to wait."""
        return self.most * self.concurrency


class FunctionDirectory(Protocol):
    """Whoever knows the functions."""

    def statuses(self) -> tuple[FunctionStatus, ...]:
        """All functions that were asked for so far, by name."""
        ...

    async def changed(self) -> None:
        """Return once a status is another than when this returned last. For one caller at a time."""
        ...


class NoFunctions:
    """The `FunctionDirectory` where there are none."""

    def statuses(self) -> tuple[FunctionStatus, ...]:
        """See `FunctionDirectory.statuses`."""
        return ()

    async def changed(self) -> None:
        """See `FunctionDirectory.changed`: never."""
        await asyncio.Event().wait()
