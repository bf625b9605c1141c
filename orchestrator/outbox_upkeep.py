"""Keeps the outbox from growing and from being forgotten: takes over what the dead left, drops what is too old, says what waits.

It goes by the time alone, however busy the publishers are.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from flume.ids import Millis
from orchestrator.identifiers import Clock
from orchestrator.outage import StoreOutage
from orchestrator.store import Audience, Backlog, RunStore

logger = logging.getLogger(__name__)

EVERY_S = 10.0
"""How often it looks; as long as a lease."""

HOUR_MS = 3_600_000

KEPT_MS = 24 * HOUR_MS
"""How long an event waits for a broker outside. What is for pipelines here waits for as long as it takes."""


class OutboxUpkeep:
    """Runs beside the publishers of a replica. ``on_backlog`` is called when there is something for them to publish.

    Of what this process commits they hear anyway. But entries come by other ways, too: the dead leave some, and those of a commit
    that was cut short are written by whoever claims or loads its run.
    """

    def __init__(
        self,
        owner: str,
        store: RunStore,
        *,
        live_owners: Callable[[], Awaitable[Sequence[str]]],
        on_backlog: Callable[[], None],
        clock: Clock,
        outage: StoreOutage | None = None,
    ) -> None:
        self._owner = owner
        self._store = store
        self._live_owners = live_owners
        self._on_backlog = on_backlog
        self._clock = clock
        self._outage = outage or StoreOutage()
        self._drops_at = Millis(0)
        self.backlogs: Mapping[Audience, Backlog] = {}
        """What waited at the last look."""

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            with self._outage.tolerated("outbox"):
                await self.look()
            await asyncio.sleep(self._outage.pause_s("outbox", EVERY_S))

    async def look(self) -> None:
        """Do all that is due. Raises `StoreError` and `UnavailableError`; what was left is done the next time."""
        await self._store.take_over_outbox(self._owner, live_owners=await self._live_owners())
        self.backlogs = await self._store.outbox_backlogs(self._owner)
        if self.backlogs:
            self._on_backlog()
        now = self._clock()
        if now >= self._drops_at:
            await self._drop(Millis(now - KEPT_MS))
            # Hourly, so that a broker that is away for days is an error an hour and not six a minute.
            self._drops_at = Millis(now + HOUR_MS)

    async def _drop(self, before: Millis) -> None:
        count = await self._store.drop_outbox(self._owner, Audience.OUTSIDE, before=before)
        if count:
            logger.error(
                "run events were dropped: the broker outside has not taken them for a day", extra={"count": count}
            )
