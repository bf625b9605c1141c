import asyncio
import tracemalloc

import pytest

from flume.errors import NodeError
from flume.ids import NodeId
from orchestrator.state import NodeStatus, RunStatus


def loop(body, *, node="each", items=None, edges=(), **config):
    inner = {"nodes": body, "edges": [dict(zip(("from", "to"), edge.split(">"), strict=True)) for edge in edges]}
    return {
        "id": node,
        "type": "loop",
        "config": {"body": inner, **config},
        **({} if items is None else {"inputs": {"items": items}}),
    }


def value(node, mapping):
    return {"id": node, "type": "json-transform", "config": {"mapping": mapping}}


def call(node="work", **more):
    return {"id": node, "type": "call", "config": {"do": "work"}, "inputs": {"value": "{{ item }}"}, **more}


async def test_items_see_themselves_their_index_and_what_lies_before_the_loop(world):
    run = await world.go(
        value("factor", 10),
        loop([value("x", "{{ [item * factor.output, index] }}")], items="{{ trigger.data }}"),
        value("after", "{{ each.output | length }}"),
        edges=["factor>each", "each>after"],
        data=[3, 4],
    )
    assert await world.value(run, "each") == [[30, 0], [40, 1]]
    assert run.root.nodes[NodeId("each")].meta["succeeded"] == 2
    assert await world.output(run) == 2


async def test_no_items_give_an_empty_list(world):
    run = await world.go(loop([value("x", "{{ item }}")], items=[]))
    assert await world.output(run) == []


async def test_a_body_follows_its_own_edges_and_gives_its_ends(world):
    body = [value("a", "{{ item + 1 }}"), value("b", "{{ a.output * 2 }}"), value("c", "{{ a.output }}")]
    run = await world.go(loop(body, times=2, edges=["a>b", "a>c"]))
    assert await world.output(run) == [{"b": 2, "c": 1}, {"b": 4, "c": 2}]


async def test_a_while_loop_sees_the_item_before_and_stops_at_its_condition_or_its_limit(world):
    body = [value("x", "{{ (item or 1) * 2 }}")]
    run = await world.go(loop(body, **{"while": "(item or 0) < 20", "max": 100}))
    assert await world.output(run) == [2, 4, 8, 16, 32]
    run = await world.go(loop(body, **{"while": "true", "max": 3}))
    assert await world.output(run) == [2, 4, 8]


async def test_a_while_condition_that_fails_fails_the_loop(world):
    run = await world.go(loop([value("x", "1")], **{"while": "1 / index", "max": 3}))
    assert (run.status, run.root.error.node) == (RunStatus.FAILED, "each")


async def test_loops_within_loops_see_the_item_around_them(world):
    inner = loop([value("x", "{{ outer.item ~ item ~ outer.index }}")], node="inner", items=["a", "b"])
    run = await world.go(loop([inner], items=["1", "2"]))
    assert await world.output(run) == [["1a0", "1b0"], ["2a1", "2b1"]]


async def test_no_more_items_are_under_way_than_the_loop_allows(world):
    under_way, most = 0, 0

    async def work(context, value):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return value

    world.does["work"] = work
    run = await world.go(loop([call()], times=30, concurrency=4))
    assert (most, await world.output(run)) == (4, list(range(30)))


async def test_each_item_has_a_key_of_its_own(world):
    keys = []

    async def work(context, value):
        keys.append(context.idempotency_key)

    world.does["work"] = work
    run = await world.go(loop([call()], times=3))
    assert sorted(keys) == [f"{run.id}/each[{index}].work/0" for index in range(3)]


async def test_the_first_failing_item_fails_the_loop_and_stops_the_others(world):
    stopped = []

    async def work(context, value):
        if value == 1:
            raise NodeError("no", retryable=False)
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(value)

    world.does["work"] = work
    run = await world.go(loop([call()], times=3))
    assert (run.status, run.root.error.node) == (RunStatus.FAILED, "each[1].work")
    await world.is_true(lambda: sorted(stopped) == [0, 2])


async def test_a_failing_loop_can_leave_by_its_error_edge(world):
    run = await world.go(
        loop([value("x", "{{ 1 / item }}")], items=[0]), value("rescue", "{{ each.error.code }}"), edges=["each>rescue"]
    )
    assert run.status is RunStatus.FAILED
    document = loop([value("x", "{{ 1 / item }}")], items=[0])
    run = await world.go(document, value("rescue", "{{ each.error.code }}"), edges=["each>rescue:error"])
    assert (run.status, await world.output(run)) == (RunStatus.COMPLETED, "template-error")


