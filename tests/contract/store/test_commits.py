from dataclasses import replace

from flume.ids import Instance, Millis, NodeId, ScopePath
from orchestrator.state import LoopState, NodeState, NodeStatus, RunStatus, Scope
from orchestrator.store import Payload, Verdict


async def test_a_run_is_read_back_as_it_was_committed(store, build):
    run = build.run(nodes={NodeId("a"): build.node({"deep": [1, None, "ü"]})})
    assert [result.verdict for result in await store.commit([build.commit(run)])] == [Verdict.WON]
    stored = await store.load_run(run.id)
    assert (stored.rev, stored.owner, stored.run.origin) == (1, "me", run.origin)
    assert stored.run.root.nodes == run.root.nodes
    assert stored.node_revs == {"a": 1}


async def test_a_commit_loses_at_another_revision_and_changes_nothing(store, build):
    run = build.run(nodes={NodeId("a"): build.node()})
    await store.commit([build.commit(run)])
    late = build.run(nodes={NodeId("a"): build.node("other")}, status=RunStatus.FAILED)
    results = await store.commit([build.commit(late, rev=7), replace(build.commit(late), id="another")])
    assert [result.verdict for result in results] == [Verdict.LOST, Verdict.LOST]
    stored = await store.load_run(run.id)
    assert (stored.rev, stored.run.status) == (1, RunStatus.RUNNING)
    assert stored.run.root.nodes == run.root.nodes


async def test_only_the_nodes_that_changed_rise_to_the_new_revision(store, build):
    first = build.run(nodes={NodeId("a"): build.node()})
    second = build.run(nodes={**first.root.nodes, NodeId("b"): build.node()})
    await store.commit([build.commit(first)])
    await store.commit([build.commit(second, rev=1, nodes={NodeId("b"): second.root.nodes[NodeId("b")]})])
    assert (await store.load_run(first.id)).node_revs == {"a": 1, "b": 2}


async def test_two_steps_of_one_run_in_one_list_happen_in_order(store, build):
    run = build.run()
    ended = build.run(status=RunStatus.COMPLETED)
    results = await store.commit([build.commit(run), build.commit(ended, rev=1, owner=None)])
    assert [result.verdict for result in results] == [Verdict.WON, Verdict.WON]
    assert (await store.load_run(run.id)).run.status is RunStatus.COMPLETED


async def test_a_start_key_is_used_once_per_pipeline(store, build):
    first, second = (build.run(number, start_key="key:1", body_hash="h") for number in (1, 2))
    await store.commit([build.commit(first)])
    (result,) = await store.commit([build.commit(second)])
    assert (result.verdict, result.run_id, result.body_hash) == (Verdict.REPEATED, first.id, "h")
    assert await store.load_run(second.id) is None
    assert await store.find_start(build.pipeline_id, "key:1") == (first.id, "h")
    assert await store.find_start(build.pipeline_id, "key:2") is None


async def test_payloads_and_logs_come_with_their_commit_and_not_without(store, build):
    run = build.run()
    await store.commit([build.commit(run, payloads=(Payload("p" * 24, b'"x"'),), logs=(build.log(),))])
    await store.commit([build.commit(run, rev=5, payloads=(Payload("q" * 24, b'"y"'),), logs=(build.log(1),))])
    assert (await store.read_payload("p" * 24)).content == b'"x"'
    assert await store.read_payload("q" * 24) is None
    assert [line.sequence for line in (await store.read_logs(run.id)).items] == [0]


async def test_a_large_payload_is_read_whole(store, build):
    content = bytes(range(256)) * (70_000)
    run = build.run()
    await store.commit([build.commit(run)])
    await store.save_payload(run.id, Payload("b" * 24, content, "application/octet-stream"))
    payload = await store.read_payload("b" * 24)
    assert (payload.content == content, payload.content_type) == (True, "application/octet-stream")


async def test_only_the_items_that_a_loop_names_as_active_are_loaded(store, build):
    loop = NodeState(NodeStatus.RUNNING, attempt=1, loop=LoopState(total=3, next=2, active=(1,)))
    run = build.run(nodes={NodeId("each"): loop})
    items = {
        ScopePath("each[0]"): Scope(RunStatus.COMPLETED, {NodeId("x"): build.node()}, {}, 0, completed_at=Millis(4)),
        ScopePath("each[1]"): Scope(RunStatus.RUNNING, {}, {}, 0, started_at=Millis(3)),
    }
    await store.commit([build.commit(run, items=items)])
    stored = await store.load_run(run.id)
    assert set(stored.run.scopes) == {"", "each[1]"}
    read = await store.read_items(run.id, Instance("each"))
    assert [(index, item.status) for index, item in read] == [(0, RunStatus.COMPLETED), (1, RunStatus.RUNNING)]
    assert await store.read_items(run.id, Instance("each"), after=1) == []


async def test_the_same_commit_again_has_won_already(store, build):
    commit = build.commit(build.run())
    await store.commit([commit])
    assert [result.verdict for result in await store.commit([commit])] == [Verdict.WON]
    assert (await store.load_run(commit.run.id)).rev == 1
