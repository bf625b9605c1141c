"""Claims: how a replica becomes the owner of runs that have none, or whose owner is gone.

All of a claim happens in one transaction of the one writer, so that the compare-and-swap on the revision can't lose.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from flume.ids import Millis, RunId
from orchestrator.state import STATE_VERSION
from orchestrator.stores.sqlite.part import Part

_DUE = """
SELECT wake_at, id FROM runs
WHERE ended = 0 AND owner IS NULL AND wake_at <= :now AND state_version <= :state_version
ORDER BY wake_at, id LIMIT :limit
"""

_CALLED = """
SELECT min(inbox.at), runs.id FROM inbox CROSS JOIN runs ON runs.id = inbox.run_id
WHERE runs.ended = 0 AND runs.owner IS NULL AND runs.state_version <= :state_version
GROUP BY inbox.run_id ORDER BY 1, 2 LIMIT :limit
"""

_NEXT_OWNER = "SELECT min(owner) FROM runs WHERE ended = 0 AND owner > ?"

# A run without a due time had something under way when its owner went: it comes before those that only slept.
_ORPHANED = """
SELECT coalesce(wake_at, 0), id FROM runs
WHERE ended = 0 AND owner = :gone AND state_version <= :state_version
ORDER BY wake_at, id LIMIT :limit
"""

_CLAIM = "UPDATE runs SET owner = ?, rev = rev + 1, commit_id = ? WHERE id = ?"

_UNFINISHED = "SELECT id FROM runs WHERE ended = 0 AND owner = ? AND state_version <= ? LIMIT ?"

_READ_OWNER = "SELECT owner FROM runs WHERE id = ? AND ended = 0 AND state_version <= ?"


class Claims(Part):
    """The part of the store that gives runs to owners."""

    async def claim_runs(
        self, owner: str, *, now: Millis, live_owners: Sequence[str], commit_id: str, limit: int
    ) -> tuple[RunId, ...]:
        """Become the owner of runs that need one, each by compare-and-swap on its revision (which rises by one)."""
        alive = frozenset(live_owners)

        def unit(connection: sqlite3.Connection) -> tuple[RunId, ...]:
            claimed = _candidates(connection, alive, now, limit)
            connection.executemany(_CLAIM, [(owner, commit_id, run_id) for run_id in claimed])
            return claimed

        return await self._database.write(unit)

    async def claim_run(self, run_id: RunId, owner: str, *, live_owners: Sequence[str], commit_id: str) -> bool:
        """Become the owner of one run that has not ended, if it has no owner or one that is not among ``live_owners``."""

        def unit(connection: sqlite3.Connection) -> bool:
            row = connection.execute(_READ_OWNER, (run_id, STATE_VERSION)).fetchone()
            if row is None or row[0] in live_owners:
                return False
            connection.execute(_CLAIM, (owner, commit_id, run_id))
            return True

        return await self._database.write(unit)

    async def unfinished_runs(self, owner: str, *, limit: int) -> tuple[RunId, ...]:
        """Runs of ``owner`` that have not ended, in no particular order."""

        def query(connection: sqlite3.Connection) -> tuple[RunId, ...]:
            return tuple(RunId(row[0]) for row in connection.execute(_UNFINISHED, (owner, STATE_VERSION, limit)))

        return await self._database.read(query)


def _candidates(connection: sqlite3.Connection, alive: frozenset[str], now: Millis, limit: int) -> tuple[RunId, ...]:
    """The runs to claim, the earliest due first; each source gives at most ``limit``, by its index."""
    bounds = {"now": now, "state_version": STATE_VERSION, "limit": limit}
    found = [*connection.execute(_DUE, bounds), *connection.execute(_CALLED, bounds)]
    for gone in _owners(connection):
        if gone not in alive:
            found += connection.execute(_ORPHANED, bounds | {"gone": gone})
    return _earliest(found, limit)


def _owners(connection: sqlite3.Connection) -> Iterable[str]:
    """The owners of unfinished runs, by one look into the index for each, however many runs they have."""
    owner = connection.execute(_NEXT_OWNER, ("",)).fetchone()[0]
    while owner is not None:
        yield owner
        owner = connection.execute(_NEXT_OWNER, (owner,)).fetchone()[0]


def _earliest(found: Iterable[tuple[int, str]], limit: int) -> tuple[RunId, ...]:
    return tuple(dict.fromkeys(RunId(run_id) for _, run_id in sorted(found)))[:limit]
