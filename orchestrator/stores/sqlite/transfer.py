"""Moving everything: what `orchestrator.transfer` reads that nobody else does, and writing records as they are."""

import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any, assert_never

from flume.errors import ConflictError, StoreError
from flume.ids import Instance, Millis, RunId
from orchestrator.records import from_node, from_scope
from orchestrator.store import (
    Audience,
    AuditEntry,
    InboxEntry,
    OutboxEntry,
    PackagedTypeRecord,
    PipelineRecord,
    Schedule,
    StoredRun,
    VersionRecord,
)
from orchestrator.stores.sqlite.awaited import note_awaited
from orchestrator.stores.sqlite.commits import WRITE_ITEM, WRITE_NODE, insertion
from orchestrator.stores.sqlite.database import Database, snapshot
from orchestrator.stores.sqlite.encoding import decode, encode
from orchestrator.stores.sqlite.fleet import APPEND_ENTRY, AUDIT_COLUMNS, audit_row, to_entry
from orchestrator.stores.sqlite.inbox import PUT_ENTRY
from orchestrator.stores.sqlite.inbox import entry_row as inbox_row
from orchestrator.stores.sqlite.logs import KEEP_LINE, line_row
from orchestrator.stores.sqlite.outbox import KEEP_ENTRY
from orchestrator.stores.sqlite.outbox import entry_row as outbox_row
from orchestrator.stores.sqlite.packaged_types import SAVE_TYPE, type_row
from orchestrator.stores.sqlite.part import Part
from orchestrator.stores.sqlite.payloads import HOLD, write_payload
from orchestrator.stores.sqlite.pipelines import (
    INSERT_PIPELINE,
    INSERT_VERSION,
    claim_paths,
    pipeline_row,
    version_row,
)
from orchestrator.stores.sqlite.schedules import INSERT_SCHEDULE, schedule_row
from orchestrator.transfer.store import HeldPayload, Item, Key, Line, Record, commit_of

_AT_ONCE = 500

_CONTENT = ("pipelines", "pipeline_versions", "schedules", "runs", "payloads", "outbox", "audit", "node_types")

_IS_EMPTY = "SELECT " + " AND ".join(f"NOT EXISTS (SELECT 1 FROM {table})" for table in _CONTENT)

# Each step of the recursion is one look into the primary key, however many items a loop has.
_LOOPS = """
WITH RECURSIVE found (loop) AS (
  SELECT min(loop) FROM loop_items WHERE run_id = :run
  UNION ALL
  SELECT (SELECT min(loop) FROM loop_items WHERE run_id = :run AND loop > found.loop) FROM found WHERE found.loop IS NOT NULL
)
SELECT loop FROM found WHERE loop IS NOT NULL
"""

_PAYLOADS = "SELECT DISTINCT id FROM payload_holders WHERE id > ? ORDER BY id LIMIT ?"

_HOLDERS = "SELECT id, run_id FROM payload_holders WHERE id BETWEEN ? AND ? ORDER BY id, run_id"

_OUTBOX = "SELECT id, owner, at, event FROM outbox WHERE audience = ? AND id > ? ORDER BY id LIMIT ?"

_AUDIT = f"SELECT {AUDIT_COLUMNS} FROM audit WHERE id > ? ORDER BY id LIMIT ?"

_KEEP_KEY = "INSERT OR REPLACE INTO keys (name, key) VALUES (?, ?)"

_RUN_OF_LINE = "SELECT namespace, pipeline FROM runs WHERE id = ?"


async def require_whole(database: Database) -> None:
    """Raise `StoreError` if an import into the database did not come to its end."""
    marks = await database.read(lambda connection: connection.execute("SELECT id FROM imports").fetchall())
    if marks:
        folder = database.path.parent
        raise StoreError(
            f"the data folder {folder} holds a part of an import that did not come to its end; delete it and import again"
        )


