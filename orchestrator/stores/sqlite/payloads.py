"""Payloads: values kept apart from their run, in chunks that SQLite can move without holding the whole value twice."""

import sqlite3
from collections.abc import Sequence

from flume.ids import RunId
from orchestrator.store import Payload
from orchestrator.stores.sqlite.awaited import note_awaited
from orchestrator.stores.sqlite.database import snapshot
from orchestrator.stores.sqlite.part import Part

CHUNK_BYTES = 8 * 1024 * 1024


HOLD = "INSERT INTO payload_holders (run_id, id) VALUES (?, ?) ON CONFLICT DO NOTHING"

_HELD = "SELECT id FROM payload_holders WHERE run_id = ? LIMIT ?"

_DELETE_UNHELD = "DELETE FROM payloads WHERE id = :id AND NOT EXISTS (SELECT 1 FROM payload_holders WHERE id = :id)"

_EXISTS = "SELECT 1 FROM payloads WHERE id = ? AND chunk = 0"


def write_payload(connection: sqlite3.Connection, run_id: RunId, payload: Payload) -> None:
    """Write a payload that a run keeps, within a transaction; one with the same id is replaced."""
    connection.execute("DELETE FROM payloads WHERE id = ?", (payload.id,))
    content = memoryview(payload.content)
    for chunk, start in enumerate(range(0, max(len(content), 1), CHUNK_BYTES)):
        connection.execute(
            "INSERT INTO payloads (id, chunk, content_type, content) VALUES (?, ?, ?, ?)",
            (payload.id, chunk, payload.content_type, content[start : start + CHUNK_BYTES]),
        )
    connection.execute(HOLD, (run_id, payload.id))


def _release(connection: sqlite3.Connection, run_id: str, payload_id: str) -> None:
    connection.execute("DELETE FROM payload_holders WHERE run_id = ? AND id = ?", (run_id, payload_id))
    connection.execute(_DELETE_UNHELD, {"id": payload_id})


def release_payloads(connection: sqlite3.Connection, run_id: str, limit: int) -> int:
    """Let go of up to ``limit`` payloads of a run within a transaction; how many. What no other run keeps is deleted."""
    held = connection.execute(_HELD, (run_id, limit)).fetchall()
    for (payload_id,) in held:
        _release(connection, run_id, payload_id)
    return len(held)


class Payloads(Part):
    """The part of the store that keeps large values."""

    async def read_payload(self, payload_id: str) -> Payload | None:
        """A payload, whole."""

        def query(connection: sqlite3.Connection) -> Payload | None:
            with snapshot(connection):
                rows = connection.execute(
                    "SELECT content_type, content FROM payloads WHERE id = ? ORDER BY chunk", (payload_id,)
                ).fetchall()
            if not rows:
                return None
            return Payload(payload_id, rows[0][1] if len(rows) == 1 else b"".join(row[1] for row in rows), rows[0][0])

        return await self._database.read(query)

    async def save_payload(self, run_id: RunId, payload: Payload) -> None:
        """Keep a payload for a run before the commit that refers to it."""

        def unit(connection: sqlite3.Connection) -> None:
            note_awaited(connection, run_id)
            write_payload(connection, run_id, payload)

        await self._database.write(unit)

    async def keep_payloads(self, run_id: RunId, payload_ids: Sequence[str]) -> bool:
        """Let payloads of other runs stay for as long as this one too. False, and nothing is kept, if one of them is gone."""
        if not payload_ids:
            return True

        def unit(connection: sqlite3.Connection) -> bool:
            if not all(connection.execute(_EXISTS, (payload_id,)).fetchone() for payload_id in payload_ids):
                return False
            note_awaited(connection, run_id)
            connection.executemany(HOLD, [(run_id, payload_id) for payload_id in payload_ids])
            return True

        return await self._database.write(unit)

    async def release_payloads(self, run_id: RunId, payload_ids: Sequence[str]) -> None:
        """Let a run go of payloads; what no other run keeps is gone."""

        def release(connection: sqlite3.Connection) -> None:
            for payload_id in payload_ids:
                _release(connection, run_id, payload_id)

        await self._database.write(release)
