"""What replicas tell this one: that something arrived for it, that a function is at work or can't be, that runs are free.

Nothing rests on it. What is in the inbox of a run is found within a second without it, and so are runs without an owner; a
function whose signs of life don't arrive is asked again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import assert_never

from eventing.attempts import Hindrance, OpenAttempts
from eventing.messages import Attempt, Progressed
from flume.errors import StoreError, UnavailableError
from flume.ids import RunId
from orchestrator.bus import (
    REPLICAS_TOPIC,
    AttemptHindered,
    Bus,
    FunctionChanged,
    FunctionHindered,
    InboxGrew,
    LogsWritten,
    Message,
    Overrun,
    PipelineChanged,
    Progress,
    RunChanged,
    RunsReady,
    SignOfLife,
    replica_topic,
)

READ_AT_ONCE = 16
"""Inboxes that are read at the same time."""


@dataclass(frozen=True, slots=True)
class WakeUpParts:
    """Who is woken. ``owner`` is the name under which this replica owns runs.

    ``arrived`` reads the inbox of a run that ``has`` says is in memory; ``look`` has the keeper ask the store at once.
    """

    owner: str
    bus: Bus
    attempts: OpenAttempts
    has: Callable[[RunId], bool]
    arrived: Callable[[RunId], Awaitable[None]]
    look: Callable[[], None]


class WakeUps:
    """Listens for as long as `run` runs."""

    def __init__(self, parts: WakeUpParts) -> None:
        self._parts = parts

    async def run(self) -> None:
        """Pass on what is said until cancelled."""
        with self._parts.bus.subscribe(replica_topic(self._parts.owner), REPLICAS_TOPIC) as subscription:
            while True:
                await subscription.wait()
                await self.take(subscription.take())

    async def take(self, messages: Iterable[Message]) -> None:
        """Do what messages ask for."""
        grown: dict[RunId, None] = {}
        for message in messages:
            match message:
                case InboxGrew():
                    grown[message.run_id] = None
                case SignOfLife():
                    self._hear(message)
                case FunctionHindered():
                    hindrance = Hindrance(message.code, message.message)
                    for opened in self._parts.attempts.of_function(message.function):
                        opened.hinder(hindrance, message.at)
                case AttemptHindered():
                    self._hinder(message)
                case RunsReady() | Overrun():
                    self._parts.look()
                case RunChanged() | Progress() | LogsWritten() | PipelineChanged() | FunctionChanged():
                    # Nobody says this to replicas.
                    pass
                case _:
                    assert_never(message)
        await self._read(list(grown))

    def _hear(self, sign: SignOfLife) -> None:
        attempt = Attempt(sign.run_id, sign.instance, sign.attempt)
        opened = self._parts.attempts.find(attempt)
        if opened is not None:
            opened.take(Progressed(attempt, "", sign.offset, sign.text, ()))

    def _hinder(self, hindered: AttemptHindered) -> None:
        opened = self._parts.attempts.find(Attempt(hindered.run_id, hindered.instance, hindered.attempt))
        if opened is not None:
            opened.hinder(Hindrance(hindered.code, hindered.message), hindered.at)

    async def _read(self, runs: list[RunId]) -> None:
        here = [run_id for run_id in runs if self._parts.has(run_id)]
        if len(here) < len(runs):
            # Ours since a moment ago, perhaps, and not in memory yet.
            self._parts.look()
        for start in range(0, len(here), READ_AT_ONCE):
            await asyncio.gather(*map(self._read_one, here[start : start + READ_AT_ONCE]))

    async def _read_one(self, run_id: RunId) -> None:
        try:
            await self._parts.arrived(run_id)
        except (StoreError, UnavailableError):
            # The keeper asks within a second, and tells of the outage if there is one.
            self._parts.look()
