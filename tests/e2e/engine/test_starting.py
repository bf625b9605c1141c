import asyncio

import pytest

from flume.errors import ConflictError, RequestError
from flume.ids import NodeId
from flume.nodes import Node, NodeInput
from orchestrator.runs import Rerun
from orchestrator.runs import TestRun as Trial
from orchestrator.state import NodeStatus, RunStatus


def text(node, template, **more):
    return {"id": node, "type": "template", "config": {"template": template}, **more}


def call(node, **more):
    return {"id": node, "type": "call", "config": {"do": "work"}, **more}


async def test_many_starts_with_one_key_at_once_make_one_run(world):
    record = await world.keep(text("a", "x"))
    started = await asyncio.gather(*(world.start(record, start_key="key:1", body=b"x") for _ in range(20)))
    assert len({each.run_id for each in started}) == 1
    assert sum(each.run is not None for each in started) == 1


async def test_a_key_belongs_to_its_pipeline(world):
    one, two = await world.keep(text("a", "x"), name="one"), await world.keep(text("a", "x"), name="two")
    first, second = await world.start(one, start_key="key:1"), await world.start(two, start_key="key:1")
    assert first.run_id != second.run_id


async def test_a_key_used_with_another_body_is_refused(world):
    record = await world.keep(text("a", "x"))
    await world.start(record, start_key="key:1", body=b"one")
    with pytest.raises(RequestError, match="another body"):
        await world.start(record, start_key="key:1", body=b"two")


async def test_a_run_keeps_the_version_it_started_with(world):
    release = asyncio.Event()

    async def work(context, value):
        await release.wait()

    world.does["work"] = work
    started = await world.start(await world.keep(call("a"), text("b", "old"), edges=["a>b"]))
    newer = await world.keep(call("a"), text("b", "new"), edges=["a>b"])
    release.set()
    assert newer.version == 2
    assert await world.output(await world.end(started.run_id)) == "old"


async def test_a_type_that_changed_since_the_version_was_saved_fails_its_nodes(open_world, tmp_path):
    class Greet(Node):
        """Greets."""

        name = "greet"

        class Input(NodeInput):
            pass

        async def execute(self, input):
            return "hello"

    async with open_world(tmp_path) as world:
        world.orchestrator.registry.register(Greet)
        record = await world.keep(
            {"id": "a", "type": "greet"}, text("b", "{{ a.error.code }}"), text("c", "fine"), edges=["a>b:error"]
        )
    Greet.version = 2
    async with open_world(tmp_path) as world:
        world.orchestrator.registry.register(Greet)
        run = await world.end((await world.start(record)).run_id)
        assert await world.output(run) == {"b": "node-type-changed", "c": "fine"}
    async with open_world(tmp_path) as world:
        run = await world.end((await world.start(record)).run_id)
        assert run.root.nodes[NodeId("a")].error.code == "node-type-changed"
        assert "gone" in run.root.nodes[NodeId("a")].error.message


async def test_a_test_run_is_marked_and_leaves_no_pipeline(world):
    source = "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: trial}\nnodes: [{id: a, type: log, inputs: {message: x}}]"
    run = await world.end((await world.runs.test("default", Trial(source))).run_id)
    assert (run.origin.test, run.origin.version, run.status) == (True, 0, RunStatus.COMPLETED)
    assert await world.store.read_pipeline("default", "trial") is None


async def test_pins_take_the_place_of_nodes_and_choose_their_port(world):
    document = (
        "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: trial}\nnodes:\n"
        "  - {id: c, type: condition, config: {expression: 'true'}}\n"
        "  - {id: y, type: template, config: {template: 'yes'}}\n"
        "  - {id: n, type: template, config: {template: 'no'}}\n"
        "edges: [{from: c, to: y, port: 'true'}, {from: c, to: n, port: 'false'}]\n"
    )
    run = await world.end((await world.runs.test("default", Trial(document, pins={NodeId("c"): False}))).run_id)
    assert await world.output(run) == "no"
    assert run.root.nodes[NodeId("c")].meta["pinned"] is True
    with pytest.raises(RequestError, match="nobody"):
        await world.runs.test("default", Trial(document, pins={NodeId("nobody"): 1}))
    with pytest.raises(RequestError, match="nobody"):
        await world.runs.test("default", Trial(document, until=NodeId("nobody")))


async def test_a_run_under_way_can_be_neither_retried_nor_rerun(world):
    release = asyncio.Event()

    async def work(context, value):
        await release.wait()

    world.does["work"] = work
    run_id = await world.begin(call("a"))
    stored = await world.store.load_run(run_id)
    with pytest.raises(ConflictError, match="still"):
        await world.runs.retry(stored)
    with pytest.raises(ConflictError, match="still"):
        await world.runs.rerun(stored, Rerun(NodeId("a")))
    release.set()
    await world.end(run_id)


