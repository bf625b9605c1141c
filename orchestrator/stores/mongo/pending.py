"""What a commit changes outside of the run's own document: loop items, and events to publish.

MongoDB changes one document at a time. So a commit writes these changes into the run's document, together with the step
itself, and carries them out afterwards; if its process dies in between, whoever claims the run does so first, and for a
run that nobody will claim, `apply_forgotten`. Each change may be carried out twice and late: an item is replaced only by
a later state of it, and an event that is published twice is what its receivers expect anyway.

More than `INLINE_BYTES` of changes are written as a payload before the commit, to which the document then refers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bson
from pymongo import ReplaceOne, UpdateOne

from orchestrator.store import Commit, OutboxEntry, Payload
from orchestrator.stores.mongo.database import CODEC, Database, Operation, together
from orchestrator.stores.mongo.documents import from_item
from orchestrator.stores.mongo.payloads import read_payload, release_payload
from orchestrator.stores.mongo.values import Document, bounded, to_date, to_json

INLINE_BYTES = 1024 * 1024

FORGOTTEN_MS = 15_000
"""Changes that have waited for so long are carried out by whoever sees them. A process that is only slow loses nothing by it."""

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Pending:
    """The changes of one commit. ``spilled`` is their payload if they are too many for the run's document."""

    items: Sequence[Any] = ()
    outbox: Sequence[Any] = ()
    spilled: Payload | None = None

    def document(self, now: int) -> Document:
        """The field of the run's document."""
        if self.spilled is not None:
            return {"at": to_date(now), "payload": self.spilled.id}
        return {"at": to_date(now), "items": self.items, "outbox": self.outbox}


def pending_of(commit: Commit) -> Pending | None:
    """The changes of a commit; None if there are none. Raises for what can't be written down."""
    if not commit.items and not commit.outbox:
        return None
    items = [bounded(from_item(commit.run.id, path, scope, commit.rev)) for path, scope in commit.items.items()]
    outbox = [bounded(entry_document(entry)) for entry in commit.outbox]
    if sum(len(each.raw) for each in (*items, *outbox)) <= INLINE_BYTES:
        return Pending(items, outbox)
    content = bson.encode({"items": items, "outbox": outbox})
    return Pending(items, outbox, Payload(commit.id, content, "application/bson"))


async def apply_pending(database: Database, pending: Sequence[Pending]) -> None:
    """Carry changes out."""
    await together(
        database.collection("loop_items").keep([item for each in pending for item in each.items], _replacement_of),
        database.collection("outbox").keep([entry for each in pending for entry in each.outbox]),
    )


async def apply_found(database: Database, runs: Sequence[Document]) -> None:
    """Carry out what documents of runs say is pending, which is left there; see `clear`."""
    found = [await _read(database, run["pending"]) for run in runs if "pending" in run]
    await apply_pending(database, found)


async def clear(database: Database, runs: Sequence[Document]) -> None:
    """Let runs forget changes that were carried out, unless they have moved on."""
    runs = [run for run in runs if "pending" in run]
    operations: list[Operation] = [
        UpdateOne({"_id": run["_id"], "rev": run["rev"]}, {"$unset": {"pending": ""}}) for run in runs
    ]
    await database.collection("runs").write(operations)
    await release_spilled(database, runs)


async def release_spilled(database: Database, runs: Sequence[Document]) -> None:
    """Delete the payloads of changes that were carried out and are not in the runs' documents any more."""
    for run in runs:
        if "payload" in run.get("pending", ()):
            await release_payload(database.collection("payloads"), str(run["_id"]), run["pending"]["payload"])


async def apply_forgotten(database: Database, now: int) -> None:
    """Carry out what processes that died have left."""
    collection = database.collection("runs")
    late = {"pending.at": {"$lt": to_date(now - FORGOTTEN_MS)}}
    while found := await collection.find(late, {"rev": 1, "pending": 1}, sort=[("pending.at", 1)], limit=_AT_ONCE):
        await apply_found(database, found)
        await clear(database, found)


async def _read(database: Database, field: Document) -> Pending:
    if "payload" not in field:
        return Pending(field["items"], field["outbox"])
    payload = await read_payload(database.collection("payloads"), field["payload"])
    if payload is None:
        # Whoever has deleted it had carried it out.
        return Pending()
    content: Document = bson.decode(payload.content, CODEC)
    return Pending(content["items"], content["outbox"])


def _replacement_of(item: Any) -> Operation:
    """An item takes the place of an earlier state of it, never of a later one."""
    return ReplaceOne({"_id": item["_id"], "rev": {"$lt": item["rev"]}}, item)


def entry_document(entry: OutboxEntry) -> Document:
    """An event that is to be published."""
    return {
        "_id": outbox_key(entry),
        "owner": entry.owner,
        "audience": entry.audience.value,
        "at": to_date(entry.at),
        "id": entry.id,
        "event": to_json(entry.event),
    }


def outbox_key(entry: OutboxEntry) -> str:
    """The ``_id`` of an entry: each audience has its own, in the order of their ids."""
    return f"{entry.audience.value}/{entry.id}"
