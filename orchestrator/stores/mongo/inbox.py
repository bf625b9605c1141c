"""The inbox: what arrived for a run at a replica that does not own it, until its owner takes it up with a commit."""

from flume.ids import Instance, RunId
from orchestrator.store import InboxEntry
from orchestrator.stores.mongo.database import Collection
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.values import Document, from_date, from_json, to_date, to_json, to_key

_AT_ONCE = 500


class Inbox(Part):
    """The part of the store that keeps what waits for a run's owner."""

    async def put_inbox(self, entry: InboxEntry) -> bool:
        """Keep an entry until a commit of its run removes it or ends the run. False if the same thing waits already, or the
        run has ended or does not exist.
        """
        if not await self._is_under_way(entry.run_id) or not await self._inbox.insert(from_entry(entry)):
            return False
        if await self._is_under_way(entry.run_id):
            return True
        # It ended meanwhile, and its last commit may have emptied the inbox just before.
        await self._inbox.delete({"_id": entry.id})
        return False

    async def read_inbox(self, run_id: RunId) -> tuple[InboxEntry, ...]:
        """The entries of a run, the oldest first."""
        found = await self._inbox.find({"run": to_key(run_id)}, sort=[("at", 1), ("_id", 1)])
        return tuple(map(_to_entry, found))

    async def inbox_runs(self, owner: str, *, limit: int) -> tuple[RunId, ...]:
        """The runs of ``owner`` for which entries wait."""
        # The inbox holds what waits and no history, so going through it once is what this may cost.
        waiting = await self._inbox.aggregate([{"$group": {"_id": "$run"}}, {"$sort": {"_id": 1}}])
        keys = [each["_id"] for each in waiting]
        found: list[RunId] = []
        for start in range(0, len(keys), _AT_ONCE):
            runs = await self._runs.find({"_id": {"$in": keys[start : start + _AT_ONCE]}}, {"owner": 1})
            found += [RunId(str(run["_id"])) for run in runs if run["owner"] == owner]
            if len(found) >= limit:
                break
        return tuple(found[:limit])

    async def _is_under_way(self, run_id: RunId) -> bool:
        run = await self._runs.find_one({"_id": to_key(run_id)}, {"ended": 1})
        return run is not None and not run["ended"]

    @property
    def _inbox(self) -> Collection:
        return self._database.collection("inbox")


def from_entry(entry: InboxEntry) -> Document:
    """An entry as a document."""
    return {
        "_id": entry.id,
        "run": to_key(entry.run_id),
        "instance": entry.instance,
        "attempt": entry.attempt,
        "kind": entry.kind,
        "body": to_json(entry.body),
        "at": to_date(entry.at),
    }


def _to_entry(document: Document) -> InboxEntry:
    return InboxEntry(
        document["_id"],
        RunId(str(document["run"])),
        Instance(document["instance"]),
        document["attempt"],
        document["kind"],
        from_json(document["body"]),
        from_date(document["at"]),
    )
