"""Payloads that one replica deletes while another keeps them, and what a database that is new can do."""

import asyncio

import pytest

from orchestrator.store import Payload
from orchestrator.stores.mongo import payloads
from orchestrator.stores.mongo.indexes import INDEXES
from tests.contract.sqlite.building import run_id

ID = "d" * 24
BEFORE, AFTER = Payload(ID, b"before" * 5), Payload(ID, b"after!" * 5)


class Waiting:
    """A collection in which one call waits: ``is_there`` says that it does, and it goes on after ``may_go_on``."""

    def __init__(self, collection, name):
        self._collection, self._name = collection, name
        self.is_there, self.may_go_on = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name):
        call = getattr(self._collection, name)
        if name != self._name:
            return call

        async def wait(*arguments, **options):
            self.is_there.set()
            await self.may_go_on.wait()
            return await call(*arguments, **options)

        return wait


@pytest.mark.parametrize("call", ["delete", "delete_all"])
async def test_what_is_saved_again_while_it_is_deleted_stays(store, database, other_store, monkeypatch, call):
    monkeypatch.setattr(payloads, "CHUNK_BYTES", 10)
    await store.save_payload(run_id(1), BEFORE)
    waiting = Waiting(database.now("payloads"), call)
    database.puts("payloads", waiting)
    releasing = asyncio.create_task(store.release_payloads(run_id(1), [ID]))
    async with asyncio.timeout(10):
        await waiting.is_there.wait()

    await other_store.save_payload(run_id(1), AFTER)
    waiting.may_go_on.set()
    await releasing

    assert await other_store.read_payload(ID) == AFTER


async def test_all_of_what_nobody_keeps_is_deleted(store, database, monkeypatch):
    monkeypatch.setattr(payloads, "CHUNK_BYTES", 10)
    await store.save_payload(run_id(1), BEFORE)
    await store.save_payload(run_id(1), AFTER)
    await store.release_payloads(run_id(1), [ID])
    assert await database.collection("payloads").count({}) == 0


async def test_a_new_database_has_all_its_collections(open_database):
    first, second = await asyncio.gather(open_database(), open_database())
    for name in INDEXES:
        assert await first.collection(name).delete_all({}) == 0
        assert await second.collection(name).count({}) == 0
