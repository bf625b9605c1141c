"""Moving everything: what `orchestrator.transfer` reads that nobody else does, and writing records as they are."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import assert_never

from pymongo import InsertOne, ReplaceOne

from flume.errors import ConflictError, StoreError
from flume.ids import Instance, RunId, item_scope
from orchestrator.store import (
    Audience,
    AuditEntry,
    InboxEntry,
    OutboxEntry,
    PackagedTypeRecord,
    PipelineRecord,
    Schedule,
    StoredRun,
    VersionRecord,
)
from orchestrator.stores.mongo import fleet, inbox, schema
from orchestrator.stores.mongo.awaited import note_unless_made
from orchestrator.stores.mongo.database import Operation
from orchestrator.stores.mongo.documents import from_item, from_node, keys_within
from orchestrator.stores.mongo.failures import TOO_LARGE
from orchestrator.stores.mongo.logs import owned_line
from orchestrator.stores.mongo.outbox import to_entry
from orchestrator.stores.mongo.packaged_types import from_packaged_type
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.payloads import first_chunk, payload_writes
from orchestrator.stores.mongo.pending import entry_document
from orchestrator.stores.mongo.pipeline_documents import from_record, from_version
from orchestrator.stores.mongo.run_documents import from_head, from_origin
from orchestrator.stores.mongo.schedules import from_schedule
from orchestrator.stores.mongo.values import Document, to_key
from orchestrator.transfer.store import HeldPayload, Item, Key, Line, Record, commit_of

_AT_ONCE = 500

_CONTENT = ("pipelines", "pipeline_versions", "schedules", "runs", "payloads", "outbox", "audit", "node_types")


class Transfer(Part):
    """The part of the store that gives and takes everything."""

    async def is_empty(self) -> bool:
        """Whether nothing is in the store that anybody would miss."""
        for name in _CONTENT:
            if await self._database.collection(name).find_one({}, {"_id": 1}) is not None:
                return False
        return True

    async def loops_of(self, run_id: RunId) -> tuple[Instance, ...]:
        """The loops of a run of which items are stored, those within items included, sorted."""
        found = await self._database.collection("loop_items").aggregate(
            [{"$match": {"_id": keys_within(run_id)}}, {"$group": {"_id": "$loop"}}]
        )
        return tuple(sorted(Instance(each["_id"]) for each in found))

    async def payload_holders(self) -> AsyncIterator[tuple[str, tuple[RunId, ...]]]:
        """The id of every payload, by rising id, with the runs that keep it, sorted."""
        # The chunk that stands for a payload alone says how many there are.
        async for first in self._documents("payloads", {"chunks": {"$exists": True}}, {"holders": 1}):
            if holders := first.get("holders"):
                yield first["_id"].rpartition("/")[0], tuple(sorted(RunId(str(holder)) for holder in holders))

    async def stored_outbox(self, audience: Audience) -> AsyncIterator[OutboxEntry]:
        """Everything that is to be published to ``audience``, whoever its owner, by rising id."""
        async for document in self._documents("outbox", {"audience": audience.value}):
            yield to_entry(document)

    async def stored_audit(self) -> AsyncIterator[AuditEntry]:
        """Every change that people and operators made, whatever its namespace, by rising id."""
        async for document in self._documents("audit", {}):
            yield fleet.to_entry(document)

    async def stored_keys(self) -> Mapping[str, bytes]:
        """All secret keys by name."""
        return {each["_id"]: bytes(each["key"]) for each in await self._database.collection("keys").find({})}

    async def begin_import(self) -> None:
        """Mark the store as one that holds a part of something; see `orchestrator.transfer.store.TransferStore`."""
        where = self._database.where
        # Before and after: whatever happens here, no store that is in use is left with a mark.
        await self._require_empty()
        if not await schema.mark(self._database):
            raise ConflictError(f"something is being imported into {where} already; let it finish")
        try:
            await self._require_empty()
        except ConflictError:
            await schema.unmark(self._database)
            raise

    async def require_whole(self) -> None:
        """Raise `StoreError` if the store holds a part of an import, which is under way or did not come to its end."""
        await schema.require_whole(self._database)

    async def restore(self, records: Sequence[Record]) -> None:
        """Write records as they are. Raises `StoreError` if one can't be; some of the others may have been written."""
        writes: dict[str, list[Operation]] = defaultdict(list)
        for record in records:
            for name, operation in _writes_of(record):
                writes[name].append(operation)
        for name, operations in writes.items():
            await self._write_all(name, operations)
        await self._write_all("logs", await self._lines([record for record in records if isinstance(record, Line)]))
        for record in records:
            if isinstance(record, HeldPayload):
                await self._write_payload(record)

    async def end_import(self) -> None:
        """Take the mark away: the store is whole."""
        await schema.unmark(self._database)

    async def _require_empty(self) -> None:
        if not await self.is_empty():
            raise ConflictError(f"{self._database.where} is not empty; set DB_NAME to a new database")

    async def _documents(
        self, name: str, wanted: Document, fields: Mapping[str, int] | None = None
    ) -> AsyncIterator[Document]:
        """All documents that fit, by their keys."""
        collection = self._database.collection(name)
        bounds: Document = {}
        while found := await collection.find({**wanted, **bounds}, fields, sort=[("_id", 1)], limit=_AT_ONCE):
            for document in found:
                yield document
            bounds = {"_id": {"$gt": found[-1]["_id"]}}

    async def _write_all(self, name: str, operations: Sequence[Operation]) -> None:
        for start in range(0, len(operations), _AT_ONCE):
            written = await self._database.collection(name).write(operations[start : start + _AT_ONCE])
            for code in written.refused.values():
                problem = "is larger than MongoDB holds in a document" if code in TOO_LARGE else "is there already"
                raise StoreError(f"{self._database.where} can't take one of {name}, which {problem}")

    async def _lines(self, lines: Sequence[Line]) -> list[Operation]:
        """What writes log lines, in their order, with what each says of its run."""
        keys = {to_key(each.run_id) for each in lines}
        runs = await self._runs.find({"_id": {"$in": list(keys)}}, {"namespace": 1, "pipeline": 1}) if keys else []
        owners = {str(run["_id"]): (run["namespace"], run["pipeline"]) for run in runs}
        return [
            InsertOne(owned_line(each.run_id, *owners[each.run_id], each.line) | {"rev": 0, "place": self._places()})
            for each in lines
        ]

    async def _write_payload(self, held: HeldPayload) -> None:
        first, *others = held.holders
        for run_id in held.holders:
            await note_unless_made(self._database, run_id)
        collection = self._database.collection("payloads")
        for write in payload_writes(first, held.payload):
            await collection.write([write])
        await collection.update(
            {"_id": first_chunk(held.payload.id)}, {"$addToSet": {"holders": {"$each": list(map(to_key, others))}}}
        )


