"""Pipelines and their versions."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from flume.ids import Millis, PipelineId
from flume.pipeline import PipelineStatus
from orchestrator.store import Page, PipelineFilter, PipelineRecord, VersionRecord, path_taken
from orchestrator.stores.cursors import from_cursor, to_cursor
from orchestrator.stores.sqlite.encoding import decode, encode
from orchestrator.stores.sqlite.part import Part
from orchestrator.stores.sqlite.search import contains_pattern

_COLUMNS = (
    "namespace, name, description, labels, status, version, triggers, managed_by, created_at, updated_at, rev, draft, "
    "disabled_triggers, source, id"
)

INSERT_PIPELINE = f"INSERT INTO pipelines ({_COLUMNS}) VALUES ({', '.join('?' * 15)}) ON CONFLICT DO NOTHING"

_UPDATE = """
UPDATE pipelines SET namespace = ?, name = ?, description = ?, labels = ?, status = ?, version = ?, triggers = ?,
  managed_by = ?, created_at = ?, updated_at = ?, rev = ?, draft = ?, disabled_triggers = ?, source = ?
WHERE id = ? AND rev = ?
"""

_VERSION_COLUMNS = "pipeline_id, version, hash, source, format, definition, node_types, created_at, created_by"

INSERT_VERSION = f"INSERT INTO pipeline_versions ({_VERSION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

# A start may have read the version just before its pipeline was deleted, and commit its run just after. So versions are
# hidden, and deleted by retention when that is past.
_IS_IN_USE = """(
  EXISTS (SELECT 1 FROM pipelines WHERE id = pipeline_versions.pipeline_id) OR EXISTS (
    SELECT 1 FROM runs
    WHERE runs.pipeline_id = pipeline_versions.pipeline_id AND runs.version = pipeline_versions.version
  )
)"""

_CLAIM = "INSERT INTO webhook_paths (namespace, path, pipeline_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"

_CLAIMS = "id = (SELECT pipeline_id FROM webhook_paths WHERE namespace = ? AND path = ?)"

_CLAIMED_BY = f"SELECT name FROM pipelines WHERE {_CLAIMS}"

_RELEASE = "DELETE FROM webhook_paths WHERE pipeline_id = ?"

# Triggers are JSON in a BLOB, which SQLite takes for its own binary form.
_LISTS_TRIGGER = """EXISTS (
  SELECT 1 FROM json_each(CAST(triggers AS TEXT)) AS entry WHERE json_extract(entry.value, '$.type') = :trigger_type
)"""

_NOTE_DELETED = "INSERT INTO deleted_pipelines (id) VALUES (?) ON CONFLICT (id) DO UPDATE SET since = NULL"


class Pipelines(Part):
    """The part of the store that keeps pipelines and their versions."""

    async def create_pipeline(self, record: PipelineRecord, version: VersionRecord | None) -> bool:
        """Make a pipeline, with its first version unless it is a draft with problems. False if its name is taken.

        Raises `ConflictError` for a webhook path that another one claims.
        """
        return await self._save(INSERT_PIPELINE, pipeline_row(record), record, version)

    async def replace_pipeline(
        self, record: PipelineRecord, version: VersionRecord | None, *, expected_rev: int
    ) -> bool:
        """Change a pipeline and add ``version`` unless it is None. False if it is at another revision or gone.

        Raises `ConflictError` for a webhook path that another one claims.
        """
        return await self._save(_UPDATE, (*pipeline_row(record), expected_rev), record, version)

    async def read_pipeline(self, namespace: str, name: str) -> PipelineRecord | None:
        """A pipeline by name."""
        return await self._find("namespace = ? AND name = ?", (namespace, name))

    async def pipeline_by_path(self, namespace: str, path: str) -> PipelineRecord | None:
        """The pipeline that claims a webhook path, whether it is active or paused; never a draft."""
        return await self._find(_CLAIMS, (namespace, path))

    async def pipeline_by_id(self, pipeline_id: PipelineId) -> PipelineRecord | None:
        """A pipeline by id, whatever its namespace."""
        return await self._find("id = ?", (pipeline_id,))

    async def list_pipelines(
        self, wanted: PipelineFilter, *, limit: int, cursor: str | None = None
    ) -> Page[PipelineRecord]:
        """Pipelines by name (and namespace, where the filter names none)."""
        after = ("", "") if cursor is None else from_cursor(cursor, str, str)
        conditions, values = _conditions(wanted)
        statement = f"SELECT {_COLUMNS} FROM pipelines WHERE {conditions} ORDER BY namespace, name LIMIT :limit"
        values |= {"after_namespace": after[0], "after_name": after[1], "limit": limit + 1}
        rows = await self._database.read(lambda connection: connection.execute(statement, values).fetchall())
        items = tuple(_record(row) for row in rows[:limit])
        return Page(items, to_cursor(items[-1].namespace, items[-1].name) if len(rows) > limit else None)

    async def delete_pipeline(self, namespace: str, name: str, *, expected_rev: int) -> bool:
        """Delete a pipeline, its schedules and the versions that no run was started with; runs and their versions stay."""

        def unit(connection: sqlite3.Connection) -> bool:
            row = connection.execute(
                "DELETE FROM pipelines WHERE namespace = ? AND name = ? AND rev = ? RETURNING id",
                (namespace, name, expected_rev),
            ).fetchone()
            if row is None:
                return False
            connection.execute("DELETE FROM schedules WHERE pipeline_id = ?", row)
            connection.execute(_RELEASE, row)
            connection.execute(_NOTE_DELETED, row)
            return True

        return await self._database.write(unit)

    async def read_version(self, pipeline_id: PipelineId, version: int) -> VersionRecord | None:
        """One version, also of a pipeline that was deleted, as long as a run of it exists."""
        statement = f"""
            SELECT {_VERSION_COLUMNS} FROM pipeline_versions WHERE pipeline_id = ? AND version = ? AND {_IS_IN_USE}
        """
        row = await self._database.read(
            lambda connection: connection.execute(statement, (pipeline_id, version)).fetchone()
        )
        return None if row is None else _version(row)

    async def list_versions(
        self, pipeline_id: PipelineId, *, limit: int, cursor: str | None = None
    ) -> Page[VersionRecord]:
        """Versions, the newest first."""
        before = 2**63 - 1 if cursor is None else from_cursor(cursor, int)[0]
        statement = f"""
            SELECT {_VERSION_COLUMNS} FROM pipeline_versions WHERE pipeline_id = ? AND version < ? AND {_IS_IN_USE}
            ORDER BY version DESC LIMIT ?
        """
        rows = await self._database.read(
            lambda connection: connection.execute(statement, (pipeline_id, before, limit + 1)).fetchall()
        )
        items = tuple(_version(row) for row in rows[:limit])
        return Page(items, to_cursor(items[-1].version) if len(rows) > limit else None)

    async def _save(
        self, statement: str, row: tuple[Any, ...], record: PipelineRecord, version: VersionRecord | None
    ) -> bool:
        added = None if version is None else version_row(version)

        def unit(connection: sqlite3.Connection) -> bool:
            if connection.execute(statement, row).rowcount == 0:
                return False
            claim_paths(connection, record)
            if added is not None:
                connection.execute(INSERT_VERSION, added)
            return True

        return await self._database.write(unit)

    async def _find(self, condition: str, values: tuple[str, ...]) -> PipelineRecord | None:
        statement = f"SELECT {_COLUMNS} FROM pipelines WHERE {condition}"
        row = await self._database.read(lambda connection: connection.execute(statement, values).fetchone())
        return None if row is None else _record(row)


def claim_paths(connection: sqlite3.Connection, record: PipelineRecord) -> None:
    """Let a pipeline have its webhook paths and no others. Raises `ConflictError`, which undoes the whole change."""
    connection.execute(_RELEASE, (record.id,))
    for path in record.webhook_paths:
        if connection.execute(_CLAIM, (record.namespace, path, record.id)).rowcount == 0:
            (owner,) = connection.execute(_CLAIMED_BY, (record.namespace, path)).fetchone()
            raise path_taken(path, owner)


def _conditions(wanted: PipelineFilter) -> tuple[str, dict[str, Any]]:
    conditions = ["(namespace, name) > (:after_namespace, :after_name)"]
    values: dict[str, Any] = {}
    if wanted.namespace is not None:
        conditions[0] = "namespace = :namespace AND (namespace, name) > (:after_namespace, :after_name)"
        values["namespace"] = wanted.namespace
    if wanted.status is not None:
        conditions.append("status = :status")
        values["status"] = wanted.status.value
    if wanted.label is not None:
        conditions.append(
            "EXISTS (SELECT 1 FROM json_each(labels) AS label WHERE label.key = :key AND label.value = :value)"
        )
        values |= {"key": wanted.label[0], "value": wanted.label[1]}
    if wanted.trigger_type is not None:
        conditions.append(_LISTS_TRIGGER)
        values["trigger_type"] = wanted.trigger_type
    if wanted.text:
        conditions.append("(name GLOB :text OR description GLOB :text)")
        values["text"] = contains_pattern(wanted.text)
    return " AND ".join(conditions), values


def pipeline_row(record: PipelineRecord) -> tuple[Any, ...]:
    """The values of `INSERT_PIPELINE`."""
    return (
        record.namespace,
        record.name,
        record.description,
        encode(dict(record.labels)).decode(),
        record.status.value,
        record.version,
        encode(record.triggers),
        record.managed_by,
        record.created_at,
        record.updated_at,
        record.rev,
        record.draft,
        encode(record.disabled_triggers),
        record.source,
        record.id,
    )


def _record(row: Sequence[Any]) -> PipelineRecord:
    return PipelineRecord(
        id=PipelineId(row[14]),
        namespace=row[0],
        name=row[1],
        description=row[2],
        labels=decode(row[3]),
        status=PipelineStatus(row[4]),
        version=row[5],
        triggers=tuple(decode(row[6])),
        managed_by=row[7],
        created_at=Millis(row[8]),
        updated_at=Millis(row[9]),
        rev=row[10],
        draft=row[11],
        disabled_triggers=tuple(decode(row[12])),
        source=row[13],
    )


def version_row(version: VersionRecord) -> tuple[Any, ...]:
    """The values of `INSERT_VERSION`."""
    return (
        version.pipeline_id,
        version.version,
        version.hash,
        version.source,
        version.format,
        encode(version.definition),
        encode(version.node_types),
        version.created_at,
        version.created_by,
    )


def _version(row: Sequence[Any]) -> VersionRecord:
    return VersionRecord(
        pipeline_id=PipelineId(row[0]),
        version=row[1],
        hash=row[2],
        source=row[3],
        format=row[4],
        definition=decode(row[5]),
        node_types=decode(row[6]),
        created_at=Millis(row[7]),
        created_by=row[8],
    )
