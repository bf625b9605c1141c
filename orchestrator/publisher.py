"""Publishes what the outbox holds: each event at least once, also after a crash between its commit and its publication.

The outbox is in the store alone, never in memory: a new entry is only a reason to look. Each audience has a publisher of its own,
so that a broker that is away keeps no pipeline from starting here. What a dead replica left comes by
`orchestrator.outbox_upkeep`.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from eventing.cloudevents import CloudEvent, from_json
from flume.errors import FlumeError, StoreError, UnavailableError
from orchestrator.patience import delay_s
from orchestrator.store import Audience, OutboxEntry, RunStore

logger = logging.getLogger(__name__)

AT_ONCE = 64
"""Events that are published at a time."""


class RunEventSink(Protocol):
    """Where events about runs go."""

    async def publish(self, event: CloudEvent) -> None:
        """Take an event, which may come again.

        Raises `UnavailableError` and `StoreError` when it is to be tried again later; any other `FlumeError` ends the matter.
        """
        ...


class Publisher:
    """Gives the events for an audience to its sink. Runs beside an engine for as long as it lives.

    ``news`` is set when the outbox has grown; each publisher has its own, which it clears.
    """

    def __init__(
        self,
        owner: str,
        store: RunStore,
        audience: Audience,
        sink: RunEventSink,
        *,
        news: asyncio.Event,
        crash_point: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._owner = owner
        self._store = store
        self._audience = audience
        self._sink = sink
        self._news = news
        self._crash_point = crash_point
        self._passed: OutboxEntry | None = None
        self._failure: StoreError | UnavailableError | None = None

    async def run(self) -> None:
        """Work until cancelled. What fails is told once and tried again."""
        tries = 0
        while True:
            try:
                await self.round()
                tries = 0
            except (StoreError, UnavailableError) as error:
                if tries == 0:
                    facts = {"audience": self._audience.value, "reason": str(error)}
                    logger.warning("run events can't be published; trying again", extra=facts)
                await asyncio.sleep(delay_s(tries))
                tries += 1
                continue
            await self._news.wait()

    async def round(self) -> None:
        """Publish what there is, the oldest first. Raises `StoreError` and `UnavailableError` if something has to wait.

        A group that fails as a whole ends the round, since the sink may be out of order. The next one goes on behind it and
        begins at the oldest again only when it has come to the end: what fails for ever keeps nothing else waiting.
        """
        if self._passed is None:
            self._failure = None
            # Before the look: what comes while it is under way is worth another.
            self._news.clear()
        while entries := await self._store.read_outbox(self._owner, self._audience, limit=AT_ONCE, after=self._passed):
            failed = await self._publish_group(entries)
            self._passed = entries[-1]
            self._failure = failed[0] if failed else self._failure
            if len(failed) == len(entries):
                break
        if len(entries) < AT_ONCE:
            self._passed = None
        if self._failure is not None:
            raise self._failure

    async def _publish_group(self, entries: Sequence[OutboxEntry]) -> list[StoreError | UnavailableError]:
        """Publish entries and forget those that are done; the errors of the others."""
        errors = await asyncio.gather(*map(self._publish, entries))
        self._crash_point("after-publication")
        if done := [entry for entry, error in zip(entries, errors, strict=True) if error is None]:
            await self._store.delete_outbox(done)
        return [error for error in errors if error is not None]

    async def _publish(self, entry: OutboxEntry) -> StoreError | UnavailableError | None:
        """Publish an event; the error because of which it stays in the outbox, if there is one."""
        self._crash_point("before-publication")
        try:
            await self._sink.publish(from_json(entry.event))
        except (StoreError, UnavailableError) as error:
            return error
        except FlumeError as error:
            logger.error("a run event can't be published", extra={"event": entry.id, "reason": str(error)})
        # A defect of a sink: the others must not wait behind this one for ever.
        except Exception:
            logger.exception("a run event was lost inside Flume", extra={"event": entry.id})
        return None
