from orchestrator.state import STATE_VERSION, RunStatus


async def claim(store, *, now=100, alive=("me",), limit=10):
    return await store.claim_runs("me", now=now, live_owners=alive, commit_id="c" * 24, limit=limit)


async def test_a_sleeping_run_is_claimed_when_it_is_due(store, build, keep):
    await keep(build.run(1), wake_at=100)
    await keep(build.run(2), wake_at=101)
    assert await claim(store) == (build.run_id(1),)
    stored = await store.load_run(build.run_id(1))
    assert (stored.owner, stored.rev, stored.wake_at) == ("me", 2, 100)


async def test_a_pending_run_is_claimed_when_it_is_due(store, build, keep):
    await keep(build.run(1, RunStatus.PENDING), wake_at=0)
    assert await claim(store) == (build.run_id(1),)


async def test_a_claimed_run_is_not_claimed_again(store, build, keep):
    await keep(build.run(1), wake_at=1)
    assert await claim(store) == (build.run_id(1),)
    assert await claim(store) == ()


async def test_a_claim_makes_what_the_owner_before_commits_lose(store, build, keep):
    await keep(build.run(1), owner="gone")
    await claim(store)
    (result,) = await store.commit([build.commit(build.run(1), 1, owner="gone")])
    assert result.verdict == "lost"


async def test_a_run_without_owner_due_time_and_entry_is_left_alone(store, build, keep):
    await keep(build.run(1))
    assert await claim(store) == ()


async def test_a_run_without_owner_is_claimed_for_an_inbox_entry(store, build, keep):
    await keep(build.run(1))
    await keep(build.run(2), wake_at=900)
    await keep(build.run(3), owner="me")
    for number in (1, 2, 3):
        await store.put_inbox(build.entry(number, run=number))
    assert await claim(store) == (build.run_id(1), build.run_id(2))


async def test_runs_of_a_lost_owner_are_claimed_and_those_of_a_live_one_are_not(store, build, keep):
    await keep(build.run(1), owner="gone")
    await keep(build.run(2), owner="you", wake_at=1)
    await keep(build.run(3), owner="lost", wake_at=900)
    await keep(build.run(4), owner="me")
    assert await claim(store, alive=("me", "you")) == (build.run_id(1), build.run_id(3))


async def test_an_ended_run_is_never_claimed(store, build, keep):
    await keep(build.run(1, RunStatus.COMPLETED, completed_at=1), owner="gone", wake_at=1)
    await keep(build.run(2, RunStatus.FAILED, completed_at=1), wake_at=1)
    assert await claim(store) == ()
    assert not await store.claim_run(build.run_id(1), "me", live_owners=["me"], commit_id="c")


async def test_the_earliest_due_run_is_claimed_first(store, build, keep):
    await keep(build.run(1), wake_at=30)
    await keep(build.run(2), wake_at=10)
    await keep(build.run(3))
    await store.put_inbox(build.entry(1, run=3, at=20))
    await keep(build.run(4), owner="gone")
    await keep(build.run(5), owner="gone", wake_at=25)
    order = [4, 2, 3, 5, 1]
    assert await claim(store, limit=2) == tuple(build.run_id(number) for number in order[:2])
    assert await claim(store, limit=9) == tuple(build.run_id(number) for number in order[2:])


async def test_a_claim_takes_no_more_than_its_limit(store, build, keep):
    for number in range(1, 8):
        await keep(build.run(number), wake_at=number)
    assert await claim(store, limit=3) == tuple(build.run_id(number) for number in (1, 2, 3))


async def test_a_run_of_newer_code_is_left_alone(store, build, keep):
    newer = STATE_VERSION + 1
    await keep(build.run(1, state_version=newer), wake_at=1)
    await keep(build.run(2, state_version=newer), owner="gone")
    await keep(build.run(3, state_version=newer))
    await store.put_inbox(build.entry(1, run=3))
    assert await claim(store) == ()
    assert not await store.claim_run(build.run_id(1), "me", live_owners=["me"], commit_id="c")


async def test_one_run_is_claimed_if_nobody_alive_owns_it(store, build, keep):
    await keep(build.run(1))
    await keep(build.run(2), owner="gone")
    await keep(build.run(3), owner="you")
    await keep(build.run(4), owner="me")
    claims = [
        await store.claim_run(build.run_id(number), "me", live_owners=["me", "you"], commit_id="c")
        for number in (1, 2, 3, 4, 5)
    ]
    assert claims == [True, True, False, False, False]
    owners = [(stored.owner, stored.rev) async for stored in store.stored_runs()]
    assert owners == [("me", 2), ("me", 2), ("you", 1), ("me", 1)]


async def test_the_unfinished_runs_of_an_owner_are_those_that_it_has_to_go_on_with(store, build, keep):
    await keep(build.run(1), owner="me")
    await keep(build.run(2, RunStatus.PENDING), owner="me", wake_at=900)
    await keep(build.run(3), owner="you")
    await keep(build.run(4))
    await keep(build.run(5, RunStatus.COMPLETED, completed_at=1), owner="me")
    await keep(build.run(6, state_version=STATE_VERSION + 1), owner="me")
    assert sorted(await store.unfinished_runs("me", limit=9)) == [build.run_id(1), build.run_id(2)]
    assert len(await store.unfinished_runs("me", limit=1)) == 1
