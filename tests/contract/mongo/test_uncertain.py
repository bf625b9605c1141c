"""Calls that were answered with an error though they were carried out, or half: the next call finds out."""

import asyncio
from dataclasses import replace

import pytest

from flume.errors import UnavailableError
from flume.ids import Instance, Millis, NodeId, ScopePath
from orchestrator.records import inline
from orchestrator.state import RunStatus, Scope, SingleOutput
from orchestrator.store import CommitResult, LogLine, Payload, Verdict
from orchestrator.stores.mongo.pending import INLINE_BYTES
from tests.contract.sqlite.building import PIPELINE, commit_of, pipeline, run_id, version

WON = CommitResult(Verdict.WON)


def item_of(size):
    return Scope(RunStatus.RUNNING, {}, {}, 0, output=SingleOutput(NodeId("a"), inline("x" * size)))


async def test_claims_of_which_nobody_heard_are_told_by_the_next_call(store, database):
    await store.commit([commit_of(number, wake_at=1) for number in (1, 2)])
    database.breaks("runs", calls=("write",), is_done_first=True)
    with pytest.raises(UnavailableError):
        await store.claim_runs("me", now=5, live_owners=["me"], commit_id="c", limit=5)
    database.mend()
    found = await store.claim_runs("me", now=5, live_owners=["me"], commit_id="d", limit=5)
    assert sorted(found) == [run_id(1), run_id(2)]
    assert await store.claim_runs("me", now=5, live_owners=["me"], commit_id="e", limit=5) == ()


async def test_claims_that_were_not_made_are_made_later(store, database):
    await store.commit([commit_of(1, wake_at=1)])
    database.breaks("runs", calls=("write",))
    with pytest.raises(UnavailableError):
        await store.claim_runs("me", now=5, live_owners=["me"], commit_id="c", limit=5)
    database.mend()
    assert await store.claim_runs("me", now=5, live_owners=["me"], commit_id="d", limit=5) == ()
    assert await store.claim_runs("me", now=5, live_owners=["me"], commit_id="e", limit=5) == (run_id(1),)


