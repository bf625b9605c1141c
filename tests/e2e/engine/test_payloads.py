import asyncio

from flume.ids import NodeId
from orchestrator.state import Inline, PayloadRef, RunStatus
from orchestrator.values import MAX_CACHED_BYTES, MAX_INLINE_BYTES, MAX_INLINE_RUN_BYTES


def value(node, mapping):
    return {"id": node, "type": "json-transform", "config": {"mapping": mapping}}


async def test_an_output_is_stored_apart_from_64_kib_on(world):
    # The JSON of a text has two quotation marks more.
    for length, kind in ((MAX_INLINE_BYTES - 2, Inline), (MAX_INLINE_BYTES - 1, PayloadRef)):
        run = await world.go(value("a", "{{ trigger.data }}"), data="x" * length)
        assert isinstance(run.root.nodes[NodeId("a")].output, kind)
        assert len(await world.output(run)) == length


async def test_a_run_that_holds_a_mebibyte_stores_the_rest_apart(world):
    nodes = [value(f"n{index}", "{{ trigger.data }}") for index in range(30)]
    edges = [f"n{index}>n{index + 1}" for index in range(29)]
    run = await world.go(*nodes, edges=edges, data="x" * 60_000)
    states = [run.root.nodes[NodeId(f"n{index}")].output for index in range(30)]
    inline = sum(state.size for state in states if isinstance(state, Inline))
    assert inline <= MAX_INLINE_RUN_BYTES
    assert any(isinstance(state, PayloadRef) for state in states)
    assert await world.value(run, "n29") == "x" * 60_000


async def test_what_was_stored_apart_is_loaded_after_a_restart(open_world, tmp_path):
    async def wait(context, value):
        if hold:
            await asyncio.Event().wait()
        return value

    hold = True
    async with open_world(tmp_path, does={"wait": wait}) as world:
        run_id = await world.begin(
            value("big", "{{ trigger.data }}"),
            {"id": "w", "type": "call", "config": {"do": "wait"}, "inputs": {"value": "{{ big.output | length }}"}},
            value("pure", "{{ [big.output | length, w.output] }}"),
            edges=["big>w", "w>pure"],
            data="x" * 200_000,
        )
        await world.until(run_id, lambda run: NodeId("w") in run.root.nodes)
    hold = False
    async with open_world(tmp_path, does={"wait": wait}) as world:
        run = await world.end(run_id)
        assert await world.output(run) == [200_000, 200_000]


async def test_an_attempt_may_need_more_at_once_than_a_run_keeps_in_memory(world):
    third = MAX_CACHED_BYTES // 3
    nodes = [value(f"n{index}", "{{ trigger.data }}") for index in range(4)]
    total = "{{ n0.output | length + n1.output | length + n2.output | length + n3.output | length }}"
    # A list of texts, since no single value of a template may pass 16 MiB.
    run = await world.go(
        *nodes,
        value("sum", total),
        edges=[f"n{index}>sum" for index in range(4)],
        data=["x" * (third // 10) for _ in range(10)],
    )
    assert run.status is RunStatus.COMPLETED, run.root.error
    assert await world.output(run) == 40


async def test_a_sleeping_node_keeps_a_large_value(open_world, clock):
    async with open_world(clock=clock) as world:
        run_id = await world.begin(
            value("big", "{{ trigger.data }}"),
            {"id": "nap", "type": "delay", "config": {"duration": "1h"}},
            value("after", "{{ big.output | length }}"),
            edges=["big>nap", "nap>after"],
            data="x" * 100_000,
        )
        await world.is_true(lambda: not world.engine.is_active(run_id))
        clock.forward(3_600_000)
        await world.keeper.round()
        assert await world.output(await world.end(run_id)) == 100_000


async def test_what_a_run_stored_apart_leaves_memory_with_it(world):
    release = asyncio.Event()

    async def work(context, value):
        await release.wait()
        return value

    world.does["work"] = work
    call = {"id": "a", "type": "call", "config": {"do": "work"}, "inputs": {"value": "{{ trigger.data }}"}}
    run_id = await world.begin(call, data="x" * 100_000)
    await world.is_true(lambda: world.engine.payload_bytes >= 100_000)
    release.set()
    await world.end(run_id)
    await world.is_true(lambda: world.engine.active_count == 0)
    assert world.engine.payload_bytes == 0
