import pytest

from orchestrator.state import RunStatus
from orchestrator.store import Audience, Backlog, Verdict


async def outbox_of(store, owner="me", audience=Audience.HERE, limit=100):
    return [entry.id for entry in await store.read_outbox(owner, audience, limit=limit)]


async def test_entries_are_kept_with_their_commit_and_come_back_the_oldest_first(store, build, keep):
    late, early, same = build.event(1, at=30), build.event(2, at=10), build.event(3, at=10)
    await keep(build.run(1), outbox=(late,))
    await keep(build.run(2), outbox=(same, early))
    assert await store.read_outbox("me", Audience.HERE, limit=100) == (early, same, late)
    assert await store.read_outbox("me", Audience.HERE, limit=2) == (early, same)


async def test_a_commit_that_loses_keeps_nothing(store, build, keep):
    await keep(build.run(1))
    lost = build.commit(build.run(1, RunStatus.COMPLETED), 7, outbox=(build.event(1),))
    (result,) = await store.commit([lost])
    assert result.verdict is Verdict.LOST
    assert await outbox_of(store) == []


async def test_a_start_that_was_made_before_keeps_nothing(store, build, keep):
    await keep(build.run(1, start_key="key:a"))
    (result,) = await store.commit([build.commit(build.run(2, start_key="key:a"), outbox=(build.event(1),))])
    assert result.verdict is Verdict.REPEATED
    assert await outbox_of(store) == []


async def test_the_same_commit_again_brings_back_nothing_that_was_published(store, build):
    commit = build.commit(build.run(1), outbox=(build.event(1),))
    await store.commit([commit])
    await store.delete_outbox([build.event(1)])
    await store.commit([commit])
    assert await outbox_of(store) == []


async def test_what_was_published_is_forgotten_and_may_be_forgotten_again(store, build, keep):
    await keep(build.run(1), outbox=tuple(build.event(number) for number in (1, 2, 3)))
    for _ in range(2):
        await store.delete_outbox([build.event(1), build.event(3), build.event(9)])
    assert await outbox_of(store) == [build.event(2).id]
    await store.delete_outbox([])


async def test_an_owner_sees_its_own_and_takes_over_those_of_the_dead(store, build, keep):
    events = [build.event(1), build.event(2, owner="dead"), build.event(3, owner="you"), build.event(4, owner="gone")]
    await keep(build.run(1), outbox=tuple(events))
    assert await outbox_of(store) == [events[0].id]
    assert await store.take_over_outbox("me", live_owners=["me", "you"]) == 2
    assert await outbox_of(store) == [events[0].id, events[1].id, events[3].id]
    assert await outbox_of(store, "you") == [events[2].id]
    assert await store.take_over_outbox("me", live_owners=["me", "you"]) == 0


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.FAILED])
async def test_entries_outlive_their_run(store, build, keep, status):
    await keep(build.run(1, status, completed_at=5), expires_at=10, outbox=(build.event(1),))
    assert await store.delete_expired(100, limit=10) == 1
    assert await outbox_of(store) == [build.event(1).id]


async def test_an_event_waits_for_each_audience_by_itself(store, build, keep):
    here, outside = build.event(1), build.event(1, audience=Audience.OUTSIDE)
    await keep(build.run(1), outbox=(here, outside))
    await store.delete_outbox([here])
    assert await outbox_of(store) == []
    assert await store.read_outbox("me", Audience.OUTSIDE, limit=10) == (outside,)


async def test_reading_goes_on_behind_an_entry_also_one_that_is_gone(store, build, keep):
    events = [build.event(1, at=20), build.event(2, at=10), build.event(3, at=10)]
    await keep(build.run(1), outbox=tuple(events))
    await store.delete_outbox([events[1]])
    assert await store.read_outbox("me", Audience.HERE, limit=10, after=events[1]) == (events[2], events[0])
    assert await store.read_outbox("me", Audience.HERE, limit=10, after=events[2]) == (events[0],)
    assert await store.read_outbox("me", Audience.HERE, limit=10, after=events[0]) == ()


async def test_of_an_audience_what_is_older_than_a_moment_is_dropped(store, build, keep):
    old, new = (build.event(n, at=n, audience=Audience.OUTSIDE) for n in (1, 2))
    others = build.event(3, at=1), build.event(4, at=1, audience=Audience.OUTSIDE, owner="you")
    await keep(build.run(1), outbox=(old, new, *others))
    assert await store.drop_outbox("me", Audience.OUTSIDE, before=2) == 1
    assert await outbox_of(store, audience=Audience.OUTSIDE) == [new.id]
    assert (await outbox_of(store), await outbox_of(store, "you", Audience.OUTSIDE)) == ([others[0].id], [others[1].id])


async def test_what_waits_is_counted_by_audience_with_its_oldest(store, build, keep):
    assert await store.outbox_backlogs("me") == {}
    outside = [build.event(n, audience=Audience.OUTSIDE) for n in (2, 3)]
    await keep(build.run(1), outbox=(build.event(9, owner="you"), *outside))
    assert await store.outbox_backlogs("me") == {Audience.OUTSIDE: Backlog(2, outside[0].at)}
