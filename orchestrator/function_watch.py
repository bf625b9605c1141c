"""What functions are and were: tells the bus of their changes, and remembers for a while how many instances they had.

The directory is asked for what it knows whenever something changed, and not for each event of a busy function: changes
within a quarter of a second are told as one.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from eventing.function_status import FunctionDirectory, FunctionStatus
from flume.ids import Millis
from orchestrator.bus import FUNCTIONS_TOPIC, Bus, FunctionChanged
from orchestrator.identifiers import Clock

PAUSE_S = 0.25
"""The time within which changes are told as one."""

MAX_SAMPLES = 100
"""How many changes of scale are remembered of a function, the latest."""


@dataclass(frozen=True, slots=True)
class ScaleSample:
    """From ``at`` on a function had so many instances, ``ready`` of them for events."""

    at: Millis
    instances: int
    ready: int


class FunctionWatch:
    """Knows the functions of a directory. Nothing is remembered or told before `run`."""

    def __init__(
        self,
        directory: FunctionDirectory,
        bus: Bus,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._directory = directory
        self._bus = bus
        self._clock = clock
        self._sleep = sleep
        self._told: dict[str, FunctionStatus] = {}
        self._samples: dict[str, deque[ScaleSample]] = {}

    def statuses(self) -> dict[str, FunctionStatus]:
        """The functions that were asked for so far as they are now, by name."""
        return {status.name: status for status in self._directory.statuses()}

    def scale_of(self, name: str) -> tuple[ScaleSample, ...]:
        """How the number of instances has changed, the latest last; empty if it never did."""
        return tuple(self._samples.get(name, ()))

    async def run(self) -> None:
        """Remember and tell changes until cancelled."""
        while True:
            await self._directory.changed()
            self.look()
            await self._sleep(PAUSE_S)

    def look(self) -> None:
        """Remember and tell what has changed since the last look."""
        for name, status in self.statuses().items():
            before = self._told.get(name)
            if status != before:
                self._told[name] = status
                self._remember(before, status)
                self._bus.publish(FUNCTIONS_TOPIC, FunctionChanged(status))

    def _remember(self, before: FunctionStatus | None, status: FunctionStatus) -> None:
        if before is not None and (before.instances, before.ready) == (status.instances, status.ready):
            return
        samples = self._samples.setdefault(status.name, deque(maxlen=MAX_SAMPLES))
        samples.append(ScaleSample(self._clock(), status.instances, status.ready))
