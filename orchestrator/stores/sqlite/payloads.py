"""Payloads: values kept apart from their run, in chunks that SQLite can move without holding the whole value twice."""

import sqlite3

from flume.ids import RunId
from orchestrator.store import Payload
from orchestrator.stores.sqlite.awaited import note_awaited
from orchestrator.stores.sqlite.database import snapshot
from orchestrator.stores.sqlite.part import Part

CHUNK_BYTES = 8 * 1024 * 1024


def write_payload(connection: sqlite3.Connection, run_id: RunId, payload: Payload) -> None:
    """Write a payload within a transaction; one with the same id is replaced."""
    connection.execute("DELETE FROM payloads WHERE id = ?", (payload.id,))
    content = memoryview(payload.content)
    for chunk, start in enumerate(range(0, max(len(content), 1), CHUNK_BYTES)):
        connection.execute(
            "INSERT INTO payloads (id, chunk, run_id, content_type, content) VALUES (?, ?, ?, ?, ?)",
            (payload.id, chunk, run_id, payload.content_type, content[start : start + CHUNK_BYTES]),
        )


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
