"""Keeps this replica's lease, and takes up runs that need an owner: those that are due, and those whose owner is gone.

Once a second it asks the store, by index, for a bounded number of runs; while there are more it asks again at once.
"""

import asyncio
import logging
from collections import deque
from dataclasses import replace

from flume.errors import FlumeError, StoreError, UnavailableError
from flume.ids import Millis, RunId
from orchestrator.engine import Engine
from orchestrator.events import CancelRequested
from orchestrator.identifiers import Clock, IdSource
from orchestrator.store import InboxEntry, OrchestratorRecord, Store

logger = logging.getLogger(__name__)

POLL_S = 1.0
RENEW_MS = 3_000
LEASE_MS = 10_000
CLAIM_LIMIT = 200
"""Runs taken up in one go: enough to be quick after a crash, few enough to leave some for other replicas."""


class Keeper:
    """Runs beside an engine for as long as it lives."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        record: OrchestratorRecord,
        *,
        clock: Clock,
        ids: IdSource,
        poll_s: float = POLL_S,
    ) -> None:
        self._engine = engine
        self._store = store
        self._record = record
        self._clock = clock
        self._ids = ids
        self._poll_s = poll_s
        self._renewed_at = Millis(0)
        # What is ours by now and not in memory yet: were it forgotten when the store fails in between, nobody would go on.
        self._claimed: deque[RunId] = deque()
        self._is_failing = False

    async def run(self) -> None:
        """Work until cancelled. Errors of the store are told once and then waited out."""
        while True:
            try:
                has_more = await self.round()
            except (StoreError, UnavailableError) as error:
                self._report(error)
                has_more = False
            else:
                self._is_failing = False
            await asyncio.sleep(0 if has_more else self._poll_s)

    async def round(self) -> bool:
        """Renew the lease if it is time, take up what needs an owner, and read the inbox; True if there may be more."""
        await self.renew()
        claimed = await self._store.claim_runs(
            self._engine.id,
            now=self._clock(),
            live_owners=await self.live_owners(),
            commit_id=self._ids(),
            limit=CLAIM_LIMIT,
        )
        self._claimed.extend(claimed)
        while self._claimed:
            await self._engine.take_up(self._claimed[0])
            self._claimed.popleft()
        await self._read_inbox()
        return len(claimed) == CLAIM_LIMIT

    async def renew(self) -> None:
        """Write the lease if it is older than it should be."""
        now = self._clock()
        if now - self._renewed_at >= RENEW_MS:
            await self._store.renew_lease(replace(self._record, lease_until=Millis(now + LEASE_MS)))
            self._renewed_at = now

    async def live_owners(self) -> tuple[str, ...]:
        """The replicas whose lease has not ended, this one included."""
        now = self._clock()
        known = await self._store.list_orchestrators()
        return tuple({self._engine.id, *(record.id for record in known if record.lease_until > now)})

    async def leave(self) -> None:
        """Tell the others that this replica's runs are free to be taken; should the store fail, its lease will run out."""
        try:
            await self._store.delete_orchestrator(self._record.id)
        except (StoreError, UnavailableError) as error:
            logger.warning("the lease could not be given back", extra={"reason": str(error)})

    async def _read_inbox(self) -> None:
        for run_id in await self._store.inbox_runs(self._engine.id, limit=CLAIM_LIMIT):
            active = await self._engine.take_up(run_id)
            if active is None:
                continue
            for entry in await self._store.read_inbox(run_id):
                if entry.id not in active.inbox:
                    active.inbox.append(entry.id)
                    self._engine.deliver(active, _event_of(entry))

    def _report(self, error: FlumeError) -> None:
        if not self._is_failing:
            logger.warning("the store can't be asked for runs; trying again", extra={"reason": str(error)})
        self._is_failing = True


def _event_of(entry: InboxEntry) -> CancelRequested:
    """The event that an inbox entry stands for."""
    return CancelRequested(entry.at, entry.body.get("reason", "cancelled on request"))
