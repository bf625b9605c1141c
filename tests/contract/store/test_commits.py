from dataclasses import replace

from flume.ids import NodeId
from orchestrator.records import inline
from orchestrator.state import (
    AttemptRecord,
    Failure,
    Inline,
    NodeStatus,
    PayloadRef,
    Phase,
    RunStatus,
    SingleOutput,
    TriggerRecord,
)
from orchestrator.store import CommitResult, Payload, Verdict

WON = CommitResult(Verdict.WON)
LOST = CommitResult(Verdict.LOST)


async def test_a_new_run_is_at_revision_one(store, build):
    assert await store.commit([build.commit(build.run(1), owner="me", wake_at=70)]) == [WON]
    stored = await store.load_run(build.run_id(1))
    assert (stored.rev, stored.owner, stored.wake_at, stored.expires_at) == (1, "me", 70, None)


async def test_a_run_comes_back_as_it_was_committed(store, build):
    error = Failure("timeout", "took too long", retryable=True, node="each[3].fetch")
    run = build.run(
        1,
        RunStatus.FAILED,
        {
            "fetch": build.node(
                NodeStatus.FAILED,
                attempt=2,
                answered=1,
                recoveries=1,
                phase=Phase.EXECUTING,
                ready_at=0,
                started_at=5,
                completed_at=6,
                due_at=7,
                port="error",
                output=PayloadRef("c" * 24, 70_000),
                meta={"tokens": 3},
                error=error,
                attempts=(AttemptRecord(1, 1, 2, error, {"queued_ms": 1}), AttemptRecord(2, 3, 4)),
            ),
        },
        started_at=3,
        completed_at=9,
        output=SingleOutput(NodeId("fetch"), inline({"ü": [1, 2.5, None]})),
        error=error,
        deadline_at=99,
        response="fetch",
        inline_bytes=12,
        trigger=TriggerRecord("webhook", "hook", inline({"body": "x"}), {"method": "POST"}),
        inputs=inline({"city": "Köln"}),
        start_key="key:1",
        body_hash="abc",
        attempt=2,
        retry_of=build.run_id(7),
        test=True,
        definition="name: demo",
        pins={NodeId("fetch"): {"a": 1}},
        until=NodeId("fetch"),
        hops=3,
        traceparent="00-1-2-01",
    )
    await store.commit([build.commit(run, expires_at=500)])
    stored = await store.load_run(build.run_id(1))
    assert stored.run == run
    assert stored.expires_at == 500
    assert stored.run.origin.inputs == Inline({"city": "Köln"}, '{"city":"Köln"}'.encode())


async def test_a_commit_at_the_expected_revision_wins_and_raises_it(store, build, keep):
    await keep(build.run(1))
    assert await store.commit([build.commit(build.run(1, started_at=4), 1)]) == [WON]
    stored = await store.load_run(build.run_id(1))
    assert (stored.rev, stored.run.root.started_at) == (2, 4)


async def test_a_commit_at_another_revision_loses_and_changes_nothing(store, build, keep):
    await keep(build.run(1, nodes={"fetch": build.node()}), owner="me")
    before = await store.load_run(build.run_id(1))
    late = build.commit(
        build.run(1, RunStatus.FAILED, {"fetch": build.node(NodeStatus.FAILED)}),
        2,
        owner="you",
        payloads=(Payload("d" * 24, b"1"),),
        logs=(build.line(),),
    )
    assert await store.commit([late]) == [LOST]
    assert await store.commit([replace(late, expected_rev=0)]) == [LOST]
    assert await store.load_run(build.run_id(1)) == before


async def test_a_commit_of_a_run_that_does_not_exist_loses(store, build):
    assert await store.commit([build.commit(build.run(1), 3)]) == [LOST]
    assert await store.load_run(build.run_id(1)) is None


async def test_of_many_commits_at_the_same_revision_exactly_one_wins(store, build, keep):
    await keep(build.run(1))
    rivals = [build.commit(build.run(1), 1, owner=f"owner-{number}") for number in range(20)]
    results = await store.commit(rivals)
    assert [result.verdict for result in results].count(Verdict.WON) == 1
    winner = rivals[results.index(WON)]
    assert (await store.load_run(build.run_id(1))).owner == winner.owner


async def test_the_same_commit_again_has_won_already(store, build):
    first = build.commit(build.run(1, start_key="key:1"))
    second = build.commit(build.run(1, start_key="key:1"), 1)
    assert await store.commit([first, first]) == [WON, WON]
    assert await store.commit([second]) == [WON]
    assert await store.commit([second]) == [WON]
    assert (await store.load_run(build.run_id(1))).rev == 2


async def test_two_commits_of_a_run_in_one_list_happen_in_order(store, build):
    steps = [build.commit(build.run(1, started_at=number), number) for number in range(3)]
    assert await store.commit(steps) == [WON, WON, WON]
    stored = await store.load_run(build.run_id(1))
    assert (stored.rev, stored.run.root.started_at) == (3, 2)


