"""Deleting what has expired, in small transactions so that nobody waits long behind one.

Children go before their run: what a crash leaves behind still has a run that the next call finds.
"""

import sqlite3
from functools import partial

from flume.ids import Millis
from orchestrator.stores.sqlite.awaited import awaited_since, forget_awaited
from orchestrator.stores.sqlite.part import Part
from orchestrator.stores.sqlite.payloads import release_payloads
from orchestrator.stores.sqlite.writer import Unit

DELETED_AT_ONCE = 500
"""Rows that one transaction deletes."""

GRACE_MS = 24 * 60 * 60 * 1000
"""How long what nobody refers to is kept, since a run that refers to it may be about to be made."""

PAYLOADS_AT_ONCE = 2
"""Payloads that one transaction deletes: each may be several rows of 8 MiB."""

_EXPIRED = "SELECT id FROM runs WHERE expires_at <= ? ORDER BY expires_at, id LIMIT ?"

_CHILDREN = (
    f"""
    DELETE FROM loop_items WHERE run_id = :run AND (loop, position) IN
      (SELECT loop, position FROM loop_items WHERE run_id = :run LIMIT {DELETED_AT_ONCE})
    """,
    f"DELETE FROM logs WHERE place IN (SELECT place FROM logs WHERE run_id = :run LIMIT {DELETED_AT_ONCE})",
    f"DELETE FROM inbox WHERE rowid IN (SELECT rowid FROM inbox WHERE run_id = :run LIMIT {DELETED_AT_ONCE})",
    f"""
    DELETE FROM run_nodes WHERE run_id = :run AND node IN
      (SELECT node FROM run_nodes WHERE run_id = :run LIMIT {DELETED_AT_ONCE})
    """,
)

# Whoever has just read the version to rerun a run of it may still make that run: the sweep comes a day later.
_NOTE_DELETED_PIPELINE = """
INSERT INTO deleted_pipelines (id)
SELECT :pipeline WHERE NOT EXISTS (SELECT 1 FROM pipelines WHERE id = :pipeline)
  AND EXISTS (SELECT 1 FROM pipeline_versions WHERE pipeline_id = :pipeline AND version = :version)
ON CONFLICT (id) DO UPDATE SET since = NULL
"""

_NOTICE = "UPDATE deleted_pipelines SET since = ? WHERE since IS NULL"

_NOTICED = "SELECT id FROM deleted_pipelines WHERE since <= ? LIMIT ?"

_DELETE_UNUSED_VERSIONS = """
DELETE FROM pipeline_versions WHERE pipeline_id = :id AND NOT EXISTS (
  SELECT 1 FROM runs WHERE runs.pipeline_id = :id AND runs.version = pipeline_versions.version
)
"""


class Retention(Part):
    """The part of the store that deletes expired runs, and what nobody refers to."""

    async def delete_expired(self, now: Millis, *, limit: int) -> int:
        """Delete up to ``limit`` runs whose ``expires_at`` has come, with all that hangs on them, children first; how many."""
        rows = await self._database.read(lambda connection: connection.execute(_EXPIRED, (now, limit)).fetchall())
        for (run_id,) in rows:
            await self._delete_children(run_id)
            await self._database.write(_run_deletion(run_id))
        await self._sweep_awaited(Millis(now - GRACE_MS), limit)
        await self._sweep_versions(now, limit)
        return len(rows)

    async def _delete_children(self, run_id: str) -> None:
        for statement in _CHILDREN:
            while await self._database.write(_deletion(statement, run_id)):
                pass
        while await self._database.write(partial(release_payloads, run_id=run_id, limit=PAYLOADS_AT_ONCE)):
            pass

    async def _sweep_awaited(self, until: Millis, limit: int) -> None:
        for run_id, is_made in await self._database.read(lambda connection: awaited_since(connection, until, limit)):
            if not is_made:
                await self._delete_children(run_id)
            await self._database.write(partial(forget_awaited, run_id=run_id))

    async def _sweep_versions(self, now: Millis, limit: int) -> None:
        await self._database.write(lambda connection: connection.execute(_NOTICE, (now,)).rowcount)
        noticed = (now - GRACE_MS, limit)
        rows = await self._database.read(lambda connection: connection.execute(_NOTICED, noticed).fetchall())
        for (pipeline_id,) in rows:
            await self._database.write(_versions_deletion(pipeline_id))


def _deletion(statement: str, run_id: str) -> Unit[int]:
    return lambda connection: connection.execute(statement, {"run": run_id}).rowcount


def _run_deletion(run_id: str) -> Unit[None]:
    def unit(connection: sqlite3.Connection) -> None:
        # A line that came late may have been saved since its run's lines were deleted.
        for statement in _CHILDREN:
            connection.execute(statement, {"run": run_id})
        release_payloads(connection, run_id, PAYLOADS_AT_ONCE)
        connection.execute("DELETE FROM run_origins WHERE run_id = ?", (run_id,))
        row = connection.execute("DELETE FROM runs WHERE id = ? RETURNING pipeline_id, version", (run_id,)).fetchone()
        if row is not None:
            connection.execute(_NOTE_DELETED_PIPELINE, {"pipeline": row[0], "version": row[1]})

    return unit


def _versions_deletion(pipeline_id: str) -> Unit[None]:
    def unit(connection: sqlite3.Connection) -> None:
        connection.execute(_DELETE_UNUSED_VERSIONS, {"id": pipeline_id})
        connection.execute("DELETE FROM deleted_pipelines WHERE id = ?", (pipeline_id,))

    return unit
