import pytest

from flume.ids import Instance
from orchestrator.state import RunStatus
from orchestrator.store import LogFilter, Payload


async def end(store, build, keep, number, *, expires_at=100, **facts):
    commit = {key: facts.pop(key) for key in ("payloads", "logs") if key in facts}
    await keep(build.run(number, RunStatus.COMPLETED, completed_at=1, **facts), expires_at=expires_at, **commit)


async def numbers(store):
    return [int(stored.run.id, 16) async for stored in store.stored_runs()]


async def test_runs_whose_time_has_come_are_deleted(store, build, keep):
    await end(store, build, keep, 1, expires_at=100)
    await end(store, build, keep, 2, expires_at=101)
    await end(store, build, keep, 3, expires_at=None)
    await keep(build.run(4))
    assert await store.delete_expired(100, limit=10) == 1
    assert await numbers(store) == [2, 3, 4]


async def test_no_more_than_the_limit_is_deleted_the_earliest_first(store, build, keep):
    for number, expires_at in ((1, 30), (2, 10), (3, 20)):
        await end(store, build, keep, number, expires_at=expires_at)
    assert await store.delete_expired(100, limit=2) == 2
    assert await numbers(store) == [1]
    assert await store.delete_expired(100, limit=2) == 1
    assert await store.delete_expired(100, limit=2) == 0


async def test_all_that_hangs_on_a_run_goes_with_it(store, build, keep):
    await end(
        store,
        build,
        keep,
        1,
        start_key="key:1",
        nodes={"fetch": build.node()},
        items={"each[0]": build.scope(), "each[0].inner[0]": build.scope()},
        payloads=(Payload("d" * 24, b"1"),),
        logs=(build.line(0),),
    )
    await store.save_payload(build.run_id(1), Payload("e" * 24, b"2"))
    await store.delete_expired(100, limit=1)
    assert await store.load_run(build.run_id(1)) is None
    assert await store.find_start(build.pipeline_id, "key:1") is None
    assert await store.read_payload("d" * 24) is None
    assert await store.read_payload("e" * 24) is None
    assert await store.read_items(build.run_id(1), Instance("each")) == []
    assert await store.read_items(build.run_id(1), Instance("each[0].inner")) == []
    assert (await store.read_logs(build.run_id(1))).items == ()
    assert (await store.search_logs(LogFilter("default"), limit=5)).items == ()


@pytest.mark.slow
async def test_a_run_with_thousands_of_children_is_deleted_whole(store, build, keep):
    items = {f"each[{index}]": build.scope(RunStatus.COMPLETED) for index in range(1201)}
    await end(store, build, keep, 1, items=items, logs=tuple(build.line(number) for number in range(1201)))
    await end(store, build, keep, 2, expires_at=900, items={"each[0]": build.scope()}, logs=(build.line(0),))
    assert await store.delete_expired(100, limit=1) == 1
    assert await store.read_items(build.run_id(1), Instance("each")) == []
    assert (await store.read_logs(build.run_id(1))).items == ()
    assert len(await store.read_items(build.run_id(2), Instance("each"))) == 1
    assert len((await store.read_logs(build.run_id(2))).items) == 1


async def test_a_run_goes_when_its_time_comes_though_another_was_made_from_it(store, build, keep):
    await end(store, build, keep, 1, expires_at=10)
    await end(store, build, keep, 2, expires_at=50, retry_of=build.run_id(1))
    assert await store.delete_expired(20, limit=10) == 1
    assert await numbers(store) == [2]


async def test_a_payload_goes_with_the_last_run_that_keeps_it(store, build, keep):
    shared, own = Payload("d" * 24, b"1"), Payload("e" * 24, b"2")
    await end(store, build, keep, 1, expires_at=10, payloads=(shared, own))
    assert await store.keep_payloads(build.run_id(2), [shared.id])
    await end(store, build, keep, 2, expires_at=50, retry_of=build.run_id(1))
    await store.delete_expired(20, limit=10)
    assert (await store.read_payload(shared.id), await store.read_payload(own.id)) == (shared, None)
    await store.delete_expired(60, limit=10)
    assert await store.read_payload(shared.id) is None


async def test_a_payload_stays_with_its_first_run_when_the_run_that_kept_it_too_goes(store, build, keep):
    payload = Payload("d" * 24, b"1")
    await end(store, build, keep, 1, expires_at=50, payloads=(payload,))
    for _ in range(2):
        assert await store.keep_payloads(build.run_id(2), [payload.id])
    await end(store, build, keep, 2, expires_at=10)
    await store.delete_expired(20, limit=10)
    assert await store.read_payload(payload.id) == payload


async def test_of_payloads_none_is_kept_if_one_is_gone(store, build, keep):
    payload = Payload("d" * 24, b"1")
    await end(store, build, keep, 1, expires_at=10, payloads=(payload,))
    assert not await store.keep_payloads(build.run_id(2), [payload.id, "f" * 24])
    await end(store, build, keep, 2, expires_at=50)
    await store.delete_expired(20, limit=10)
    assert await store.read_payload(payload.id) is None


async def test_payloads_that_were_kept_for_a_run_that_was_never_made_go_after_a_day(store, build, keep):
    payload = Payload("d" * 24, b"1")
    await end(store, build, keep, 1, expires_at=10, payloads=(payload,))
    await store.keep_payloads(build.run_id(2), [payload.id])
    await store.delete_expired(20, limit=10)
    assert await store.read_payload(payload.id) == payload
    await store.delete_expired(25 * 60 * 60 * 1000, limit=10)
    assert await store.read_payload(payload.id) is None


async def test_a_start_key_is_free_again_when_its_run_is_gone(store, build, keep):
    await end(store, build, keep, 1, start_key="key:1")
    await store.delete_expired(100, limit=1)
    await keep(build.run(2, start_key="key:1"))
    assert await store.find_start(build.pipeline_id, "key:1") == (build.run_id(2), None)
