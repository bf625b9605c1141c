"""Deleting what has expired, in small steps so that nobody waits long behind one.

Children go before their run: what a crash leaves behind still has a run that the next call finds. What is written for a
run just while it is deleted is found by the note that is left for that, see `orchestrator.stores.mongo.awaited`.
"""

from flume.ids import Millis
from orchestrator.stores.mongo.awaited import awaited_since, forget_awaited, note_awaited
from orchestrator.stores.mongo.documents import keys_within
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.payloads import delete_all_unheld, release_all
from orchestrator.stores.mongo.pending import apply_found, clear
from orchestrator.stores.mongo.pipelines import note_unless_kept
from orchestrator.stores.mongo.values import Document, to_date, to_key

DELETED_AT_ONCE = 500
"""Documents that one call to the server deletes."""

GRACE_MS = 24 * 60 * 60 * 1000
"""How long what nobody refers to is kept, since a run that refers to it may be about to be made."""


class Retention(Part):
    """The part of the store that deletes expired runs, and what nobody refers to."""

    async def delete_expired(self, now: Millis, *, limit: int) -> int:
        """Delete up to ``limit`` runs whose ``expires_at`` has come, with all that hangs on them, children first; how many."""
        expired = await self._runs.find(
            {"expiresAt": {"$lte": to_date(now)}},
            {"rev": 1, "pending": 1, "pipelineId": 1, "pipelineVersion": 1},
            sort=[("expiresAt", 1), ("_id", 1)],
            limit=limit,
        )
        await self._delete_runs(expired)
        await self._sweep_awaited(Millis(now - GRACE_MS))
        await self._sweep_versions(now, limit)
        await delete_all_unheld(self._database)
        return len(expired)

    async def _delete_runs(self, runs: list[Document]) -> None:
        # Events outlive their run.
        await apply_found(self._database, runs)
        await clear(self._database, runs)
        for run in runs:
            await self._delete_children(str(run["_id"]))
        await note_awaited(self._database, [str(run["_id"]) for run in runs])
        for run in runs:
            await self._runs.delete({"_id": run["_id"]})
            await note_unless_kept(self._database, run["pipelineId"], run["pipelineVersion"])

    async def _delete_children(self, run_id: str) -> None:
        for name in ("loop_items", "logs"):
            await self._delete_in_parts(name, {"_id": keys_within(run_id)})
        await self._delete_in_parts("inbox", {"run": to_key(run_id)})
        await release_all(self._database, run_id)

    async def _delete_in_parts(self, name: str, wanted: Document) -> None:
        collection = self._database.collection(name)
        while found := await collection.find(wanted, {"_id": 1}, limit=DELETED_AT_ONCE):
            await collection.delete_all({"_id": {"$in": [each["_id"] for each in found]}})

    async def _sweep_awaited(self, until: Millis) -> None:
        """Delete what was saved for runs that were not made; all of it, since starts may leave more notes than runs expire."""
        while keys := await awaited_since(self._database, until, DELETED_AT_ONCE):
            made = {run["_id"] for run in await self._runs.find({"_id": {"$in": keys}}, {"_id": 1})}
            for key in keys:
                if key not in made:
                    await self._delete_children(str(key))
            await forget_awaited(self._database, keys)

    async def _sweep_versions(self, now: Millis, limit: int) -> None:
        """Delete the versions without runs of pipelines that were deleted a day ago, as far as this was noticed."""
        deleted = self._database.collection("deleted_pipelines")
        noticed = await deleted.find({"since": {"$lte": to_date(now - GRACE_MS)}}, limit=limit)
        await deleted.update_all({"since": None}, {"$set": {"since": to_date(now)}})
        for each in noticed:
            await self._delete_what_is_left_of(each["_id"])
            await deleted.delete({"_id": each["_id"]})

    async def _delete_what_is_left_of(self, pipeline: object) -> None:
        if await self._database.collection("pipelines").find_one({"_id": pipeline}, {"_id": 1}) is not None:
            return
        await self._database.collection("schedules").delete_all({"pipelineId": pipeline})
        versions = self._database.collection("pipeline_versions")
        for version in await versions.find({"pipelineId": pipeline}, {"version": 1}):
            wanted = {"pipelineId": pipeline, "pipelineVersion": version["version"]}
            if await self._runs.find_one(wanted, {"_id": 1}) is None:
                await versions.delete({"_id": version["_id"]})
