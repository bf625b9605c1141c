"""Sends signs of life to the orchestrator: what the attempts of this process told since the last one, and that they live.

One batch for all attempts, at most ten a second, and for each attempt at least one every five seconds. The orchestrator says
which of them nobody wants any more. While it can't be reached, work goes on: the answer is what counts.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from eventing.cloudevents import MAX_BATCH, CloudEvent
from eventing.messages import attempt_of, progress_event
from functions.journal import Journal

logger = logging.getLogger(__name__)

SHORTEST_PAUSE_S = 0.1
"""Between two batches."""

LONGEST_SILENCE_S = 5.0
"""Of an attempt."""

OUT_OF_REACH_PAUSE_S = 1.0
"""Between two tries while the orchestrator can't be reached."""

BATCH_CHARACTERS = 256 * 1024
"""What one batch says at most, about; the rest waits for the next. A character may take six bytes, and a body is bounded."""


class Orchestrator(Protocol):
    """Where signs of life go."""

    async def report(self, events: Sequence[CloudEvent]) -> Collection[str]:
        """Deliver a batch; the ids of those whose attempt nobody wants. Raises `ConnectionError` if it can't be done now."""
        ...


class Reporter:
    """Sends for all attempts of one process. ``on_gone`` is told the id of each attempt that nobody wants."""

    def __init__(self, orchestrator: Orchestrator, on_gone: Callable[[str], None]) -> None:
        self._orchestrator = orchestrator
        self._on_gone = on_gone
        self._journals: dict[str, Journal] = {}
        self._has_journals = asyncio.Event()
        self._is_out_of_reach = False

    def add(self, journal: Journal) -> None:
        """Report on an attempt until `remove`."""
        self._journals[str(attempt_of(journal.invocation))] = journal
        self._has_journals.set()

    def remove(self, journal: Journal) -> None:
        """The attempt has ended; what it told last goes with its answer."""
        self._journals.pop(str(attempt_of(journal.invocation)), None)
        if not self._journals:
            self._has_journals.clear()

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._has_journals.wait()
            await asyncio.sleep(OUT_OF_REACH_PAUSE_S if self._is_out_of_reach else SHORTEST_PAUSE_S)
            due = [each for each in self._journals.values() if _is_due(each, loop.time())]
            if due:
                # Should there be too many for one batch, those come first that have waited for longest.
                await self._send(sorted(due, key=lambda each: each.last_sent)[:MAX_BATCH], loop.time())

    async def _send(self, journals: Sequence[Journal], now: float) -> None:
        share = BATCH_CHARACTERS // len(journals)
        events = [progress_event(journal.invocation, journal.take(share)) for journal in journals]
        try:
            gone = await self._orchestrator.report(events)
        except ConnectionError as error:
            for journal in journals:
                journal.put_back()
            if not self._is_out_of_reach:
                logger.warning("the orchestrator can't be reached; trying again", extra={"reason": str(error)})
            self._is_out_of_reach = True
            return
        for journal in journals:
            journal.delivered()
            journal.last_sent = now
        self._is_out_of_reach = False
        for event_id in gone:
            self._on_gone(event_id)


def _is_due(journal: Journal, now: float) -> bool:
    return journal.has_news() or now - journal.last_sent >= LONGEST_SILENCE_S
