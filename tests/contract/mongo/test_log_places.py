"""Lines of several writers: who reads behind a place misses none, whatever the clocks say and whichever write is the faster."""

import pytest

from flume.ids import Instance, Millis
from orchestrator.store import LogLine
from orchestrator.stores.mongo.line_places import keep_lines
from orchestrator.stores.mongo.part import Places, World
from orchestrator.stores.mongo.store import MongoStore
from tests.contract.sqlite.building import commit_of, run_id

BEHIND_MS = 3_600_000


def line(number):
    return LogLine(Instance("say"), 1, number, Millis(1), "info", f"line {number}")


async def read(store, after=None):
    page = await store.read_logs(run_id(1), after=after)
    return [each.sequence for each in page.items], page.cursor


@pytest.fixture
async def behind(open_database, time):
    """A store in another replica, whose clock is an hour behind."""
    return MongoStore(await open_database(), World(clock=lambda: time.now - BEHIND_MS))


async def test_a_line_of_one_whose_clock_is_behind_is_read_behind_those_that_were_there_before(store, behind):
    await store.commit([commit_of(1, owner="me")])
    after = None
    for number in range(0, 6, 2):
        await store.save_logs(run_id(1), [line(number)])
        found, after = await read(store, after)
        assert found == [number]
        await behind.save_logs(run_id(1), [line(number + 1)])
        found, after = await read(store, after)
        assert found == [number + 1]
    assert await read(store) == ([0, 1, 2, 3, 4, 5], after)


async def test_so_is_a_line_that_is_stored_by_a_commit(store, behind):
    await store.commit([commit_of(1, owner="me")])
    await store.save_logs(run_id(1), [line(0)])
    _, after = await read(store)
    await behind.commit([commit_of(1, 1, owner="me", logs=(line(1), line(2)))])
    assert (await read(store, after))[0] == [1, 2]


async def test_a_line_whose_write_was_slower_than_that_of_a_later_one_is_read_behind_it(store, database, time):
    await store.commit([commit_of(1, owner="me")])
    places, logs = Places(World(clock=time)), database.collection("logs")
    early = await _documents(store, database, places)
    await store.save_logs(run_id(1), [line(5)])
    _, after = await read(store)
    await keep_lines(logs, early, places)
    assert (await read(store, after))[0] == [0]


async def _documents(store, database, places):
    """What is written for line 0, and not yet written."""
    await store.save_logs(run_id(1), [line(0)])
    (document,) = await database.collection("logs").find({})
    await database.collection("logs").delete_all({})
    return [{**document, "place": places()}]


async def test_a_line_that_comes_again_stays_where_it_is(store, behind):
    await store.commit([commit_of(1, owner="me")])
    await store.save_logs(run_id(1), [line(0)])
    await store.save_logs(run_id(1), [line(1)])
    await behind.save_logs(run_id(1), [line(0), line(2)])
    assert (await read(store))[0] == [0, 1, 2]
