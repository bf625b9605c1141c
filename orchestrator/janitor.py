"""Deletes what is older than the retention, in small batches, so that nobody notices. Several replicas may do it at once."""

import asyncio
import logging

from flume.errors import StoreError, UnavailableError
from flume.ids import Millis
from orchestrator.identifiers import Clock
from orchestrator.store import Store

logger = logging.getLogger(__name__)

BATCH = 100
PAUSE_S = 0.1
IDLE_S = 60.0


class Janitor:
    """Runs beside an engine. Runs know themselves when they expire; entries of the audit log last for ``retention_ms``.

    ``retention_ms`` 0: they are kept for ever.
    """

    def __init__(self, store: Store, clock: Clock, *, retention_ms: int) -> None:
        self._store = store
        self._clock = clock
        self._retention_ms = retention_ms

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            has_more = await self.clean()
            await asyncio.sleep(PAUSE_S if has_more else IDLE_S)

    async def clean(self) -> bool:
        """Delete a batch of each kind; whether more may be left."""
        now = self._clock()
        try:
            runs = await self._store.delete_expired(now, limit=BATCH)
            entries = await self._delete_audit(now)
        except (StoreError, UnavailableError) as error:
            logger.warning("what has expired can't be deleted; trying again", extra={"reason": str(error)})
            return False
        return BATCH in (runs, entries)

    async def _delete_audit(self, now: Millis) -> int:
        if self._retention_ms == 0:
            return 0
        return await self._store.delete_audit(Millis(now - self._retention_ms), limit=BATCH)