def _writes_of(record: Record) -> Sequence[tuple[str, Operation]]:
    """The collections that a record is written to, and how; none for lines and payloads, which take more than that."""
    match record:
        case Key():
            return [("keys", ReplaceOne({"_id": record.name}, {"key": record.content}, upsert=True))]
        case PackagedTypeRecord():
            return [("node_types", InsertOne(from_packaged_type(record)))]
        case PipelineRecord():
            return [("pipelines", InsertOne(from_record(record)))]
        case VersionRecord():
            return [("pipeline_versions", InsertOne(from_version(record)))]
        case Schedule():
            return [("schedules", InsertOne(from_schedule(record)))]
        case StoredRun():
            return [("runs", InsertOne(_from_run(record)))]
        case Item():
            item = from_item(record.run_id, item_scope(record.loop, record.position), record.scope, 0)
            return [("loop_items", InsertOne(item))]
        case InboxEntry():
            return [("inbox", InsertOne(inbox.from_entry(record)))]
        case OutboxEntry():
            return [("outbox", InsertOne(entry_document(record)))]
        case AuditEntry():
            return [("audit", InsertOne(fleet.from_entry(record)))]
        case Line() | HeldPayload():
            return []
        case _:
            assert_never(record)


def _from_run(stored: StoredRun) -> Document:
    nodes = {node: {**from_node(state), "rev": stored.node_revs[node]} for node, state in stored.run.root.nodes.items()}
    return {**from_origin(stored.run.origin), **from_head(commit_of(stored)), "nodes": nodes}
