from orchestrator.state import RunStatus


async def test_entries_come_back_the_oldest_first(store, build, keep):
    await keep(build.run(1))
    await keep(build.run(2))
    for number in (3, 1, 2):
        assert await store.put_inbox(build.entry(number))
    await store.put_inbox(build.entry(4, run=2))
    assert await store.read_inbox(build.run_id(1)) == (build.entry(1), build.entry(2), build.entry(3))


async def test_the_same_thing_is_kept_once(store, build, keep):
    await keep(build.run(1))
    assert await store.put_inbox(build.entry(1, instance="fetch"))
    assert not await store.put_inbox(build.entry(2, instance="fetch", body={"later": True}))
    assert await store.put_inbox(build.entry(3, instance="fetch", attempt=2))
    assert await store.put_inbox(build.entry(4, instance="fetch", kind="cancel"))
    assert [entry.id for entry in await store.read_inbox(build.run_id(1))] == [
        build.entry(number).id for number in (1, 3, 4)
    ]


async def test_nothing_is_kept_for_a_run_that_has_ended_or_does_not_exist(store, build, keep):
    await keep(build.run(1, RunStatus.COMPLETED, completed_at=1))
    assert not await store.put_inbox(build.entry(1))
    assert not await store.put_inbox(build.entry(2, run=2))
    assert await store.read_inbox(build.run_id(1)) == ()


async def test_an_owner_finds_its_runs_for_which_entries_wait(store, build, keep):
    for number, owner in ((1, "me"), (2, "me"), (3, "you"), (4, "me"), (5, None)):
        await keep(build.run(number), owner=owner)
    for number, run in enumerate((2, 1, 1, 3, 5), start=1):
        await store.put_inbox(build.entry(number, run=run))
    assert set(await store.inbox_runs("me", limit=10)) == {build.run_id(1), build.run_id(2)}
    assert len(await store.inbox_runs("me", limit=1)) == 1
    assert await store.inbox_runs("nobody", limit=10) == ()
