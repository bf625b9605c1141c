"""Schedules: when time triggers fire."""

from typing import Any

from flume.ids import Millis, PipelineId
from orchestrator.store import Schedule
from orchestrator.stores.sqlite.part import Part

_COLUMNS = "pipeline_id, trigger_id, definition, next_due, last_due, last_run, rev"

INSERT_SCHEDULE = f"INSERT INTO schedules ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"

_UPDATE = """
UPDATE schedules SET definition = ?, next_due = ?, last_due = ?, last_run = ?, rev = ?
WHERE pipeline_id = ? AND trigger_id = ? AND rev = ?
"""


def schedule_row(schedule: Schedule) -> tuple[Any, ...]:
    """The values of `INSERT_SCHEDULE`."""
    return (
        schedule.pipeline_id,
        schedule.trigger_id,
        schedule.definition,
        schedule.next_due,
        schedule.last_due,
        schedule.last_run,
        schedule.rev,
    )


class Schedules(Part):
    """The part of the store that keeps schedules."""

    async def read_schedule(self, pipeline_id: PipelineId, trigger_id: str) -> Schedule | None:
        """One schedule."""
        statement = f"SELECT {_COLUMNS} FROM schedules WHERE pipeline_id = ? AND trigger_id = ?"
        row = await self._database.read(
            lambda connection: connection.execute(statement, (pipeline_id, trigger_id)).fetchone()
        )
        return None if row is None else Schedule(*row)

    async def list_schedules(self) -> list[Schedule]:
        """All schedules."""
        statement = f"SELECT {_COLUMNS} FROM schedules ORDER BY pipeline_id, trigger_id"
        rows = await self._database.read(lambda connection: connection.execute(statement).fetchall())
        return [Schedule(*row) for row in rows]

    async def due_schedules(self, now: Millis, *, limit: int) -> list[Schedule]:
        """Schedules whose ``next_due`` has come, the earliest first."""
        statement = f"""
            SELECT {_COLUMNS} FROM schedules WHERE next_due <= ? ORDER BY next_due, pipeline_id, trigger_id LIMIT ?
        """
        rows = await self._database.read(lambda connection: connection.execute(statement, (now, limit)).fetchall())
        return [Schedule(*row) for row in rows]

    async def next_due(self) -> Millis | None:
        """When the first of all schedules is due, which may be past; None if none will ever be."""
        statement = "SELECT min(next_due) FROM schedules WHERE next_due IS NOT NULL"
        row = await self._database.read(lambda connection: connection.execute(statement).fetchone())
        return None if row[0] is None else Millis(row[0])

    async def save_schedule(self, schedule: Schedule, *, expected_rev: int) -> bool:
        """Write a schedule if it is at ``expected_rev`` (0: does not exist). ``schedule.rev`` is ``expected_rev + 1``."""
        row = schedule_row(schedule)
        if expected_rev == 0:
            return await self._write(INSERT_SCHEDULE, row) > 0
        key, values = row[:2], row[2:]
        return await self._write(_UPDATE, (*values, *key, expected_rev)) > 0

    async def delete_schedule(self, pipeline_id: PipelineId, trigger_id: str) -> None:
        """Forget a schedule; nothing happens if there is none."""
        await self._write("DELETE FROM schedules WHERE pipeline_id = ? AND trigger_id = ?", (pipeline_id, trigger_id))

    async def _write(self, statement: str, row: tuple[Any, ...]) -> int:
        return await self._database.write(lambda connection: connection.execute(statement, row).rowcount)