async def test_many_retries_and_reruns_of_a_run_with_one_key_at_once_make_one_run_each(world):
    run = await world.go(text("a", "{{ 1 / 0 }}"))
    stored = await world.store.load_run(run.id)
    retries = await asyncio.gather(*(world.runs.retry(stored, key="k") for _ in range(5)))
    reruns = await asyncio.gather(*(world.runs.rerun(stored, Rerun(key="k", body=b"")) for _ in range(5)))
    made = [{each.run_id for each in retries}, {each.run_id for each in reruns}]
    assert [len(each) for each in made] == [1, 1]
    assert set(await world.store.children_of(run.id)) == set.union(*made)
    with pytest.raises(RequestError, match="another body"):
        await world.runs.rerun(stored, Rerun(NodeId("a"), key="k", body=b"{}"))


async def test_a_rerun_takes_over_what_lies_before_its_node_and_nothing_after(world):
    seen = []

    async def work(context, value):
        seen.append(context.node_id)
        return len(seen)

    world.does["work"] = work
    run = await world.go(call("a"), call("b"), call("c"), call("aside"), edges=["a>b", "b>c"])
    seen.clear()
    started = await world.runs.rerun(await world.store.load_run(run.id), Rerun(NodeId("b")))
    again = await world.end(started.run_id)
    assert seen == ["b", "c"]
    assert (again.origin.retry_of, again.origin.attempt, again.origin.version) == (run.id, 2, 1)
    assert (await world.end(run.id)) == run or (await world.end(run.id)).status is RunStatus.COMPLETED
    with pytest.raises(RequestError, match="nobody"):
        await world.runs.rerun(await world.store.load_run(run.id), Rerun(NodeId("nobody")))


async def test_a_rerun_may_take_other_inputs_and_the_latest_version(world):
    inputs = {"n": {"type": "integer", "default": 1}}
    run = await world.go(text("a", "a{{ inputs.n }}"), text("b", "b{{ inputs.n }}"), edges=["a>b"], inputs=inputs)
    await world.keep(text("a", "A{{ inputs.n }}"), text("b", "B{{ inputs.n }}"), edges=["a>b"], inputs=inputs)
    stored = await world.store.load_run(run.id)
    same = await world.end((await world.runs.rerun(stored, Rerun(NodeId("b"), inputs={"n": 2}))).run_id)
    latest = await world.end((await world.runs.rerun(stored, Rerun(NodeId("b"), latest=True))).run_id)
    assert [await world.value(same, node) for node in "ab"] == ["a1", "b2"]
    assert [await world.value(latest, node) for node in "ab"] == ["a1", "B1"]
    with pytest.raises(RequestError, match="n"):
        await world.runs.rerun(stored, Rerun(NodeId("b"), inputs={"n": "two"}))


async def test_a_whole_rerun_takes_over_nothing_but_what_the_run_was_started_with(world):
    seen = []

    async def work(context, value):
        seen.append(context.node_id)

    world.does["work"] = work
    data = {"n": 5, "unknown": "to the inputs, as a webhook sends it"}
    inputs = {"n": {"type": "integer", "default": 1}}
    nodes = (call("a"), text("b", "{{ inputs.n }} {{ trigger.data.unknown[:2] }}"))
    record = await world.keep(*nodes, edges=["a>b"], inputs=inputs)
    run = await world.end((await world.start(record, data=data, is_strict=False)).run_id)
    started = await world.runs.rerun(await world.store.load_run(run.id), Rerun())
    again = await world.end(started.run_id)
    assert seen == ["a", "a"]
    assert await world.value(again, "b") == "5 to"
    assert (again.origin.retry_of, again.origin.trigger) == (run.id, run.origin.trigger)


async def test_old_inputs_are_fitted_to_the_latest_version(world):
    old = {"n": {"type": "integer", "default": 1}, "gone": {"type": "string", "default": "x" * 90_000}}
    new = {"n": {"type": "integer", "default": 1}, "more": {"type": "string", "default": "new"}}
    run = await world.go(text("a", "a"), inputs=old, data={"n": 3})
    await world.keep(text("a", "{{ inputs }}"), inputs=new)
    started = await world.runs.rerun(await world.store.load_run(run.id), Rerun(latest=True))
    assert await world.value(await world.end(started.run_id), "a") == '{"n":3,"more":"new"}'
    await world.keep(text("a", "{{ inputs }}"), inputs={"needed": {"type": "string"}})
    with pytest.raises(RequestError, match="needed"):
        await world.runs.rerun(await world.store.load_run(run.id), Rerun(latest=True))


