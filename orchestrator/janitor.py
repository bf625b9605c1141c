"""Deletes runs whose time is up, in small batches, so that nobody notices. Several replicas may do it at once."""

import asyncio
import logging

from flume.errors import StoreError, UnavailableError
from orchestrator.identifiers import Clock
from orchestrator.store import RunStore

logger = logging.getLogger(__name__)

BATCH = 100
PAUSE_S = 0.1
IDLE_S = 60.0


class Janitor:
    """Runs beside an engine."""

    def __init__(self, store: RunStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                deleted = await self._store.delete_expired(self._clock(), limit=BATCH)
            except (StoreError, UnavailableError) as error:
                logger.warning("expired runs can't be deleted; trying again", extra={"reason": str(error)})
                deleted = 0
            await asyncio.sleep(PAUSE_S if deleted == BATCH else IDLE_S)