async def test_a_start_key_starts_one_run_per_pipeline(store, build):
    first = build.commit(build.run(1, start_key="key:x", body_hash="hash"))
    again = build.commit(build.run(2, start_key="key:x", body_hash="other"))
    elsewhere = build.commit(build.run(3, start_key="key:x", pipeline_id=build.other_pipeline_id))
    assert await store.commit([first, again, elsewhere]) == [
        WON,
        CommitResult(Verdict.REPEATED, build.run_id(1), "hash"),
        WON,
    ]
    assert await store.load_run(build.run_id(2)) is None


async def test_runs_without_start_key_never_repeat_each_other(store, build):
    assert await store.commit([build.commit(build.run(1)), build.commit(build.run(2))]) == [WON, WON]


async def test_a_start_is_found_by_its_key(store, build, keep):
    await keep(build.run(1, start_key="event:a#1", body_hash="hash"))
    assert await store.find_start(build.pipeline_id, "event:a#1") == (build.run_id(1), "hash")
    assert await store.find_start(build.other_pipeline_id, "event:a#1") is None
    assert await store.find_start(build.pipeline_id, "event:a#2") is None


async def test_a_commit_that_can_not_be_written_fails_alone(store, build):
    impossible = build.commit(build.run(2), wake_at=2**70)
    unspeakable = build.commit(build.run(3, nodes={"fetch": build.node(meta={"a": object()})}))
    good, bad, ugly, last = await store.commit(
        [build.commit(build.run(1)), impossible, unspeakable, build.commit(build.run(4))]
    )
    assert (good, last) == (WON, WON)
    assert (bad.verdict, ugly.verdict) == (Verdict.LOST, Verdict.LOST)
    assert bad.error
    assert ugly.error
    assert await store.load_run(build.run_id(2)) is None
    assert await store.load_run(build.run_id(3)) is None
    assert (await store.load_run(build.run_id(4))).rev == 1


async def test_a_commit_that_fails_half_way_leaves_nothing(store, build):
    bad = build.commit(build.run(1, nodes={"fetch": build.node()}), logs=(build.line(sequence=2**70),))
    (result,) = await store.commit([bad])
    assert result.error
    assert await store.load_run(build.run_id(1)) is None
    assert await store.find_start(build.pipeline_id, "key:1") is None


async def test_each_node_keeps_the_revision_at_which_it_last_changed(store, build, keep):
    await keep(build.run(1, nodes={"a": build.node(), "b": build.node()}))
    changed = {"a": build.node(NodeStatus.COMPLETED), "b": build.node(NodeStatus.FAILED), "c": build.node()}
    await keep(build.run(1, nodes=changed), 1, nodes=["a", "c"])
    stored = await store.load_run(build.run_id(1))
    assert stored.node_revs == {"a": 2, "b": 1, "c": 2}
    assert stored.run.root.nodes["a"].status is NodeStatus.COMPLETED
    assert stored.run.root.nodes["b"].status is NodeStatus.RUNNING


async def test_owner_and_due_time_are_written_as_given(store, build, keep):
    await keep(build.run(1), owner="me", wake_at=5)
    await keep(build.run(1), 1, owner=None, wake_at=9)
    stored = await store.load_run(build.run_id(1))
    assert (stored.owner, stored.wake_at) == (None, 9)
    await keep(build.run(1), 2, owner="me")
    stored = await store.load_run(build.run_id(1))
    assert (stored.owner, stored.wake_at) == ("me", None)


async def test_what_a_run_was_made_with_never_changes(store, build, keep):
    await keep(build.run(1, inputs=inline({"a": 1})))
    await keep(build.run(1, inputs=inline({"a": 2}), pipeline="other"), 1)
    origin = (await store.load_run(build.run_id(1))).run.origin
    assert (origin.inputs.value, origin.pipeline) == ({"a": 1}, "demo")


async def test_payloads_and_lines_come_with_the_commit(store, build, keep):
    payload = Payload("d" * 24, b"[1]")
    await keep(build.run(1), payloads=(payload,), logs=(build.line(0), build.line(1)))
    assert await store.read_payload("d" * 24) == payload
    assert (await store.read_logs(build.run_id(1))).items == (build.line(0), build.line(1))


async def test_the_same_line_again_replaces_itself(store, build, keep):
    await keep(build.run(1), logs=(build.line(0, "first"), build.line(1)))
    await keep(build.run(1), 1, logs=(build.line(0, "second"),))
    assert [line.message for line in (await store.read_logs(build.run_id(1))).items] == ["second", "hello"]


async def test_a_commit_removes_the_inbox_entries_it_names(store, build, keep):
    await keep(build.run(1))
    await store.put_inbox(build.entry(1))
    await store.put_inbox(build.entry(2))
    await keep(build.run(1), 1, inbox=(build.entry(1).id,))
    assert await store.read_inbox(build.run_id(1)) == (build.entry(2),)


async def test_a_commit_that_ends_its_run_empties_its_inbox(store, build, keep):
    await keep(build.run(1))
    await store.put_inbox(build.entry(1))
    await keep(build.run(1, RunStatus.CANCELLED, completed_at=4), 1)
    assert await store.read_inbox(build.run_id(1)) == ()


async def test_an_empty_list_of_commits_gives_an_empty_list(store):
    assert await store.commit([]) == []