CLAIMS = {
    "of many": lambda store: store.claim_runs("me", now=5, live_owners=["me"], commit_id="c", limit=5),
    "of one": lambda store: store.claim_run(run_id(1), "me", live_owners=["me"], commit_id="c"),
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS.keys())
async def test_claims_whose_last_step_failed_are_told_by_the_next_call(store, database, claim):
    items = {ScopePath(f"each[{n}]"): item_of(INLINE_BYTES // 10) for n in range(20)}
    database.breaks("loop_items")
    with pytest.raises(UnavailableError):
        await store.commit([commit_of(1, items=items, wake_at=1)])
    database.mend()
    database.breaks("payloads", calls=("update",))
    with pytest.raises(UnavailableError):
        await claim(store)
    database.mend()
    assert await store.claim_runs("me", now=5, live_owners=["me"], commit_id="d", limit=5) == (run_id(1),)


async def test_a_claim_that_is_under_way_is_not_given_up_by_another_call(store, database):
    await store.commit([commit_of(1, wake_at=1)])
    begun, goes_on = asyncio.Event(), asyncio.Event()
    runs = database.now("runs")

    class Late:
        """Writes when it is let, and is not heard of."""

        async def write(self, operations):
            begun.set()
            await goes_on.wait()
            await runs.write(operations)
            raise UnavailableError("the connection is gone")

        def __getattr__(self, name):
            return getattr(runs, name)

    database.puts("runs", Late())
    claiming = asyncio.create_task(CLAIMS["of one"](store))
    await begun.wait()
    assert await store.claim_runs("me", now=0, live_owners=["me"], commit_id="d", limit=5) == ()
    goes_on.set()
    with pytest.raises(UnavailableError):
        await claiming
    database.mend()
    assert await store.claim_runs("me", now=5, live_owners=["me"], commit_id="e", limit=5) == (run_id(1),)


@pytest.mark.parametrize("is_done_first", [True, False])
async def test_a_list_that_ended_with_an_error_tells_who_won_when_it_comes_again(store, database, is_done_first):
    commits = [commit_of(1), commit_of(1, 1), commit_of(2), commit_of(1, 2)]
    database.breaks("runs", calls=("write",), is_done_first=is_done_first)
    with pytest.raises(UnavailableError):
        await store.commit(commits)
    database.mend()
    assert await store.commit(commits) == [WON] * 4
    assert await store.commit(commits) == [WON] * 4
    assert [(await store.load_run(run_id(number))).rev for number in (1, 2)] == [3, 1]


async def test_a_later_commit_does_not_go_on_from_a_rivals(store):
    await store.commit([commit_of(1)])
    await store.commit([commit_of(1, 1, id="rival")])
    results = await store.commit([commit_of(1, 1), commit_of(1, 2)])
    assert [result.verdict for result in results] == [Verdict.LOST, Verdict.LOST]
    assert (await store.load_run(run_id(1))).rev == 2


async def test_a_start_that_was_made_before_leaves_no_payload(store, database):
    await store.commit([commit_of(1, start_key="key:1")])
    again = commit_of(2, start_key="key:1", payloads=(Payload("d" * 24, b"1"),))
    (result,) = await store.commit([again])
    assert (result.verdict, result.run_id) == (Verdict.REPEATED, run_id(1))
    assert await store.read_payload("d" * 24) is None


async def test_payloads_of_a_run_that_was_never_made_go_after_a_day(store, database):
    database.breaks("runs", calls=("write",))
    with pytest.raises(UnavailableError):
        await store.commit([commit_of(1, payloads=(Payload("d" * 24, b"1"),))])
    database.mend()
    assert await store.read_payload("d" * 24) is not None
    await store.delete_expired(25 * 60 * 60 * 1000, limit=5)
    assert await store.read_payload("d" * 24) is None


async def test_a_payload_that_lost_its_last_keeper_is_gone_though_the_process_died_before_it_was_deleted(
    store, database
):
    await store.save_payload(run_id(1), Payload("d" * 24, b"1"))
    database.breaks("payloads", calls=("delete", "delete_all"))
    with pytest.raises(UnavailableError):
        await store.release_payloads(run_id(1), ["d" * 24])
    database.mend()
    await store.delete_expired(5, limit=5)
    assert await database.collection("payloads").count({}) == 0


async def test_a_payload_that_lost_its_last_keeper_can_not_be_kept_any_more(store, database):
    await store.save_payload(run_id(1), Payload("d" * 24, b"1"))
    database.breaks("payloads", calls=("delete", "delete_all"))
    with pytest.raises(UnavailableError):
        await store.release_payloads(run_id(1), ["d" * 24])
    database.mend()
    assert not await store.keep_payloads(run_id(2), ["d" * 24])


async def test_a_commit_that_loses_rewrites_no_line_of_a_later_one(store):
    def line(message):
        return (LogLine(Instance("a"), 1, 0, Millis(1), "info", message),)

    await store.commit([commit_of(1), commit_of(1, 1), commit_of(1, 2, logs=line("right"))])
    (result,) = await store.commit([commit_of(1, 1, id="late", logs=line("wrong"))])
    assert result.verdict is Verdict.LOST
    assert [each.message for each in (await store.read_logs(run_id(1))).items] == ["right"]


async def test_a_version_is_there_though_the_process_died_before_it_was_copied(store, database):
    database.breaks("pipeline_versions", calls=("insert",))
    with pytest.raises(UnavailableError):
        await store.create_pipeline(pipeline(), version())
    database.mend()
    assert await store.read_version(PIPELINE, 1) == version()
    second = replace(version(), version=2)
    assert await store.replace_pipeline(pipeline(version=2, rev=2), second, expected_rev=1)
    assert (await store.list_versions(PIPELINE, limit=5)).items == (second, version())


async def test_an_entry_that_comes_while_its_run_ends_is_not_kept(store, database):
    await store.commit([commit_of(1)])
    await store.commit([commit_of(1, 1, status=RunStatus.COMPLETED)])
    await database.collection("inbox").insert(
        {"_id": "late", "run": "?", "instance": "a", "attempt": 1, "kind": "k", "at": 1}
    )
    await store.claim_runs("me", now=5, live_owners=["me"], commit_id="c", limit=5)
    assert await database.collection("inbox").count({}) == 0


@pytest.mark.slow
async def test_no_cancellation_is_lost_whenever_it_comes(store):
    await store.commit([commit_of(1)])

    async def read_on():
        while True:
            await store.load_run(run_id(1))

    for turns in range(150):
        reading = asyncio.create_task(read_on())
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading], timeout=2)
        assert reading.cancelled(), f"after {turns} turns of the loop"
