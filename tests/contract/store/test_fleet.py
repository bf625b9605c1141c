import asyncio

import pytest

from flume.errors import RequestError


async def test_a_lease_is_written_and_renewed(store, build):
    await store.renew_lease(build.replica("one"))
    await store.renew_lease(build.replica("two", lease_until=5))
    renewed = build.replica("one", lease_until=20_000, version="1.2.3", runs=7)
    await store.renew_lease(renewed)
    replicas = sorted(await store.list_orchestrators(), key=lambda replica: replica.id)
    assert replicas == [renewed, build.replica("two", lease_until=5)]


async def test_a_replica_that_stopped_is_forgotten(store, build):
    await store.renew_lease(build.replica("one"))
    await store.delete_orchestrator("one")
    await store.delete_orchestrator("one")
    assert await store.list_orchestrators() == []


async def test_a_secret_key_is_made_once_for_each_name(store):
    first, again, other = await asyncio.gather(*(store.secret_key(name) for name in ("a", "a", "b")))
    assert len(first) == 32
    assert again == first
    assert other != first
    assert await store.secret_key("a") == first


async def test_changes_are_listed_the_newest_first(store, build):
    changes = [build.change(number, at=number // 2) for number in range(1, 8)]
    changes[0] = build.change(1, at=0, before={"hash": "a"}, after={})
    for change in changes:
        await store.append_audit(change)
    await store.append_audit(build.change(99, namespace="blue"))
    listed, cursor = [], None
    while True:
        page = await store.list_audit("default", limit=2, cursor=cursor)
        listed += page.items
        cursor = page.cursor
        if cursor is None:
            break
    assert listed == changes[::-1]


async def test_changes_of_one_target_are_listed_alone(store, build):
    for number in range(1, 7):
        await store.append_audit(build.change(number, target=f"pipelines/{number % 2}"))
    first = await store.list_audit("default", target="pipelines/1", limit=2)
    rest = await store.list_audit("default", target="pipelines/1", limit=2, cursor=first.cursor)
    assert [int(entry.id, 16) for entry in first.items + rest.items] == [5, 3, 1]


async def test_a_change_is_recorded_once(store, build):
    await store.append_audit(build.change(1))
    await store.append_audit(build.change(1))
    assert (await store.list_audit("default", limit=5)).items == (build.change(1),)


async def test_old_changes_are_deleted_the_oldest_first_whatever_their_namespace(store, build):
    for number, namespace in ((3, "blue"), (1, "default"), (2, "blue"), (4, "default")):
        await store.append_audit(build.change(number, namespace=namespace))
    assert await store.delete_audit(4, limit=2) == 2
    assert [entry.at for entry in (await store.list_audit("blue", limit=5)).items] == [3]
    assert await store.delete_audit(4, limit=2) == 1
    assert [entry.at for entry in (await store.list_audit("default", limit=5)).items] == [4]


async def test_a_cursor_of_the_audit_log_that_is_none_is_refused(store):
    with pytest.raises(RequestError, match="cursor"):
        await store.list_audit("default", limit=1, cursor="x")


async def test_a_store_that_can_be_written_to_passes_its_check(store):
    assert await store.check() is None