class Transfer(Part):
    """The part of the store that gives and takes everything."""

    async def is_empty(self) -> bool:
        """Whether nothing is in the store that anybody would miss."""
        return await self._database.read(_is_empty)

    async def loops_of(self, run_id: RunId) -> tuple[Instance, ...]:
        """The loops of a run of which items are stored, those within items included, sorted."""
        rows = await self._database.read(lambda connection: connection.execute(_LOOPS, {"run": run_id}).fetchall())
        return tuple(Instance(loop) for (loop,) in rows)

    async def payload_holders(self) -> AsyncIterator[tuple[str, tuple[RunId, ...]]]:
        """The id of every payload, by rising id, with the runs that keep it, sorted."""
        after = ""
        while found := await self._database.read(partial(_holders, after=after)):
            for payload_id, holders in found.items():
                yield payload_id, tuple(holders)
                after = payload_id

    async def stored_outbox(self, audience: Audience) -> AsyncIterator[OutboxEntry]:
        """Everything that is to be published to ``audience``, whoever its owner, by rising id."""
        async for id, owner, at, event in self._rows(_OUTBOX, audience):
            yield OutboxEntry(id, audience, owner, Millis(at), decode(event))

    async def stored_audit(self) -> AsyncIterator[AuditEntry]:
        """Every change that people and operators made, whatever its namespace, by rising id."""
        async for row in self._rows(_AUDIT):
            yield to_entry(*row)

    async def stored_keys(self) -> Mapping[str, bytes]:
        """All secret keys by name."""
        rows = await self._database.read(lambda connection: connection.execute("SELECT name, key FROM keys").fetchall())
        return {name: bytes(key) for name, key in rows}

    async def begin_import(self) -> None:
        """Mark the store as one that holds a part of something; see `orchestrator.transfer.store.TransferStore`."""
        await self._database.write(self._mark)

    async def require_whole(self) -> None:
        """Raise `StoreError` if the store holds a part of an import, which is under way or did not come to its end."""
        await require_whole(self._database)

    async def restore(self, records: Sequence[Record]) -> None:
        """Write records as they are, all of them or none."""

        def unit(connection: sqlite3.Connection) -> None:
            for record in records:
                _write(connection, record)

        await self._database.write(unit)

    async def end_import(self) -> None:
        """Take the mark away: the store is whole."""
        await self._database.write(lambda connection: connection.execute("DELETE FROM imports").rowcount)

    def _mark(self, connection: sqlite3.Connection) -> None:
        folder = self._database.path.parent
        if not _is_empty(connection):
            raise ConflictError(f"the data folder {folder} is not empty; set FLUME_DATA to a new one")
        if connection.execute("INSERT INTO imports (id) VALUES (1) ON CONFLICT DO NOTHING").rowcount == 0:
            raise ConflictError(f"something is being imported into the data folder {folder} already; let it finish")

    async def _rows(self, statement: str, *values: str) -> AsyncIterator[tuple[Any, ...]]:
        """All rows, page by page: a statement ends with the first column to go on after, and a limit."""
        after = ""
        while True:
            page = (*values, after, _AT_ONCE)
            rows = await self._database.read(partial(_fetch, statement=statement, values=page))
            for row in rows:
                yield row
            if not rows:
                return
            after = rows[-1][0]


def _fetch(connection: sqlite3.Connection, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return connection.execute(statement, values).fetchall()


def _is_empty(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute(_IS_EMPTY).fetchone()[0])


def _holders(connection: sqlite3.Connection, after: str) -> Mapping[str, list[RunId]]:
    """The holders of the next payloads, by payload."""
    with snapshot(connection):
        ids = connection.execute(_PAYLOADS, (after, _AT_ONCE)).fetchall()
        rows = connection.execute(_HOLDERS, (*ids[0], *ids[-1])).fetchall() if ids else []
    found: dict[str, list[RunId]] = defaultdict(list)
    for payload_id, run_id in rows:
        found[payload_id].append(RunId(run_id))
    return found


def _write(connection: sqlite3.Connection, record: Record) -> None:
    match record:
        case Key():
            connection.execute(_KEEP_KEY, (record.name, record.content))
        case PackagedTypeRecord():
            connection.execute(SAVE_TYPE, type_row(record))
        case PipelineRecord():
            connection.execute(INSERT_PIPELINE, pipeline_row(record))
            claim_paths(connection, record)
        case VersionRecord():
            connection.execute(INSERT_VERSION, version_row(record))
        case Schedule():
            connection.execute(INSERT_SCHEDULE, schedule_row(record))
        case StoredRun():
            _write_run(connection, record)
        case Item():
            state = encode(from_scope(record.scope, raw=True))
            row = (record.run_id, record.loop, record.position, 0, record.scope.status.value, state)
            connection.execute(WRITE_ITEM, row)
        case Line():
            namespace, pipeline = connection.execute(_RUN_OF_LINE, (record.run_id,)).fetchone()
            connection.execute(KEEP_LINE, line_row(record.run_id, namespace, pipeline, record.line))
        case InboxEntry():
            connection.execute(PUT_ENTRY, inbox_row(record))
        case HeldPayload():
            _write_payload(connection, record)
        case OutboxEntry():
            connection.execute(KEEP_ENTRY, outbox_row(record))
        case AuditEntry():
            connection.execute(APPEND_ENTRY, audit_row(record))
        case _:
            assert_never(record)


def _write_run(connection: sqlite3.Connection, stored: StoredRun) -> None:
    run = stored.run
    if not insertion(commit_of(stored))(connection):
        raise StoreError(f"run {run.id} is there already, or another one with its start key; export again")
    for node, state in run.root.nodes.items():
        row = (run.id, node, stored.node_revs[node], encode(from_node(state, raw=True)))
        connection.execute(WRITE_NODE, row)


def _write_payload(connection: sqlite3.Connection, held: HeldPayload) -> None:
    for place, run_id in enumerate(held.holders):
        note_awaited(connection, run_id)
        if place == 0:
            write_payload(connection, run_id, held.payload)
        else:
            connection.execute(HOLD, (run_id, held.payload.id))
