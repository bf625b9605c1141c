"""Runs for which something was saved before they were made, or while they were deleted, so that it can be found."""

from collections.abc import Sequence

from bson import ObjectId

from flume.ids import Millis
from orchestrator.stores.mongo.database import Database
from orchestrator.stores.mongo.values import Key, to_key

COLLECTION = "awaited_runs"


async def note_awaited(database: Database, run_ids: Sequence[str]) -> None:
    """Remember runs before something is saved for them."""
    await database.collection(COLLECTION).keep([{"_id": to_key(run_id)} for run_id in run_ids])


async def note_unless_made(database: Database, run_id: str) -> None:
    """Remember a run before something is saved for it; nothing happens if the run exists."""
    if await database.collection("runs").find_one({"_id": to_key(run_id)}, {"_id": 1}) is None:
        await note_awaited(database, [run_id])


async def awaited_since(database: Database, moment: Millis, limit: int) -> list[Key]:
    """The runs whose ids are older than ``moment``, the oldest first."""
    # An id begins with its second.
    bound = ObjectId(f"{max(moment, 0) // 1000:08x}{0:016x}")
    found = await database.collection(COLLECTION).find({"_id": {"$lt": bound}}, sort=[("_id", 1)], limit=limit)
    return [document["_id"] for document in found]


async def forget_awaited(database: Database, keys: Sequence[Key]) -> None:
    """Stop waiting for runs: they were made, or nothing is left of what was saved for them."""
    if keys:
        await database.collection(COLLECTION).delete_all({"_id": {"$in": list(keys)}})
