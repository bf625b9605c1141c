"""Deletes what is older than the retention, in small batches, so that nobody notices.

Of several replicas the eldest does it. For a moment two may take themselves for that one, which does no harm.
"""

import asyncio

from flume.ids import Millis
from orchestrator.identifiers import Clock
from orchestrator.leases import Leases
from orchestrator.outage import StoreOutage
from orchestrator.store import Store

BATCH = 100
PAUSE_S = 0.1
IDLE_S = 60.0


class Janitor:
    """Runs beside an engine. Runs know themselves when they expire; entries of the audit log last for ``retention_ms``.

    ``retention_ms`` 0: they are kept for ever. ``leases`` None: there are no other replicas.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        retention_ms: int,
        leases: Leases | None = None,
        outage: StoreOutage | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._retention_ms = retention_ms
        self._leases = leases
        self._outage = outage or StoreOutage()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            has_more = await self.clean()
            await asyncio.sleep(PAUSE_S if has_more else self._outage.pause_s("janitor", IDLE_S))

    async def clean(self) -> bool:
        """Delete a batch of each kind, if that is for this replica to do; whether more may be left."""
        has_more = False
        with self._outage.tolerated("janitor"):
            if self._leases is None or await self._leases.is_eldest():
                has_more = await self._clean()
        return has_more

    async def _clean(self) -> bool:
        now = self._clock()
        if self._leases is not None:
            await self._leases.forget_dead()
        runs = await self._store.delete_expired(now, limit=BATCH)
        entries = await self._delete_audit(now)
        return BATCH in (runs, entries)

    async def _delete_audit(self, now: Millis) -> int:
        if self._retention_ms == 0:
            return 0
        return await self._store.delete_audit(Millis(now - self._retention_ms), limit=BATCH)
