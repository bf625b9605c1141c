"""The inbox: what arrived for a run at a replica that does not own it, until its owner takes it up with a commit."""

import sqlite3
from typing import Any

from flume.ids import Instance, Millis, RunId
from orchestrator.store import InboxEntry
from orchestrator.stores.sqlite.encoding import decode, encode
from orchestrator.stores.sqlite.part import Part

PUT_ENTRY = """
INSERT INTO inbox (id, run_id, instance, attempt, kind, body, at)
SELECT ?, id, ?, ?, ?, ?, ? FROM runs WHERE id = ? AND ended = 0
ON CONFLICT (run_id, instance, attempt, kind) DO NOTHING
"""

_READ = """
SELECT id, run_id, instance, attempt, kind, body, at FROM inbox WHERE run_id = ? ORDER BY at, rowid
"""

# The inbox holds what waits and no history, so going through it once, by index, is what this may cost.
_RUNS_OF_OWNER = """
SELECT DISTINCT inbox.run_id FROM inbox JOIN runs ON runs.id = inbox.run_id
WHERE runs.owner = ? ORDER BY inbox.run_id LIMIT ?
"""


def entry_row(entry: InboxEntry) -> tuple[Any, ...]:
    """The values of `PUT_ENTRY`. Raises `TypeError` or `ValueError` for what is not JSON."""
    return entry.id, entry.instance, entry.attempt, entry.kind, encode(entry.body), entry.at, entry.run_id


class Inbox(Part):
    """The part of the store that keeps what waits for a run's owner."""

    async def put_inbox(self, entry: InboxEntry) -> bool:
        """Keep an entry until a commit of its run removes it or ends the run. False if the same thing waits already, or the
        run has ended or does not exist.
        """
        row = entry_row(entry)
        return await self._database.write(lambda connection: connection.execute(PUT_ENTRY, row).rowcount > 0)

    async def read_inbox(self, run_id: RunId) -> tuple[InboxEntry, ...]:
        """The entries of a run, the oldest first."""
        rows = await self._database.read(lambda connection: connection.execute(_READ, (run_id,)).fetchall())
        return tuple(
            InboxEntry(id, RunId(run), Instance(instance), attempt, kind, decode(body), Millis(at))
            for id, run, instance, attempt, kind, body, at in rows
        )

    async def inbox_runs(self, owner: str, *, limit: int) -> tuple[RunId, ...]:
        """The runs of ``owner`` for which entries wait."""

        def query(connection: sqlite3.Connection) -> tuple[RunId, ...]:
            return tuple(RunId(row[0]) for row in connection.execute(_RUNS_OF_OWNER, (owner, limit)))

        return await self._database.read(query)
