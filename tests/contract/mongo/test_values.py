"""What users may write anywhere: it comes back as it was, whatever MongoDB would make of it."""

import pytest
from bson import DatetimeMS, ObjectId

from flume.errors import StoreError
from flume.ids import Instance, Millis, NodeId, ScopePath
from orchestrator.records import inline
from orchestrator.state import NodeState, NodeStatus, RunStatus, Scope
from orchestrator.store import LogLine, PipelineFilter, Verdict
from orchestrator.stores.mongo.values import MAX_BYTES
from tests.contract.sqlite.building import PIPELINE, commit_of, pipeline, run_id

AWKWARD = {
    "$set": {"$ref": "runs", "$id": 1},
    "a.b": 2**63 - 1,
    "": [1.0, 1, -(2**63), True, None, "\0", "😀"],
    "$": {"$date": "2026-01-01", "__proto__": {}},
    "deep": None,
}


def deep(levels):
    value = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [AWKWARD, deep(64), 2**40, 1.0, "null"], ids=["keys", "deep", "large", "float", "text"]
)
async def test_outputs_come_back_as_they_were(store, value):
    node = NodeState(NodeStatus.COMPLETED, output=inline(value), meta={"$inc": {"a.b": 1}})
    item = Scope(RunStatus.RUNNING, {NodeId("inner"): node}, {}, 0)
    for rev in (0, 1):
        await store.commit([commit_of(1, rev, nodes={NodeId("n"): node}, items={ScopePath("n[0]"): item})])
        stored = await store.load_run(run_id(1))
        assert stored.run.root.nodes[NodeId("n")] == node
        assert stored.run.root.nodes[NodeId("n")].output.encoded == inline(value).encoded
        assert await store.read_items(run_id(1), "n") == [(0, item)]


@pytest.mark.parametrize("node", ["0", "a-b", "x" * 63])
async def test_every_id_that_a_node_may_have_can_be_stored(store, node):
    for rev in (0, 1):
        state = NodeState(NodeStatus.RUNNING, attempt=rev + 1)
        await store.commit([commit_of(1, rev, nodes={NodeId(node): state})])
        stored = await store.load_run(run_id(1))
        assert (stored.run.root.nodes, stored.node_revs) == ({node: state}, {node: rev + 1})


async def test_labels_and_triggers_may_have_any_names(store):
    record = pipeline(
        labels={"app.kubernetes.io/name": "x", "$where": "1", "": ""},
        triggers=({"type": "event", "id": "e", "filters": [{"exact": {"a.b": "$c"}}]},),
    )
    await store.create_pipeline(record, None)
    assert await store.read_pipeline("default", "demo") == record
    found = await store.list_pipelines(PipelineFilter("default", label=("app.kubernetes.io/name", "x")), limit=5)
    assert found.items == (record,)


@pytest.mark.parametrize("id", ["", "x", "a" * 25, "A" * 24, "$where", "ü" * 12])
async def test_an_id_that_is_none_finds_nothing(store, id):
    await store.commit([commit_of(1)])
    assert await store.load_run(id) is None
    assert await store.pipeline_by_id(id) is None
    assert await store.read_payload(id) is None
    assert await store.children_of(id) == ()


async def test_documents_have_the_ids_and_dates_that_the_specification_names(store, database):
    await store.commit([commit_of(7, second=1_700_000_000, wake_at=5, owner="me")])
    run = await database.collection("runs").find_one({"_id": ObjectId(run_id(7, 1_700_000_000))})
    assert (run["pipelineId"], run["createdAt"], run["wakeAt"]) == (ObjectId(PIPELINE), DatetimeMS(7000), DatetimeMS(5))
    assert {"namespace", "pipelineVersion", "status", "trigger", "inputs", "nodes", "rev", "commit", "owner"} < set(run)
    assert set(run["nodes"]["first"]) == {"status", "attempt", "rev"}


async def test_a_run_that_can_not_be_read_says_what_is_wrong(store, database):
    await store.commit([commit_of(1)])
    for change in ({"nodes.first.status": "strange"}, {"nodes": 3}, {"trigger.data": {"value": "{"}}, {"inputs": "?"}):
        await database.collection("runs").update({"_id": ObjectId(run_id(1))}, {"$set": change})
        stored = await store.load_run(run_id(1))
        assert stored.damage
        assert (stored.run.id, stored.rev, stored.run.root.nodes) == (run_id(1), 1, {})


async def test_a_commit_with_an_item_or_a_line_too_large_for_a_document_is_refused_and_leaves_nothing(store, database):
    huge = "x" * (MAX_BYTES + 1)
    node = NodeState(NodeStatus.COMPLETED, output=inline(huge))
    item = Scope(RunStatus.RUNNING, {NodeId("inner"): node}, {}, 0)
    line = LogLine(Instance("n"), 1, 0, Millis(1), "info", huge)
    results = await store.commit(
        [commit_of(1, items={ScopePath("n[0]"): item}), commit_of(2, logs=(line,)), commit_of(3)]
    )
    assert [result.verdict for result in results] == [Verdict.LOST, Verdict.LOST, Verdict.WON]
    for result in results[:2]:
        assert result.error == "the commit is larger than the 15 MiB that MongoDB holds in a document"
    for name in ("loop_items", "logs", "payloads"):
        assert await database.collection(name).count({}) == 0


async def test_a_document_that_the_server_finds_too_large_is_an_error_and_the_others_are_kept(database):
    items = database.collection("loop_items")
    await items.keep([{"_id": "there"}])
    huge = {"_id": "huge", "text": "x" * (16 * 1024 * 1024)}
    with pytest.raises(StoreError, match="takes no document as large as one of these"):
        await items.keep([{"_id": "there"}, huge, {"_id": "new"}])
    assert {each["_id"] for each in await items.find({})} == {"there", "new"}
