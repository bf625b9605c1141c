"""Deleting what has expired, in small transactions so that nobody waits long behind one.

Children go before their run: what a crash leaves behind still has a run that the next call finds.
"""

import sqlite3

from flume.ids import Millis
from orchestrator.stores.sqlite.part import Part
from orchestrator.stores.sqlite.writer import Unit

DELETED_AT_ONCE = 500
"""Rows that one transaction deletes."""

# A run from which another was made stays as long as that one: they share payloads.
_EXPIRED = """
SELECT id FROM runs WHERE expires_at <= ? AND NOT EXISTS (SELECT 1 FROM runs AS child WHERE child.retry_of = runs.id)
ORDER BY expires_at, id LIMIT ?
"""

_CHILDREN = (
    f"""
    DELETE FROM loop_items WHERE run_id = :run AND (loop, position) IN
      (SELECT loop, position FROM loop_items WHERE run_id = :run LIMIT {DELETED_AT_ONCE})
    """,
    # A payload's row is 8 MiB at most, and 4 of them are as much as a transaction should hold.
    "DELETE FROM payloads WHERE rowid IN (SELECT rowid FROM payloads WHERE run_id = :run LIMIT 4)",
    f"DELETE FROM logs WHERE place IN (SELECT place FROM logs WHERE run_id = :run LIMIT {DELETED_AT_ONCE})",
    f"DELETE FROM inbox WHERE rowid IN (SELECT rowid FROM inbox WHERE run_id = :run LIMIT {DELETED_AT_ONCE})",
    f"""
    DELETE FROM run_nodes WHERE run_id = :run AND node IN
      (SELECT node FROM run_nodes WHERE run_id = :run LIMIT {DELETED_AT_ONCE})
    """,
)

_DELETE_ORPHANED_VERSION = """
DELETE FROM pipeline_versions WHERE pipeline_id = :pipeline AND version = :version
  AND NOT EXISTS (SELECT 1 FROM pipelines WHERE id = :pipeline)
  AND NOT EXISTS (SELECT 1 FROM runs WHERE pipeline_id = :pipeline AND version = :version)
"""


class Retention(Part):
    """The part of the store that deletes expired runs."""

    async def delete_expired(self, now: Millis, *, limit: int) -> int:
        """Delete up to ``limit`` runs whose ``expires_at`` is past, with all that hangs on them, children first; how many."""
        rows = await self._database.read(lambda connection: connection.execute(_EXPIRED, (now, limit)).fetchall())
        for (run_id,) in rows:
            for statement in _CHILDREN:
                while await self._database.write(_deletion(statement, run_id)):
                    pass
            await self._database.write(_run_deletion(run_id))
        return len(rows)


def _deletion(statement: str, run_id: str) -> Unit[int]:
    return lambda connection: connection.execute(statement, {"run": run_id}).rowcount


def _run_deletion(run_id: str) -> Unit[None]:
    def unit(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM run_origins WHERE run_id = ?", (run_id,))
        row = connection.execute("DELETE FROM runs WHERE id = ? RETURNING pipeline_id, version", (run_id,)).fetchone()
        if row is not None:
            connection.execute(_DELETE_ORPHANED_VERSION, {"pipeline": row[0], "version": row[1]})

    return unit
