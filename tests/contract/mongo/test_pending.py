"""A process that dies between the one atomic change of a commit and what follows from it: nothing is lost, nothing stays open."""

import pytest

from flume.errors import UnavailableError
from flume.ids import Instance, Millis, NodeId, ScopePath
from orchestrator.records import inline
from orchestrator.state import LoopState, NodeState, NodeStatus, RunStatus, Scope, SingleOutput
from orchestrator.store import Audience, OutboxEntry, Verdict
from orchestrator.stores.mongo.pending import FORGOTTEN_MS, INLINE_BYTES, apply_found
from orchestrator.transfer.exporting import records_of
from orchestrator.transfer.store import HeldPayload, Item
from tests.contract.sqlite.building import commit_of, run_id

EACH = Instance("each")
EVENT = OutboxEntry("e.completed", Audience.HERE, "dead", Millis(5), {"id": "e"})


def scope(started_at=1, **facts):
    return Scope(RunStatus.RUNNING, {}, {}, 0, started_at=Millis(started_at), **facts)


def step(expected_rev=0, **facts):
    """A commit of a run whose loop has its item 0 under way."""
    loop = NodeState(NodeStatus.RUNNING, loop=LoopState(1, next=1, active=(0,)))
    plain = {
        "owner": "dead",
        "nodes": {NodeId("each"): loop},
        "items": {ScopePath("each[0]"): scope()},
        "outbox": (EVENT,),
    }
    return commit_of(1, expected_rev, **(plain | facts))


def large_items(count=20):
    """Items whose values are too many for the run's document."""
    value = inline("x" * (INLINE_BYTES // 10))
    return {ScopePath(f"each[{n}]"): scope(output=SingleOutput(NodeId("a"), value)) for n in range(count)}


async def events(store, owner="dead"):
    return [entry.id for entry in await store.read_outbox(owner, Audience.HERE, limit=10)]


async def items(store):
    return [position for position, _ in await store.read_items(run_id(1), EACH)]


async def pending(database):
    return await database.collection("runs").count({"pending": {"$exists": True}})


async def spilled(database):
    return await database.collection("payloads").count({})


@pytest.fixture
def die(database, store):
    """Lets the store commit and fail before it has done what follows."""

    async def commit(*commits):
        database.breaks("loop_items", "outbox")
        with pytest.raises(UnavailableError):
            await store.commit(commits)
        database.mend()
        assert await pending(database) == 1
        assert await events(store) == []

    return commit


CLAIMS = {
    "of many": lambda store: store.claim_runs("me", now=9, live_owners=["me"], commit_id="c", limit=5),
    "of one": lambda store: store.claim_run(run_id(1), "me", live_owners=["me"], commit_id="c"),
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS.keys())
@pytest.mark.parametrize("extent", ["few", "many"])
async def test_the_replica_that_claims_the_run_does_what_is_left(die, other_store, database, claim, extent):
    await die(step(**({"items": large_items()} if extent == "many" else {})))
    assert await items(other_store) == []
    assert await claim(other_store)
    assert (await pending(database), await spilled(database)) == (0, 0)
    assert len(await items(other_store)) == (20 if extent == "many" else 1)
    assert list((await other_store.load_run(run_id(1))).run.scopes) == ["", "each[0]"]
    assert await events(other_store) == [EVENT.id]


async def test_the_same_list_again_does_what_is_left(die, store, database):
    commit = step()
    await die(commit)
    (result,) = await store.commit([commit])
    assert result.verdict is Verdict.WON
    assert (await items(store), await events(store), await pending(database)) == ([0], [EVENT.id], 0)


async def test_an_owner_that_loads_its_run_after_an_error_finds_it_whole(die, store, database):
    await die(step())
    assert list((await store.load_run(run_id(1))).run.scopes) == ["", "each[0]"]
    assert (await events(store), await pending(database)) == ([EVENT.id], 0)


async def test_what_the_last_commit_of_a_run_left_is_done_by_whoever_notices(die, other_store, database, time):
    await die(step(status=RunStatus.COMPLETED))
    await other_store.take_over_outbox("me", live_owners=["me", "dead"])
    assert await events(other_store) == []
    time.now += FORGOTTEN_MS + 1
    assert await other_store.take_over_outbox("me", live_owners=["me"]) == 1
    assert (await items(other_store), await events(other_store, "me"), await pending(database)) == ([0], [EVENT.id], 0)


async def test_events_that_were_left_outlive_their_run(die, other_store):
    await die(step(status=RunStatus.COMPLETED, expires_at=Millis(5)))
    assert await other_store.delete_expired(Millis(9), limit=5) == 1
    assert (await items(other_store), await events(other_store)) == ([], [EVENT.id])


async def test_an_owner_that_wakes_up_late_puts_no_old_state_over_a_new_one(die, store, other_store):
    old, new = step(items={ScopePath("each[0]"): scope(1)}), {ScopePath("each[0]"): scope(2)}
    await die(old)
    await other_store.claim_runs("me", now=9, live_owners=["me"], commit_id="c", limit=5)
    await other_store.commit([step(2, items=new, owner="me", outbox=())])
    (result,) = await store.commit([old])
    assert result.verdict is Verdict.LOST
    ((_, item),) = await store.read_items(run_id(1), EACH)
    assert item.started_at == 2


async def test_changes_that_are_carried_out_late_leave_later_ones_alone(die, other_store, database):
    await die(step(items={ScopePath("each[0]"): scope(1)}))
    found = await database.collection("runs").find({})
    await other_store.claim_runs("me", now=9, live_owners=["me"], commit_id="c", limit=5)
    await other_store.commit([step(2, items={ScopePath("each[0]"): scope(2)}, owner="me", outbox=())])
    await apply_found(database, found)
    ((_, item),) = await other_store.read_items(run_id(1), EACH)
    assert item.started_at == 2


async def test_a_commit_with_more_changes_than_a_document_holds_is_carried_out(store, database):
    (result,) = await store.commit([step(items=large_items(200))])
    assert result.verdict is Verdict.WON
    assert await items(store) == list(range(200))
    assert (await pending(database), await spilled(database)) == (0, 0)


async def test_what_is_carried_out_at_once_does_not_stay_in_the_document_of_a_run_that_nobody_goes_on_with(
    store, database
):
    await store.commit([step(owner=None, outbox=())])
    assert await pending(database) == 0


@pytest.mark.parametrize("items_of_step", [{ScopePath("each[0]"): scope()}, large_items()], ids=["few", "many"])
async def test_an_export_holds_what_was_left_undone_and_nothing_of_how_it_was_kept(store, die, items_of_step):
    await die(step(items=items_of_step))
    records = [record async for record in records_of(store, pytest.fail)]
    assert sorted(each.position for each in records if isinstance(each, Item)) == list(range(len(items_of_step)))
    assert [each.id for each in records if isinstance(each, OutboxEntry)] == [EVENT.id]
    assert not any(isinstance(each, HeldPayload) for each in records)
