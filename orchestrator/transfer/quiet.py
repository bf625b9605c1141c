"""Whether orchestrators are at work on a store: while content is moved, nobody may change it.

A replica that was killed leaves its lease behind, which ends within seconds. Clocks of machines differ: a lease that ended not
long ago is watched for a while, see `orchestrator.leases`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from flume.errors import ConflictError
from flume.ids import Millis
from orchestrator.identifiers import Clock
from orchestrator.leases import LEASE_MS, OLD_MS, WATCH_S
from orchestrator.store import FleetStore


class Quiet:
    """Tells whether anybody is at work on ``store``, and whether anybody has been since."""

    def __init__(
        self, store: FleetStore, *, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._seen: Mapping[str, Millis] = {}

    async def require(self) -> None:
        """Raise `ConflictError` if an orchestrator is at work, which may take `WATCH_S` seconds to find out."""
        self._seen, now = await self._leases(), self._clock()
        if any(lease_until > now for lease_until in self._seen.values()):
            raise _at_work(self._seen)
        if any(now - lease_until <= OLD_MS for lease_until in self._seen.values()):
            await self._sleep(WATCH_S)
            await self.require_still()

    async def require_still(self) -> None:
        """Raise `ConflictError` if an orchestrator has been at work since `require`."""
        found = await self._leases()
        if found != self._seen:
            raise _at_work(found)

    async def _leases(self) -> Mapping[str, Millis]:
        return {record.id: record.lease_until for record in await self._store.list_orchestrators()}


def _at_work(leases: Mapping[str, Millis]) -> ConflictError:
    who = "an orchestrator works" if len(leases) == 1 else f"{len(leases)} orchestrators work"
    what = "it" if len(leases) == 1 else "them"
    pause = f"one that was killed counts for {LEASE_MS // 1000} seconds more"
    return ConflictError(f"{who} on the store; stop {what} and try again ({pause})")