async def test_a_rerun_of_the_latest_version_does_without_a_loop_that_is_gone(world):
    body = {"nodes": [text("x", "{{ 1 / item }}")], "edges": []}
    run = await world.go({"id": "each", "type": "loop", "config": {"body": body}, "inputs": {"items": [1, 0]}})
    await world.keep(text("new", "fine"))
    started = await world.runs.rerun(await world.store.load_run(run.id), Rerun(NodeId("new"), latest=True))
    assert await world.output(await world.end(started.run_id)) == "fine"


async def test_a_retry_refers_to_what_the_run_before_it_stored_apart(world):
    run = await world.go(
        text("big", "{{ trigger.data }}"),
        {"id": "bad", "type": "error", "config": {"message": "no"}},
        edges=["big>bad"],
        data="x" * 90_000,
    )
    started = await world.runs.retry(await world.store.load_run(run.id))
    again = await world.end(started.run_id)
    old, new = (each.root.nodes[NodeId("big")].output for each in (run, again))
    assert old.id == new.id
    assert await world.value(again, "big") == "x" * 90_000


async def test_a_retry_runs_again_what_failed_and_was_continued(world):
    seen = []

    async def work(context, value):
        seen.append(context.node_id)
        if len(seen) == 1:
            raise ValueError("first time")
        return "done"

    world.does["work"] = work
    run = await world.go(call("a", onError="continue"), {"id": "bad", "type": "error", "config": {"message": "no"}})
    again = await world.end((await world.runs.retry(await world.store.load_run(run.id))).run_id)
    assert again.root.nodes[NodeId("a")].status is NodeStatus.COMPLETED
    assert seen == ["a", "a"]


async def test_one_run_with_many_ready_nodes_does_not_hold_up_another(open_world):
    order, release = [], asyncio.Event()

    async def work(context, value):
        order.append(context.run_id)
        await release.wait()

    async with open_world(inline_effects=2, does={"work": work}) as world:
        wide = await world.keep(*[call(f"n{index}") for index in range(60)], name="wide")
        narrow = await world.keep(call("only"), name="narrow")
        first = await world.start(wide)
        await world.is_true(lambda: order)
        second = await world.start(narrow)
        await world.is_true(lambda: "only" in [node.id for node in world.engine.attempts_under_way()])
        release.set()
        await asyncio.gather(world.end(first.run_id), world.end(second.run_id))
    assert order.index(second.run_id) <= 3


async def test_no_more_effects_are_under_way_than_allowed(open_world):
    under_way, most = 0, 0

    async def work(context, value):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    async with open_world(inline_effects=3, does={"work": work}) as world:
        await world.go(*[call(f"n{index}") for index in range(20)])
    assert most == 3


async def test_a_node_with_an_effect_is_a_commit_of_its_own(open_world, fragile):
    async def work(context, value):
        return "done"

    async with open_world(wrap=fragile, does={"work": work}) as world:
        await world.go(text("p1", "x"), call("a"), text("p2", "x"), text("p3", "x"), edges=["p1>a", "a>p2", "p2>p3"])
    assert [sorted(commit.nodes) for commit in fragile.store.kept] == [["a", "p1"], ["a", "p2", "p3"]]


async def test_nothing_is_effected_before_the_commit_that_orders_it(open_world, fragile):
    committed = []

    async def work(context, value):
        committed.append([sorted(commit.nodes) for commit in fragile.store.kept])

    async with open_world(wrap=fragile, does={"work": work}) as world:
        await world.go(call("a"), call("b"), edges=["a>b"])
    assert committed == [[["a"]], [["a"], ["a", "b"]]]


class Slow:
    """A store of which each commit lasts for very many turns of the loop; ``kept`` are those that were made."""

    def __init__(self, store):
        self._store = store
        self.kept = []

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def commit(self, commits):
        for _ in range(100):
            await asyncio.sleep(0)
        self.kept += commits
        return await self._store.commit(commits)


@pytest.mark.parametrize("ahead", [1, 3])
async def test_a_long_stretch_is_committed_after_64_nodes_and_what_waits_for_a_slow_store_is_bounded(
    open_world, monkeypatch, ahead
):
    monkeypatch.setattr("orchestrator.stretch.STRETCH_MS", 60_000)
    monkeypatch.setattr("orchestrator.engine.STRETCHES_AHEAD", ahead)
    stores = []

    def wrap(store):
        stores.append(Slow(store))
        return stores[0]

    async with open_world(wrap=wrap) as world:
        await world.go(
            *[text(f"n{index}", "x") for index in range(500)], edges=[f"n{index}>n{index + 1}" for index in range(499)]
        )
    completed = [
        sum(state.status is NodeStatus.COMPLETED for state in commit.nodes.values()) for commit in stores[0].kept
    ]
    assert completed[:2] == [64, 64 * ahead]
    assert max(completed) == 64 * ahead
    assert sum(completed) == 500
