"""When triggers are due, and what a store does with that."""

from dataclasses import dataclass
from typing import Protocol

from flume.ids import Millis, PipelineId, RunId


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a trigger fires next.

    ``definition`` is a digest of the trigger's schedule: another digest means that the due time must be worked out
    anew. ``rev`` counts changes, for compare-and-swap. ``last_due`` is the due time that fired last.
    """

    pipeline_id: PipelineId
    trigger_id: str
    definition: str
    next_due: Millis | None
    last_due: Millis | None = None
    last_run: RunId | None = None
    rev: int = 0


class ScheduleStore(Protocol):
    """When time triggers fire."""

    async def read_schedule(self, pipeline_id: PipelineId, trigger_id: str) -> Schedule | None:
        """One schedule."""
        ...

    async def list_schedules(self) -> list[Schedule]:
        """All schedules."""
        ...

    async def due_schedules(self, now: Millis, *, limit: int) -> list[Schedule]:
        """Schedules whose ``next_due`` has come, the earliest first."""
        ...

    async def next_due(self) -> Millis | None:
        """When the first of all schedules is due, which may be past; None if none will ever be."""
        ...

    async def save_schedule(self, schedule: Schedule, *, expected_rev: int) -> bool:
        """Write a schedule if it is at ``expected_rev`` (0: does not exist). ``schedule.rev`` is ``expected_rev + 1``."""
        ...

    async def delete_schedule(self, pipeline_id: PipelineId, trigger_id: str) -> None:
        """Forget a schedule; nothing happens if there is none."""
        ...
