"""Commits of one run that go on from one another in one list."""

import pytest

from flume.errors import StoreError
from orchestrator.store import CommitResult, Payload, Verdict
from tests.contract.sqlite.building import commit_of, run_id

WON = CommitResult(Verdict.WON)
LOST = CommitResult(Verdict.LOST)


async def advanced_by_somebody_else(store):
    """Run 1, which somebody else has brought to the revision that our first step wants to bring it to."""
    assert await store.commit([commit_of(1), commit_of(1, 1, id="other", owner="other")]) == [WON, WON]


async def test_a_commit_loses_with_the_one_that_it_goes_on_from(store):
    await advanced_by_somebody_else(store)
    assert await store.commit([commit_of(1, 1, owner="me"), commit_of(1, 2, owner="me")]) == [LOST, LOST]
    stored = await store.load_run(run_id(1))
    assert (stored.rev, stored.owner) == (2, "other")


async def test_all_of_a_chain_lose_with_its_first_and_other_runs_do_not(store):
    await advanced_by_somebody_else(store)
    await store.commit([commit_of(1, 2, id="other again")])
    chain = [commit_of(1, 1), commit_of(2), commit_of(1, 2), commit_of(1, 3), commit_of(2, 1)]
    assert await store.commit(chain) == [LOST, WON, LOST, LOST, WON]
    assert [(await store.load_run(run_id(number))).rev for number in (1, 2)] == [3, 2]


async def test_a_commit_loses_with_one_that_can_not_be_written(store):
    await advanced_by_somebody_else(store)
    first, second = await store.commit([commit_of(1, 1, wake_at=2**70), commit_of(1, 2)])
    assert (first.verdict, second) == (Verdict.LOST, LOST)
    assert first.error
    first, second = await store.commit([commit_of(1, 1, items={"no scope": None}), commit_of(1, 2)])
    assert first.verdict is second.verdict is Verdict.LOST
    assert (await store.load_run(run_id(1))).rev == 2


async def test_a_step_after_a_start_that_was_made_before_loses(store):
    await store.commit([commit_of(1, start_key="key:1")])
    first, second = await store.commit([commit_of(2, start_key="key:1"), commit_of(2, 1, start_key="key:1")])
    assert (first.verdict, first.run_id, second) == (Verdict.REPEATED, run_id(1), LOST)


async def test_a_commit_alone_goes_on_from_whichever_was_before(store):
    await advanced_by_somebody_else(store)
    assert await store.commit([commit_of(1, 2)]) == [WON]


async def test_a_chain_that_was_carried_out_has_won_when_it_comes_again(store):
    chain = [commit_of(1), commit_of(1, 1), commit_of(1, 2)]
    assert await store.commit(chain) == [WON, WON, WON]
    assert await store.commit(chain) == [WON, WON, WON]
    assert (await store.load_run(run_id(1))).rev == 3


async def test_a_chain_that_was_cut_by_a_full_disk_goes_on_when_it_comes_again(database, store):
    chain = [commit_of(1), commit_of(1, 1, payloads=(Payload("d" * 24, b"x" * 400_000),)), commit_of(1, 2)]

    def no_room(connection):
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        return connection.execute(f"PRAGMA max_page_count = {pages + 8}").fetchone()

    await database.write(no_room)
    with pytest.raises(StoreError):
        await store.commit(chain)
    assert (await store.load_run(run_id(1))).rev == 1
    await database.write(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert await store.commit(chain) == [WON, WON, WON]
