"""Payloads: values kept apart from their run, in chunks that fit into documents.

The first chunk stands for the whole: it names the runs that keep the payload, and the last of them to let go marks it in
the same atomic change. So a run that comes to keep it meanwhile either is on that list, or finds it gone. Whoever deletes
begins with that chunk, if it is still marked then, and goes on with those of the same saving: what is saved again meanwhile
under the same id stays.
"""

from collections.abc import Sequence

from bson import ObjectId
from pymongo import UpdateOne

from flume.ids import RunId
from orchestrator.store import Payload
from orchestrator.stores.mongo.awaited import note_unless_made
from orchestrator.stores.mongo.database import Collection, Database, Operation
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.values import raw, to_key

CHUNK_BYTES = 8 * 1024 * 1024


def first_chunk(payload_id: str) -> str:
    """The ``_id`` of the chunk that stands for a payload."""
    return _chunk_key(payload_id, 0)


def payload_writes(run_id: RunId, payload: Payload) -> list[Operation]:
    """What keeps a payload for a run; one with the same id is replaced. The chunk that stands for it comes last.

    Raises what `orchestrator.stores.mongo.values.raw` raises.
    """
    content, saving = payload.content, ObjectId()
    chunks = [content[start : start + CHUNK_BYTES] for start in range(0, max(len(content), 1), CHUNK_BYTES)]
    facts = {"contentType": payload.content_type, "chunks": len(chunks), "saving": saving}
    writes: list[Operation] = [
        UpdateOne({"_id": _chunk_key(payload.id, place)}, {"$set": {"content": chunk, "saving": saving}}, upsert=True)
        for place, chunk in enumerate(chunks)
        if place > 0
    ]
    change = {
        "$set": raw({"content": chunks[0], **facts}),
        "$addToSet": {"holders": to_key(run_id)},
        "$unset": {"isUnheld": ""},
    }
    return [*writes, UpdateOne({"_id": first_chunk(payload.id)}, change, upsert=True)]


async def read_payload(collection: Collection, payload_id: str) -> Payload | None:
    """A payload, whole; None also if a part of it is gone."""
    first = await collection.find_one({"_id": first_chunk(payload_id)})
    if first is None:
        return None
    parts = [first["content"]]
    for place in range(1, first["chunks"]):
        chunk = await collection.find_one({"_id": _chunk_key(payload_id, place)})
        if chunk is None:
            return None
        parts.append(chunk["content"])
    return Payload(payload_id, parts[0] if len(parts) == 1 else b"".join(parts), first["contentType"])


async def release_payload(collection: Collection, run_id: str, payload_id: str) -> None:
    """Let a run go of a payload, and delete it if no other run keeps it."""
    key = first_chunk(payload_id)
    await collection.update(
        {"_id": key},
        [
            {"$set": {"holders": {"$setDifference": ["$holders", [to_key(run_id)]]}}},
            {"$set": {"isUnheld": {"$eq": ["$holders", []]}}},
        ],
    )
    await delete_unheld(collection, payload_id)


async def delete_unheld(collection: Collection, payload_id: str) -> None:
    """Delete a payload that no run keeps; nothing happens to another."""
    key = first_chunk(payload_id)
    first = await collection.find_one({"_id": key, "isUnheld": True}, {"saving": 1, "chunks": 1})
    if first is None:
        return
    saving = first.get("saving")
    if await collection.delete({"_id": key, "isUnheld": True, "saving": saving}) and first["chunks"] > 1:
        await collection.delete_all({"_id": {"$gt": key, "$lt": f"{payload_id}0"}, "saving": saving})


async def release_all(database: Database, run_id: str) -> None:
    """Let a run go of all its payloads, and delete those that nobody keeps."""
    collection = database.collection("payloads")
    while held := await collection.find({"holders": to_key(run_id)}, {"_id": 1}, limit=100):
        for document in held:
            await release_payload(collection, run_id, _payload_id(document["_id"]))


async def delete_all_unheld(database: Database) -> None:
    """Delete what nobody keeps, where a process died before it could."""
    collection = database.collection("payloads")
    for document in await collection.find({"isUnheld": True}, {"_id": 1}, limit=100):
        await delete_unheld(collection, _payload_id(document["_id"]))


class Payloads(Part):
    """The part of the store that keeps large values."""

    async def read_payload(self, payload_id: str) -> Payload | None:
        """A payload, whole."""
        return await read_payload(self._payloads, payload_id)

    async def save_payload(self, run_id: RunId, payload: Payload) -> None:
        """Keep a payload for a run before the commit that refers to it."""
        await note_unless_made(self._database, run_id)
        for write in payload_writes(run_id, payload):
            await self._payloads.write([write])

    async def keep_payloads(self, run_id: RunId, payload_ids: Sequence[str]) -> bool:
        """Let payloads of other runs stay for as long as this one too. False, and nothing is kept, if one of them is gone."""
        if not payload_ids:
            return True
        await note_unless_made(self._database, run_id)
        change = {"$addToSet": {"holders": to_key(run_id)}}
        keys = [first_chunk(payload_id) for payload_id in payload_ids]
        await self._payloads.write([UpdateOne({"_id": key}, change) for key in keys])
        found = await self._payloads.find({"_id": {"$in": keys}}, {"isUnheld": 1})
        if {each["_id"] for each in found if not each.get("isUnheld")} == set(keys):
            return True
        await self.release_payloads(run_id, payload_ids)
        return False

    async def release_payloads(self, run_id: RunId, payload_ids: Sequence[str]) -> None:
        """Let a run go of payloads; what no other run keeps is gone."""
        for payload_id in payload_ids:
            await release_payload(self._payloads, run_id, payload_id)

    @property
    def _payloads(self) -> Collection:
        return self._database.collection("payloads")


def _chunk_key(payload_id: str, place: int) -> str:
    return f"{payload_id}/{place}"


def _payload_id(key: str) -> str:
    return key.rpartition("/")[0]
