"""Replicas and their leases, keys, and what people and operators changed."""

from flume.errors import StoreError
from flume.ids import Millis
from orchestrator.store import AuditEntry, OrchestratorRecord, Page
from orchestrator.stores.cursors import from_cursor, to_cursor
from orchestrator.stores.mongo.database import Collection
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.values import Document, from_date, from_json, to_date, to_json, to_key

KEY_BYTES = 32


class Fleet(Part):
    """The part of the store that keeps replicas, keys and the audit log."""

    async def renew_lease(self, record: OrchestratorRecord) -> None:
        """Write a replica and its lease."""
        facts = {
            "host": record.host,
            "pid": record.pid,
            "startedAt": to_date(record.started_at),
            "leaseUntil": to_date(record.lease_until),
            "version": record.version,
            "runs": record.runs,
        }
        await self._database.collection("orchestrators").update_or_insert(record.id, {"$set": facts})

    async def list_orchestrators(self) -> list[OrchestratorRecord]:
        """All replicas whose record is still there, those with an ended lease included."""
        found = await self._database.collection("orchestrators").find({}, sort=[("_id", 1)])
        return list(map(_to_replica, found))

    async def delete_orchestrator(self, orchestrator_id: str) -> None:
        """Forget a replica that has stopped."""
        await self._database.collection("orchestrators").delete({"_id": orchestrator_id})

    async def secret_key(self, name: str) -> bytes:
        """32 random bytes under a name, made by the store at the first call and the same ever after."""
        keys = self._database.collection("keys")
        found = await keys.find_one({"_id": name})
        if found is None:
            await keys.update_or_insert(name, {"$setOnInsert": {"key": self._world.random_bytes(KEY_BYTES)}})
            found = await keys.find_one({"_id": name})
        if found is None:
            raise StoreError(
                f"{self._database.where} lost the key '{name}' that was just made; check who deletes there"
            )
        return bytes(found["key"])

    async def append_audit(self, entry: AuditEntry) -> None:
        """Record a change; the same entry again changes nothing."""
        await self._audit.insert(from_entry(entry))

    async def list_audit(
        self, namespace: str, *, target: str | None = None, limit: int, cursor: str | None = None
    ) -> Page[AuditEntry]:
        """Changes in a namespace, the newest first."""
        wanted: Document = {"namespace": namespace}
        if target is not None:
            wanted["target"] = target
        if cursor is not None:
            moment, id = from_cursor(cursor, int, str)
            at = to_date(moment)
            wanted |= {"at": {"$lte": at}, "$or": [{"at": {"$lt": at}}, {"_id": {"$lt": to_key(id)}}]}
        found = await self._audit.find(wanted, sort=[("at", -1), ("_id", -1)], limit=limit + 1)
        items = tuple(map(to_entry, found[:limit]))
        return Page(items, to_cursor(items[-1].at, items[-1].id) if len(found) > limit else None)

    async def delete_audit(self, before: Millis, *, limit: int) -> int:
        """Delete up to ``limit`` entries from before a moment, whatever their namespace, the oldest first; how many."""
        old = await self._audit.find({"at": {"$lt": to_date(before)}}, {"_id": 1}, sort=[("at", 1)], limit=limit)
        return await self._audit.delete_all({"_id": {"$in": [each["_id"] for each in old]}}) if old else 0

    @property
    def _audit(self) -> Collection:
        return self._database.collection("audit")


def _to_replica(document: Document) -> OrchestratorRecord:
    return OrchestratorRecord(
        document["_id"],
        document["host"],
        document["pid"],
        from_date(document["startedAt"]),
        from_date(document["leaseUntil"]),
        document["version"],
        document["runs"],
    )


def from_entry(entry: AuditEntry) -> Document:
    """A change as a document."""
    return {
        "_id": to_key(entry.id),
        "at": to_date(entry.at),
        "namespace": entry.namespace,
        "actor": entry.actor,
        "origin": entry.origin,
        "action": entry.action,
        "target": entry.target,
        "before": None if entry.before is None else to_json(entry.before),
        "after": None if entry.after is None else to_json(entry.after),
    }


def to_entry(document: Document) -> AuditEntry:
    """The inverse of `from_entry`."""
    before, after = (None if text is None else from_json(text) for text in (document["before"], document["after"]))
    return AuditEntry(
        str(document["_id"]),
        from_date(document["at"]),
        document["namespace"],
        document["actor"],
        document["origin"],
        document["action"],
        document["target"],
        before,
        after,
    )
