"""The outbox: events that were kept with the commit of what they tell, until they are published.

All that is in the collection was committed: a commit holds its events in its run's document, from where they come here.
"""

from collections.abc import Mapping, Sequence

from flume.ids import Millis
from orchestrator.store import Audience, Backlog, OutboxEntry
from orchestrator.stores.mongo.database import Collection
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.pending import apply_forgotten, outbox_key
from orchestrator.stores.mongo.values import Document, from_date, from_json, to_date


class Outbox(Part):
    """The part of the store that keeps what is to be published."""

    async def read_outbox(
        self, owner: str, audience: Audience, *, limit: int, after: OutboxEntry | None = None
    ) -> tuple[OutboxEntry, ...]:
        """What ``owner`` has yet to publish to ``audience``, the oldest first; see `orchestrator.store.RunStore`."""
        wanted: Document = {"owner": owner, "audience": audience.value}
        if after is not None:
            at = to_date(after.at)
            wanted["at"] = {"$gte": at}
            wanted["$or"] = [{"at": {"$gt": at}}, {"_id": {"$gt": outbox_key(after)}}]
        found = await self._outbox.find(wanted, sort=[("at", 1), ("_id", 1)], limit=limit)
        return tuple(map(to_entry, found))

    async def delete_outbox(self, entries: Sequence[OutboxEntry]) -> None:
        """Forget entries that were published; those that are gone already do no harm."""
        if entries:
            await self._outbox.delete_all({"_id": {"$in": [outbox_key(entry) for entry in entries]}})

    async def drop_outbox(self, owner: str, audience: Audience, *, before: Millis) -> int:
        """Forget what ``owner`` could not publish to ``audience`` from before a moment; how many entries that are."""
        wanted = {"owner": owner, "audience": audience.value, "at": {"$lt": to_date(before)}}
        return await self._outbox.delete_all(wanted)

    async def outbox_backlogs(self, owner: str) -> Mapping[Audience, Backlog]:
        """What ``owner`` has yet to publish, by audience; one for which nothing waits is left out."""
        found = await self._outbox.aggregate(
            [
                {"$match": {"owner": owner}},
                {"$group": {"_id": "$audience", "count": {"$sum": 1}, "oldest": {"$min": "$at"}}},
            ]
        )
        return {Audience(each["_id"]): Backlog(each["count"], from_date(each["oldest"])) for each in found}

    async def take_over_outbox(self, owner: str, *, live_owners: Sequence[str]) -> int:
        """Let ``owner`` publish what belongs to none of ``live_owners``; how many entries that are.

        What a commit could not bring here because its process died comes first.
        """
        await apply_forgotten(self._database, self._world.clock())
        taken, last = 0, ""
        while (
            other := await self._outbox.find_one({"owner": {"$gt": last}}, {"owner": 1}, sort=[("owner", 1)])
        ) is not None:
            last = other["owner"]
            if last not in live_owners:
                taken += await self._outbox.update_all({"owner": last}, {"$set": {"owner": owner}})
        return taken

    @property
    def _outbox(self) -> Collection:
        return self._database.collection("outbox")


def to_entry(document: Document) -> OutboxEntry:
    """The inverse of `orchestrator.stores.mongo.pending.entry_document`."""
    return OutboxEntry(
        document["id"],
        Audience(document["audience"]),
        document["owner"],
        from_date(document["at"]),
        from_json(document["event"]),
    )
