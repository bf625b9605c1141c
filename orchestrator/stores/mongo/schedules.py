"""Schedules: when time triggers fire."""

from flume.ids import Millis, PipelineId, RunId
from orchestrator.store import Schedule
from orchestrator.stores.mongo.database import Collection
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.values import Document, from_date, from_some_date, to_date, to_key, to_some_date


class Schedules(Part):
    """The part of the store that keeps schedules."""

    async def read_schedule(self, pipeline_id: PipelineId, trigger_id: str) -> Schedule | None:
        """One schedule."""
        found = await self._schedules.find_one({"_id": _key(pipeline_id, trigger_id)})
        return None if found is None else _to_schedule(found)

    async def list_schedules(self) -> list[Schedule]:
        """All schedules."""
        return list(map(_to_schedule, await self._schedules.find({}, sort=[("_id", 1)])))

    async def due_schedules(self, now: Millis, *, limit: int) -> list[Schedule]:
        """Schedules whose ``next_due`` has come, the earliest first."""
        due = {"nextDue": {"$lte": to_date(now)}}
        return list(map(_to_schedule, await self._schedules.find(due, sort=[("nextDue", 1), ("_id", 1)], limit=limit)))

    async def next_due(self) -> Millis | None:
        """When the first of all schedules is due, which may be past; None if none will ever be."""
        found = await self._schedules.find_one({"nextDue": {"$ne": None}}, {"nextDue": 1}, sort=[("nextDue", 1)])
        return None if found is None else from_date(found["nextDue"])

    async def save_schedule(self, schedule: Schedule, *, expected_rev: int) -> bool:
        """Write a schedule if it is at ``expected_rev`` (0: does not exist). ``schedule.rev`` is ``expected_rev + 1``."""
        document = from_schedule(schedule)
        if expected_rev == 0:
            return await self._schedules.insert(document)
        return await self._schedules.update({"_id": document["_id"], "rev": expected_rev}, {"$set": document})

    async def delete_schedule(self, pipeline_id: PipelineId, trigger_id: str) -> None:
        """Forget a schedule; nothing happens if there is none."""
        await self._schedules.delete({"_id": _key(pipeline_id, trigger_id)})

    @property
    def _schedules(self) -> Collection:
        return self._database.collection("schedules")


def _key(pipeline_id: PipelineId, trigger_id: str) -> str:
    return f"{pipeline_id}/{trigger_id}"


def from_schedule(schedule: Schedule) -> Document:
    """A schedule as a document."""
    return {
        "_id": _key(schedule.pipeline_id, schedule.trigger_id),
        "pipelineId": to_key(schedule.pipeline_id),
        "triggerId": schedule.trigger_id,
        "definition": schedule.definition,
        "nextDue": to_some_date(schedule.next_due),
        "lastDue": to_some_date(schedule.last_due),
        "lastRun": None if schedule.last_run is None else to_key(schedule.last_run),
        "rev": schedule.rev,
    }


def _to_schedule(document: Document) -> Schedule:
    last_run = document["lastRun"]
    return Schedule(
        PipelineId(str(document["pipelineId"])),
        document["triggerId"],
        document["definition"],
        from_some_date(document["nextDue"]),
        from_some_date(document["lastDue"]),
        None if last_run is None else RunId(str(last_run)),
        document["rev"],
    )