async def test_items_are_tried_again_by_themselves(world):
    seen = {}

    async def work(context, value):
        seen[value] = seen.get(value, 0) + 1
        if value == 1 and seen[value] < 3:
            raise NodeError("busy", retryable=True)
        return value

    world.does["work"] = work
    run = await world.go(loop([call(retry={"attempts": 3, "delay": "1ms"})], times=3))
    assert await world.output(run) == [0, 1, 2]
    assert seen == {0: 1, 1: 3, 2: 1}


@pytest.mark.slow
async def test_the_memory_of_a_loop_does_not_grow_with_its_items(world):
    async def most_memory(times):
        record = await world.keep(loop([value("x", "{{ item * 2 }}")], times=times), name=f"times-{times}")
        tracemalloc.start()
        run = await world.end((await world.start(record)).run_id)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most, run

    few, _ = await most_memory(500)
    many, run = await most_memory(5_000)
    assert await world.output(run) == [index * 2 for index in range(5_000)]
    # The list of results alone grows.
    assert many - few < 2**20


async def test_pure_items_are_committed_in_chunks(open_world, fragile, monkeypatch):
    monkeypatch.setattr("orchestrator.engine.STRETCHES_AHEAD", 1)
    async with open_world(wrap=fragile) as world:
        await world.go(loop([value("x", "{{ item }}")], times=1000))
    sizes = [len(commit.items) for commit in fragile.store.kept]
    assert max(sizes) <= 300
    assert max(len(commit.run.scopes) for commit in fragile.store.kept) <= 600
    assert len(sizes) < 100


async def test_no_commit_of_a_loop_is_empty(open_world, fragile):
    async def work(context, value):
        return value

    async with open_world(wrap=fragile, does={"work": work}) as world:
        await world.go(loop([call()], times=20, concurrency=3))
        for commit in fragile.store.kept:
            assert commit.nodes or commit.items or commit.logs or commit.run.status.is_ended


async def test_cancelling_ends_a_loop_in_the_middle(world):
    async def work(context, value):
        if value >= 2:
            await asyncio.Event().wait()
        return value

    world.does["work"] = work
    run_id = await world.begin(loop([call()], times=5, concurrency=1))
    await world.until(run_id, lambda run: run.root.nodes[NodeId("each")].loop is not None)
    await world.until(run_id, lambda run: run.root.nodes[NodeId("each")].loop.succeeded == 2)
    assert await world.engine.cancel(run_id)
    run = await world.end(run_id)
    assert (run.status, run.root.nodes[NodeId("each")].status) == (RunStatus.CANCELLED, NodeStatus.CANCELLED)
    items = await world.store.read_items(run_id, "each")
    assert [item.status for _, item in items] == [RunStatus.COMPLETED, RunStatus.COMPLETED, RunStatus.CANCELLED]


@pytest.mark.parametrize("given", [{"items": [0, 1, 2, 3]}, {"times": 4}])
async def test_a_retry_of_a_run_runs_only_the_items_that_did_not_complete(world, given):
    seen, broken = [], True

    async def work(context, value):
        seen.append(value)
        if value == 2 and broken:
            raise NodeError("no", retryable=False)
        return value * 10

    world.does["work"] = work
    first = await world.go(loop([call()], concurrency=1, **given))
    assert (first.status, seen) == (RunStatus.FAILED, [0, 1, 2])
    broken = False
    started = await world.runs.retry(await world.store.load_run(first.id))
    again = await world.end(started.run_id)
    assert (again.status, seen) == (RunStatus.COMPLETED, [0, 1, 2, 2, 3])
    assert await world.output(again) == [0, 10, 20, 30]
    assert await world.output(await world.end(first.id)) is None


async def test_a_restart_in_the_middle_of_a_loop_repeats_only_what_was_under_way(open_world, tmp_path):
    seen, hold = [], True

    async def work(context, value):
        seen.append((value, context.idempotency_key))
        if value == 2 and hold:
            await asyncio.Event().wait()
        return value

    document = loop([call()], times=5, concurrency=1)
    async with open_world(tmp_path, does={"work": work}) as world:
        run_id = await world.begin(document)
        await world.is_true(lambda: len(seen) == 3)
    hold = False
    async with open_world(tmp_path, does={"work": work}) as world:
        run = await world.end(run_id)
        assert await world.output(run) == [0, 1, 2, 3, 4]
    assert [value for value, _ in seen] == [0, 1, 2, 2, 3, 4]
    assert seen[2] == seen[3]


async def test_a_large_item_is_stored_apart_and_gathered(world):
    run = await world.go(loop([value("x", "{{ trigger.data ~ item }}")], times=3), data="x" * 70_000)
    assert [len(text) for text in await world.output(run)] == [70_001] * 3


async def test_a_loop_over_a_list_that_is_stored_apart_finds_its_items(world):
    items = [str(number) * 1000 for number in range(200)]
    run = await world.go(loop([value("x", "{{ item | length }}")], items="{{ trigger.data }}"), data=items)
    assert await world.output(run) == [len(text) for text in items]
