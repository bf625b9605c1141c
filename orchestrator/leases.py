"""This replica's lease, and which other replicas are alive.

Clocks of machines differ, and jump. So the wall clock is asked once for each lease, when it is first seen, how much longer it
lasts; from then on its silence is counted, which no clock changes. And silence tells something only while this replica can keep
its own lease: when the store is away, nobody renews, and whoever finds it again first must not take all the others for dead.
Nothing but speed rests on that, since every commit is a compare-and-swap.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from flume.ids import Millis
from orchestrator.identifiers import Clock
from orchestrator.store import FleetStore, OrchestratorRecord

RENEW_S = 3.0
LEASE_MS = 10_000

WATCH_S = 5.0
"""An owner that lives, and reaches the store, has renewed its lease within this time."""

OLD_MS = 60_000
"""A lease that ended so long ago is over at once: its owner was gone before this replica began."""


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica as this one sees it."""

    record: OrchestratorRecord
    is_alive: bool


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A lease, when it was first seen as it is, and for how long its owner may be silent from then on."""

    lease_until: Millis
    at: float
    patience_s: float


class Leases:
    """Renews the lease of ``record``, and watches those of the others.

    ``runs`` tells how many runs are in memory. ``now`` counts seconds, also those for which the process is paused.
    """

    def __init__(
        self,
        store: FleetStore,
        record: OrchestratorRecord,
        *,
        runs: Callable[[], int],
        clock: Clock,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = record.id
        self._store = store
        self._record = record
        self._runs = runs
        self._clock = clock
        self._now = now
        self._renewed_at: float | None = None
        self._watching_since = now()
        self._seen: dict[str, _Sighting] = {}
        self._others: frozenset[str] = frozenset()

    async def renew(self) -> bool:
        """Write the lease if it is time; whether it had ended before, so that others may have taken what was ours."""
        began, before = self._now(), self._renewed_at
        if before is not None and began - before < RENEW_S:
            return False
        lease_until = Millis(self._clock() + LEASE_MS)
        await self._store.renew_lease(replace(self._record, lease_until=lease_until, runs=self._runs()))
        self._renewed_at = began
        if before is not None and began - before > WATCH_S:
            self._watching_since = self._now()
        return before is not None and self._now() - before > LEASE_MS / 1000

    async def give_back(self) -> None:
        """Forget the lease: the others need not wait for its end."""
        await self._store.delete_orchestrator(self.id)

    async def live_owners(self) -> tuple[str, ...]:
        """The replicas that are alive, this one included."""
        return tuple({self.id, *(each.record.id for each in await self.replicas() if each.is_alive)})

    async def replicas(self) -> list[Replica]:
        """All replicas that have a record, by id."""
        records = await self._store.list_orchestrators()
        self._look_at(records)
        found = [Replica(record, self._is_alive(record)) for record in sorted(records, key=lambda each: each.id)]
        self._others = frozenset([each.record.id for each in found if each.is_alive]) - {self.id}
        return found

    @property
    def others(self) -> frozenset[str]:
        """The other replicas that were alive when last looked, which is once a second."""
        return self._others

    @property
    def has_company(self) -> bool:
        """Whether there are any others."""
        return bool(self._others)

    async def is_eldest(self) -> bool:
        """Whether this replica is the one, of those that are alive, that does what one is enough for."""
        alive = [each.record for each in await self.replicas() if each.is_alive]
        eldest = min(alive, key=lambda record: (record.started_at, record.id), default=None)
        return eldest is None or eldest.id == self.id

    async def forget_dead(self) -> None:
        """Remove the records of replicas that have been gone for long."""
        for each in await self.replicas():
            if not each.is_alive and self._clock() - each.record.lease_until > OLD_MS:
                await self._store.delete_orchestrator(each.record.id)

    def _look_at(self, records: list[OrchestratorRecord]) -> None:
        self._seen = {record.id: self._sighting_of(record) for record in records}

    def _sighting_of(self, record: OrchestratorRecord) -> _Sighting:
        known = self._seen.get(record.id)
        if known is not None and known.lease_until == record.lease_until:
            return known
        left_ms = record.lease_until - self._clock()
        if known is None and left_ms < -OLD_MS:
            return _Sighting(record.lease_until, self._now(), patience_s=0.0)
        # A clock that is wrong makes a lease end in hours, or hours ago: neither says that its owner is dead, nor that it lives.
        return _Sighting(record.lease_until, self._now(), min(max(left_ms / 1000, WATCH_S), LEASE_MS / 1000))

    def _is_alive(self, record: OrchestratorRecord) -> bool:
        sighting = self._seen[record.id]
        return record.id == self.id or self._silent_s(sighting) < sighting.patience_s

    def _silent_s(self, sighting: _Sighting) -> float:
        """How long an owner has not renewed, although it could have."""
        now = self._now()
        if self._renewed_at is not None and now - self._renewed_at > WATCH_S:
            return 0.0
        return now - max(sighting.at, self._watching_since)
