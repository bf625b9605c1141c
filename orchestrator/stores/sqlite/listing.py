"""Lists of runs: one ordered range of an index for each status, merged; the cost is that of the page."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from flume.ids import Millis, RunId
from orchestrator.state import RunStatus
from orchestrator.store import Page, RunFilter, RunSummary
from orchestrator.stores.cursors import from_cursor, to_cursor
from orchestrator.stores.sqlite.database import snapshot
from orchestrator.stores.sqlite.encoding import decode
from orchestrator.stores.sqlite.part import Part

SCANNED_RUNS = 2_000
"""How many runs one page looks at for those of a trigger, which has no index. A page may so be short, and still have a cursor."""

_LAST = (2**63 - 1, "")

_COLUMNS = (
    "runs.id, namespace, pipeline, version, status, trigger_type, trigger_id, runs.created_at, started_at, "
    "completed_at, attempt, retry_of, test, error"
)


class RunLists(Part):
    """The part of the store that lists runs."""

    async def list_runs(self, wanted: RunFilter, *, limit: int, cursor: str | None = None) -> Page[RunSummary]:
        """Runs, the newest first. Raises `RequestError` for a cursor that is not one."""
        top = _LAST if cursor is None else from_cursor(cursor, int, str)
        if wanted.until is not None:
            top = min(top, (wanted.until, ""))
        return await self._database.read(lambda connection: _list(connection, wanted, top, limit))


def _list(connection: sqlite3.Connection, wanted: RunFilter, top: tuple[int, str], limit: int) -> Page[RunSummary]:
    scanned = limit + 1 if wanted.trigger is None else max(SCANNED_RUNS, limit + 1)
    values = _values(wanted) | {"at": top[0], "id": top[1], "scanned": scanned, "limit": limit + 1}
    newest = _newest(wanted)
    with snapshot(connection):
        rows = connection.execute(_page_statement(wanted, newest), values).fetchall()
        last = None
        if len(rows) <= limit and wanted.trigger is not None:
            last = connection.execute(f"{newest} OFFSET :scanned - 1", values).fetchone()
    if len(rows) > limit:
        last = (rows[limit - 1][7], rows[limit - 1][0])
    return Page(tuple(_summary(row) for row in rows[:limit]), None if last is None else to_cursor(*last))


def _page_statement(wanted: RunFilter, newest: str) -> str:
    of_trigger = "" if wanted.trigger is None else "WHERE trigger_id = :trigger OR trigger_type = :trigger"
    return f"""
        SELECT {_COLUMNS} FROM ({newest}) AS newest CROSS JOIN runs ON runs.id = newest.id {of_trigger}
        ORDER BY newest.created_at DESC, newest.id DESC LIMIT :limit
    """


def _newest(wanted: RunFilter) -> str:
    """The newest runs of the range, as ``(created_at, id)``."""
    statuses = dict.fromkeys(wanted.statuses) or tuple(RunStatus)
    ranges = " UNION ALL ".join(f"SELECT * FROM ({_range(wanted, number)})" for number, _ in enumerate(statuses))
    return f"SELECT created_at, id FROM ({ranges}) ORDER BY created_at DESC, id DESC LIMIT :scanned"


def _range(wanted: RunFilter, number: int) -> str:
    index, of_pipeline = "runs_by_status", ""
    if wanted.pipeline is not None:
        index, of_pipeline = "runs_by_pipeline", "AND pipeline = :pipeline"
    return f"""
        SELECT created_at, id FROM runs INDEXED BY {index}
        WHERE namespace = :namespace {of_pipeline} AND status = :status_{number}
          AND (created_at, id) < (:at, :id) AND created_at >= :since
        ORDER BY created_at DESC, id DESC LIMIT :scanned
    """


def _values(wanted: RunFilter) -> dict[str, Any]:
    statuses = tuple(dict.fromkeys(wanted.statuses)) or tuple(RunStatus)
    return {
        "namespace": wanted.namespace,
        "pipeline": wanted.pipeline,
        "trigger": wanted.trigger,
        "since": 0 if wanted.since is None else wanted.since,
        **{f"status_{number}": status.value for number, status in enumerate(statuses)},
    }


def _summary(row: Sequence[Any]) -> RunSummary:
    return RunSummary(
        id=RunId(row[0]),
        namespace=row[1],
        pipeline=row[2],
        version=row[3],
        status=RunStatus(row[4]),
        trigger_type=row[5],
        trigger_id=row[6],
        created_at=Millis(row[7]),
        started_at=row[8],
        completed_at=row[9],
        attempt=row[10],
        retry_of=row[11],
        test=bool(row[12]),
        error=None if row[13] is None else decode(row[13]),
    )
