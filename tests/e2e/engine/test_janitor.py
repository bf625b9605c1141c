import pytest

from orchestrator.janitor import BATCH, Janitor
from orchestrator.store import AuditEntry, OrchestratorRecord

DAY_MS = 24 * 3600 * 1000


def entry(number, at):
    return AuditEntry(f"{number:024x}", at, "default", "ada", "10.0.0.1", "pipeline.save", "pipelines/demo")


async def kept(store):
    return [int(each.id, 16) for each in (await store.list_audit("default", limit=500)).items]


@pytest.fixture
async def store(world):
    return world.store


async def test_entries_of_the_audit_log_go_when_they_are_older_than_the_retention(store):
    for number in range(4):
        await store.append_audit(entry(number, number * DAY_MS))
    janitor = Janitor(store, lambda: 3 * DAY_MS, retention_ms=2 * DAY_MS)
    assert not await janitor.clean()
    assert await kept(store) == [3, 2, 1]


async def test_they_stay_for_ever_if_runs_do(store):
    await store.append_audit(entry(1, 0))
    await Janitor(store, lambda: 1000 * DAY_MS, retention_ms=0).clean()
    assert await kept(store) == [1]


async def test_a_full_batch_says_that_more_may_be_left(store):
    for number in range(BATCH + 1):
        await store.append_audit(entry(number, 0))
    janitor = Janitor(store, lambda: DAY_MS, retention_ms=1)
    assert await janitor.clean()
    assert not await janitor.clean()
    assert await kept(store) == []


async def test_a_store_that_is_down_is_tried_again(open_world, fragile):
    async with open_world(wrap=fragile) as world:
        fragile.store.broken, fragile.store.failing = ("delete_expired",), True
        assert not await Janitor(world.store, lambda: DAY_MS, retention_ms=1).clean()


async def test_of_several_replicas_the_eldest_does_it(world):
    await world.store.append_audit(entry(1, 0))
    orchestrator = world.orchestrator
    elder = OrchestratorRecord("elder", "box", 1, 0, orchestrator.clock() + DAY_MS)
    janitor = Janitor(world.store, orchestrator.clock, retention_ms=1, leases=orchestrator.leases)
    await world.store.renew_lease(elder)
    await janitor.clean()
    assert await kept(world.store) == [1]
    await world.store.delete_orchestrator("elder")
    await janitor.clean()
    assert await kept(world.store) == []
