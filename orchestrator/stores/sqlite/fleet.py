"""Replicas and their leases, keys, and what people and operators changed."""

import sqlite3
from collections.abc import Callable
from typing import Any

from flume.ids import Millis
from orchestrator.store import AuditEntry, OrchestratorRecord, Page
from orchestrator.stores.cursors import from_cursor, to_cursor
from orchestrator.stores.sqlite.database import Database
from orchestrator.stores.sqlite.encoding import decode, encode
from orchestrator.stores.sqlite.part import Part

KEY_BYTES = 32

_LAST = (2**63 - 1, "")

_REPLICA_COLUMNS = "id, host, pid, started_at, lease_until, version, runs"

_RENEW = f"INSERT OR REPLACE INTO orchestrators ({_REPLICA_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"

AUDIT_COLUMNS = "id, at, namespace, actor, origin, action, target, before, after"

_DELETE_AUDIT = "DELETE FROM audit WHERE rowid IN (SELECT rowid FROM audit WHERE at < ? ORDER BY at LIMIT ?)"

APPEND_ENTRY = f"INSERT INTO audit ({AUDIT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"


class Fleet(Part):
    """The part of the store that keeps replicas, keys and the audit log. ``random_bytes`` makes keys."""

    def __init__(self, database: Database, *, random_bytes: Callable[[int], bytes]) -> None:
        super().__init__(database)
        self._random_bytes = random_bytes

    async def renew_lease(self, record: OrchestratorRecord) -> None:
        """Write a replica and its lease."""
        row = (
            record.id,
            record.host,
            record.pid,
            record.started_at,
            record.lease_until,
            record.version,
            record.runs,
        )
        await self._database.write(lambda connection: connection.execute(_RENEW, row).rowcount)

    async def list_orchestrators(self) -> list[OrchestratorRecord]:
        """All replicas whose record is still there, those with an ended lease included."""
        statement = f"SELECT {_REPLICA_COLUMNS} FROM orchestrators ORDER BY id"
        rows = await self._database.read(lambda connection: connection.execute(statement).fetchall())
        return [OrchestratorRecord(*row) for row in rows]

    async def delete_orchestrator(self, orchestrator_id: str) -> None:
        """Forget a replica that has stopped."""
        statement = "DELETE FROM orchestrators WHERE id = ?"
        await self._database.write(lambda connection: connection.execute(statement, (orchestrator_id,)).rowcount)

    async def secret_key(self, name: str) -> bytes:
        """32 random bytes under a name, made by the store at the first call and the same ever after."""
        fresh = self._random_bytes(KEY_BYTES)

        def unit(connection: sqlite3.Connection) -> bytes:
            connection.execute("INSERT INTO keys (name, key) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, fresh))
            return bytes(connection.execute("SELECT key FROM keys WHERE name = ?", (name,)).fetchone()[0])

        return await self._database.write(unit)

    async def append_audit(self, entry: AuditEntry) -> None:
        """Record a change; the same entry again changes nothing."""
        row = audit_row(entry)
        await self._database.write(lambda connection: connection.execute(APPEND_ENTRY, row).rowcount)

    async def list_audit(
        self, namespace: str, *, target: str | None = None, limit: int, cursor: str | None = None
    ) -> Page[AuditEntry]:
        """Changes in a namespace, the newest first."""
        before = _LAST if cursor is None else from_cursor(cursor, int, str)
        index, of_target = ("audit_by_time", "") if target is None else ("audit_by_target", "AND target = :target")
        statement = f"""
            SELECT {AUDIT_COLUMNS} FROM audit INDEXED BY {index}
            WHERE namespace = :namespace {of_target} AND (at, id) < (:at, :id)
            ORDER BY at DESC, id DESC LIMIT :limit
        """
        values = {"namespace": namespace, "target": target, "at": before[0], "id": before[1], "limit": limit + 1}
        rows = await self._database.read(lambda connection: connection.execute(statement, values).fetchall())
        items = tuple(to_entry(*row) for row in rows[:limit])
        return Page(items, to_cursor(items[-1].at, items[-1].id) if len(rows) > limit else None)

    async def delete_audit(self, before: Millis, *, limit: int) -> int:
        """Delete up to ``limit`` entries from before a moment, whatever their namespace, the oldest first; how many."""
        return await self._database.write(
            lambda connection: connection.execute(_DELETE_AUDIT, (before, limit)).rowcount
        )


def audit_row(entry: AuditEntry) -> tuple[Any, ...]:
    """The values of `AUDIT_COLUMNS`."""
    return (
        entry.id,
        entry.at,
        entry.namespace,
        entry.actor,
        entry.origin,
        entry.action,
        entry.target,
        None if entry.before is None else encode(entry.before),
        None if entry.after is None else encode(entry.after),
    )


def to_entry(
    id: str, at: int, namespace: str, actor: str, origin: str, action: str, target: str, *states: Any
) -> AuditEntry:
    """The inverse of `audit_row`."""
    before, after = (None if state is None else decode(state) for state in states)
    return AuditEntry(id, Millis(at), namespace, actor, origin, action, target, before, after)
