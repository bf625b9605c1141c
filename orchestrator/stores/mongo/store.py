"""The store for many replicas: one MongoDB database, which any number of processes use together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orchestrator.stores.mongo import schema
from orchestrator.stores.mongo.claims import Claims
from orchestrator.stores.mongo.commits import Commits
from orchestrator.stores.mongo.database import Database
from orchestrator.stores.mongo.fleet import Fleet
from orchestrator.stores.mongo.inbox import Inbox
from orchestrator.stores.mongo.items import Items
from orchestrator.stores.mongo.listing import RunLists
from orchestrator.stores.mongo.logs import Logs
from orchestrator.stores.mongo.outbox import Outbox
from orchestrator.stores.mongo.packaged_types import PackagedTypes
from orchestrator.stores.mongo.part import World
from orchestrator.stores.mongo.payloads import Payloads
from orchestrator.stores.mongo.pipelines import Pipelines
from orchestrator.stores.mongo.retention import Retention
from orchestrator.stores.mongo.runs import Runs
from orchestrator.stores.mongo.schedules import Schedules
from orchestrator.stores.mongo.statistics import Statistics
from orchestrator.stores.mongo.transfer import Transfer


class MongoStore(
    Commits,
    Runs,
    RunLists,
    Claims,
    Items,
    Payloads,
    Logs,
    Inbox,
    Outbox,
    Statistics,
    Retention,
    Pipelines,
    Schedules,
    Fleet,
    PackagedTypes,
    Transfer,
):
    """`orchestrator.transfer.store.TransferStore` on MongoDB. `open` makes one; it belongs to the event loop it was made in."""

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, name: str, *, world: World | None = None) -> AsyncIterator["MongoStore"]:
        """The store in database ``name`` of the server at ``url``; its connections are closed at the end of the block.

        Raises `StoreError` if the server can't be used as ``url`` says, or if what is there can't be.
        """
        database = await Database.open(url, name)
        try:
            # In this order: an index of another Flume's database is none of ours.
            await schema.bring(database)
            await database.make_collections()
            yield cls(database, world or World())
        finally:
            await database.close()

    async def check(self) -> None:
        """Raise `StoreError` or `UnavailableError` unless the store can be written to."""
        await self._database.collection("schema").update_or_insert("check", {"$inc": {"count": 1}})
