"""Loop items: a document each, with the whole scope. Commits write them, by way of `orchestrator.stores.mongo.pending`."""

from collections.abc import AsyncIterator, Iterable

from pymongo import ReplaceOne

from flume.ids import Instance, RunId, ScopePath, split_scope
from orchestrator.state import RunStatus, Scope
from orchestrator.stores.mongo.awaited import note_unless_made
from orchestrator.stores.mongo.database import Collection
from orchestrator.stores.mongo.documents import item_key, keys_within, to_scope
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.values import Document

_AT_ONCE = 500

_COMPLETED = {"status": RunStatus.COMPLETED.value}


class Items(Part):
    """The part of the store that keeps loop items."""

    async def read_items(
        self, run_id: RunId, loop: Instance, *, after: int = -1, limit: int = 256, status: RunStatus | None = None
    ) -> list[tuple[int, Scope]]:
        """Items of a loop that were stored, by rising index above ``after``; those under way included."""
        bounds = {**keys_within(f"{run_id}/{loop}"), "$gte": item_key(run_id, loop, after + 1)}
        wanted: Document = {"_id": bounds} if status is None else {"_id": bounds, "status": status.value}
        found = await self._items.find(wanted, sort=[("_id", 1)], limit=limit)
        return [(item["position"], to_scope(item)) for item in found]

    async def copy_items(self, source: RunId, target: RunId, loop: Instance) -> int:
        """Copy the items of a loop that completed, with the items within them, to another run; returns how many of
        ``loop``.
        """
        await note_unless_made(self._database, target)
        copied: set[int] = set()
        async for items in self._batches({"_id": keys_within(f"{source}/{loop}"), **_COMPLETED}):
            await self._copy(items, target)
            copied |= {item["position"] for item in items}
        # The loops within items of "each" are named "each[3].inner": the character after a bracket ends them.
        within = {"$gte": f"{source}/{loop}[", "$lt": f"{source}/{loop}\\"}
        async for items in self._batches({"_id": within}):
            await self._copy([item for item in items if _outer_position(item["loop"], loop) in copied], target)
        return len(copied)

    async def _copy(self, items: Iterable[Document], target: RunId) -> None:
        copies = [{**item, "_id": item_key(target, item["loop"], item["position"]), "rev": 0} for item in items]
        await self._items.write([ReplaceOne({"_id": copy["_id"]}, copy, upsert=True) for copy in copies])

    async def _batches(self, wanted: Document) -> AsyncIterator[list[Document]]:
        """Items that fit, in portions, by their keys."""
        bounds = dict(wanted["_id"])
        while found := await self._items.find({**wanted, "_id": bounds}, sort=[("_id", 1)], limit=_AT_ONCE):
            yield found
            bounds = {"$gt": found[-1]["_id"], "$lt": bounds["$lt"]}

    @property
    def _items(self) -> Collection:
        return self._database.collection("loop_items")


def _outer_position(inner: str, loop: Instance) -> int:
    """The position of the item of ``loop`` in which a loop within it lies: 3 for ``each[3].inner[1].deep``."""
    return split_scope(ScopePath(inner[: inner.index("]", len(loop)) + 1]))[1]
