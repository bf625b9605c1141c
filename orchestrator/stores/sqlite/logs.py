"""Log lines: kept once each, read in the order in which they were stored, searched from the newest."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from flume.ids import Instance, Millis, RunId
from orchestrator.store import FoundLogLine, LogFilter, LogLine, Page
from orchestrator.stores.cursors import from_cursor, to_cursor
from orchestrator.stores.sqlite.database import snapshot
from orchestrator.stores.sqlite.encoding import decode_some, encode_some
from orchestrator.stores.sqlite.part import Part
from orchestrator.stores.sqlite.search import contains_pattern

SCANNED_LINES = 20_000
"""How many lines one search looks at. A page may so be short, even empty, and still have a cursor."""

_LAST = 2**63 - 1

_INSERT_LINE = """
INSERT INTO logs (run_id, instance, attempt, sequence, namespace, pipeline, at, level, message, fields)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id, instance, attempt, sequence) DO """

KEEP_LINE = f"{_INSERT_LINE} NOTHING"

REPLACE_LINE = f"""{_INSERT_LINE}
UPDATE SET at = excluded.at, level = excluded.level, message = excluded.message, fields = excluded.fields
"""

_LINE_COLUMNS = "instance, attempt, sequence, at, level, message, fields"


def line_row(run_id: RunId, namespace: str, pipeline: str, line: LogLine) -> tuple[Any, ...]:
    """What `KEEP_LINE` and `REPLACE_LINE` write for a line."""
    return (
        run_id,
        line.instance,
        line.attempt,
        line.sequence,
        namespace,
        pipeline,
        line.at,
        line.level,
        line.message,
        encode_some(line.fields),
    )


class Logs(Part):
    """The part of the store that keeps what nodes log."""

    async def read_logs(
        self, run_id: RunId, *, instance: Instance | None = None, after: str | None = None, limit: int = 1000
    ) -> Page[LogLine]:
        """Lines of a run in the order in which they were stored; ``cursor`` is the place after the last line, also at the end."""
        place = 0 if after is None else from_cursor(after, int)[0]
        # One instance has few lines in a run of many: its own index, and a sort, is never the longer way.
        index, condition = ("logs_by_run", "") if instance is None else ("logs_by_instance", "AND instance = :instance")
        statement = f"""
            SELECT place, {_LINE_COLUMNS} FROM logs INDEXED BY {index}
            WHERE run_id = :run {condition} AND place > :place ORDER BY place LIMIT :limit
        """
        values = {"run": run_id, "instance": instance, "place": place, "limit": limit}
        rows = await self._database.read(lambda connection: connection.execute(statement, values).fetchall())
        return Page(tuple(_line(row[1:]) for row in rows), to_cursor(rows[-1][0] if rows else place))

    async def save_logs(self, run_id: RunId, lines: Sequence[LogLine]) -> None:
        """Keep lines at once, while their attempt is still under way. Those of a run that does not exist are dropped."""

        def unit(connection: sqlite3.Connection) -> None:
            run = connection.execute("SELECT namespace, pipeline FROM runs WHERE id = ?", (run_id,)).fetchone()
            if run is not None:
                connection.executemany(KEEP_LINE, [line_row(run_id, run[0], run[1], line) for line in lines])

        await self._database.write(unit)

    async def search_logs(self, wanted: LogFilter, *, limit: int, cursor: str | None = None) -> Page[FoundLogLine]:
        """Lines over many runs, the newest first."""
        start = (_LAST, _LAST) if cursor is None else from_cursor(cursor, int, int)
        return await self._database.read(lambda connection: _search(connection, wanted, start, limit))


def _search(
    connection: sqlite3.Connection, wanted: LogFilter, start: tuple[int, int], limit: int
) -> Page[FoundLogLine]:
    top = start if wanted.until is None else min(start, (wanted.until, 0))
    with snapshot(connection):
        floor = _floor(connection, wanted, top)
        rows = _matching(connection, wanted, top, floor or (wanted.since or 0, 0), limit + 1)
    if len(rows) > limit:
        rows = rows[:limit]
        floor = rows[-1][:2]
    found = tuple(FoundLogLine(RunId(row[2]), row[3], _line(row[4:])) for row in rows)
    return Page(found, None if floor is None else to_cursor(*floor))


def _floor(connection: sqlite3.Connection, wanted: LogFilter, top: tuple[int, int]) -> tuple[int, int] | None:
    """The last line that this search looks at, or None if it gets to the end. Answered from an index alone."""
    statement = f"""
        SELECT at, place {_range(wanted)} ORDER BY at DESC, place DESC LIMIT 1 OFFSET {SCANNED_LINES - 1}
    """
    found: tuple[int, int] | None = connection.execute(
        statement, _bounds(wanted, top, (wanted.since or 0, 0))
    ).fetchone()
    return found


def _matching(
    connection: sqlite3.Connection, wanted: LogFilter, top: tuple[int, int], floor: tuple[int, int], limit: int
) -> list[Any]:
    conditions, values = _conditions(wanted)
    statement = f"""
        SELECT at, place, run_id, pipeline, {_LINE_COLUMNS} {_range(wanted)} {conditions}
        ORDER BY at DESC, place DESC LIMIT :limit
    """
    return connection.execute(statement, _bounds(wanted, top, floor) | values | {"limit": limit}).fetchall()


def _range(wanted: LogFilter) -> str:
    """The lines that a search goes through: those of a run or of a namespace, between two places."""
    source = (
        "logs_by_time WHERE namespace = :owner" if wanted.run_id is None else "logs_by_run_time WHERE run_id = :owner"
    )
    return (
        f"FROM logs INDEXED BY {source} AND (at, place) < (:top, :top_place) AND (at, place) >= (:floor, :floor_place)"
    )


def _bounds(wanted: LogFilter, top: tuple[int, int], floor: tuple[int, int]) -> dict[str, Any]:
    return {
        "owner": wanted.run_id or wanted.namespace,
        "top": top[0],
        "top_place": top[1],
        "floor": floor[0],
        "floor_place": floor[1],
    }


def _conditions(wanted: LogFilter) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {"namespace": wanted.namespace}
    conditions = [] if wanted.run_id is None else ["namespace = :namespace"]
    if wanted.text:
        conditions.append("message GLOB :text")
        values["text"] = contains_pattern(wanted.text)
    if wanted.pipeline is not None:
        conditions.append("pipeline = :pipeline")
        values["pipeline"] = wanted.pipeline
    if wanted.instance is not None:
        conditions.append("instance = :instance")
        values["instance"] = wanted.instance
    if wanted.levels:
        levels = {f"level_{number}": level for number, level in enumerate(wanted.levels)}
        conditions.append(f"level IN ({', '.join(f':{name}' for name in levels)})")
        values |= levels
    return "".join(f" AND {condition}" for condition in conditions), values


def _line(row: Sequence[Any]) -> LogLine:
    instance, attempt, sequence, at, level, message, fields = row
    return LogLine(Instance(instance), attempt, sequence, Millis(at), level, message, decode_some(fields))
