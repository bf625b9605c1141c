"""Node types that are images."""

from collections.abc import Mapping, Sequence

from orchestrator.store import PackagedTypeRecord
from orchestrator.stores.mongo.database import Collection
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.values import Document, from_json, to_json


class PackagedTypes(Part):
    """The part of the store that keeps node types."""

    async def save_packaged_type(self, record: PackagedTypeRecord) -> None:
        """Keep a type in place of what was kept under its name."""
        facts = from_packaged_type(record)
        await self._types.update_or_insert(facts.pop("_id"), {"$set": facts})

    async def delete_packaged_type(self, name: str) -> bool:
        """Forget a type; False if there is none."""
        return await self._types.delete({"_id": name})

    async def packaged_type_hashes(self) -> Mapping[str, str]:
        """The hashes of all types by name, sorted."""
        found = await self._types.find({}, {"hash": 1}, sort=[("_id", 1)])
        return {each["_id"]: each["hash"] for each in found}

    async def read_packaged_types(self, names: Sequence[str]) -> tuple[PackagedTypeRecord, ...]:
        """These types, sorted by name; those that are not there are left out."""
        found = await self._types.find({"_id": {"$in": list(names)}}, sort=[("_id", 1)])
        return tuple(PackagedTypeRecord(each["_id"], each["hash"], from_json(each["description"])) for each in found)

    @property
    def _types(self) -> Collection:
        return self._database.collection("node_types")


def from_packaged_type(record: PackagedTypeRecord) -> Document:
    """A type as a document; its description as text, since the keys of a JSON Schema mean something to MongoDB."""
    return {"_id": record.name, "hash": record.hash, "description": to_json(record.description)}
