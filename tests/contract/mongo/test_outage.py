"""A server that is killed and started again: what was acknowledged is there, and the store goes on by itself."""

import asyncio
import time

import pytest

from flume.errors import StoreError, UnavailableError
from orchestrator.store import Verdict
from orchestrator.stores.mongo.database import ATTEMPT_MS
from orchestrator.stores.mongo.store import MongoStore
from tests.contract.sqlite.building import commit_of, run_id
from tests.servers.mongodb import url_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("sockets_forgotten")]

TASKS = 20


def impatient(server):
    return f"{url_of(server)}&serverSelectionTimeoutMS=2000"


class Work:
    """Runs that are moved on, each as fast as the store allows, until the store fails; ``acknowledged`` is what it said."""

    def __init__(self, store):
        self._store = store
        self.acknowledged = dict.fromkeys(range(1, TASKS + 1), 0)

    async def go_on(self):
        await asyncio.gather(*map(self._move, self.acknowledged))

    async def _move(self, number):
        while True:
            rev = self.acknowledged[number]
            try:
                (result,) = await self._store.commit([commit_of(number, rev)])
            except UnavailableError:
                return
            assert result.verdict is Verdict.WON
            self.acknowledged[number] = rev + 1


async def test_what_was_acknowledged_outlives_the_server(mongodb_server):
    async with MongoStore.open(impatient(mongodb_server), "flume") as store:
        work = Work(store)
        for _ in range(2):
            going = asyncio.create_task(work.go_on())
            await asyncio.sleep(0.3)
            mongodb_server.stop()
            await going
            mongodb_server.start()
            for number, rev in work.acknowledged.items():
                stored = await store.load_run(run_id(number))
                # The last one may have been carried out though nobody heard of it; asked again, the store knows.
                assert stored is None if rev == 0 and stored is None else stored.rev in (rev, rev + 1)
                (result,) = await store.commit([commit_of(number, rev)])
                assert result.verdict is Verdict.WON
                work.acknowledged[number] = rev + 1
        assert sum(work.acknowledged.values()) > TASKS


async def test_an_outage_is_told_within_bounds_and_ends_by_itself(mongodb_server):
    async with MongoStore.open(impatient(mongodb_server), "flume") as store:
        await store.commit([commit_of(1)])
        mongodb_server.stop()
        for call in (lambda: store.commit([commit_of(1, 1)]), lambda: store.load_run(run_id(1)), store.check):
            began = time.monotonic()
            with pytest.raises(UnavailableError, match="out of reach"):
                await call()
            assert time.monotonic() - began < ATTEMPT_MS / 1000
        mongodb_server.start()
        (result,) = await store.commit([commit_of(1, 1)])
        assert result.verdict is Verdict.WON
        assert (await store.load_run(run_id(1))).rev == 2


async def test_a_start_without_server_is_an_error_at_once(mongodb_server):
    url = impatient(mongodb_server)
    mongodb_server.stop()
    with pytest.raises(StoreError, match="out of reach"):
        async with MongoStore.open(url, "flume"):
            pass
