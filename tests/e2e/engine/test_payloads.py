import asyncio

import pytest

from flume.errors import NodeError
from flume.ids import NodeId
from orchestrator.state import Inline, PayloadRef, RunStatus
from orchestrator.values import MAX_CACHED_BYTES, MAX_INLINE_BYTES, MAX_INLINE_RUN_BYTES, PayloadCache, RunValues


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


@pytest.fixture
def most(monkeypatch):
    """Sets how large a value may be."""

    def allow(size):
        for module in ("values", "gathering"):
            monkeypatch.setattr(f"orchestrator.{module}.MAX_VALUE_BYTES", size)

    return allow


DOUBLE = "{{{{ {0} }}}}{{{{ {0} }}}}"
RETRIED = {"retry": {"attempts": 3}}


async def test_an_output_beyond_the_limit_fails_its_node_for_good(world, most):
    async def double(context, value):
        return value * 2

    world.does["double"] = double
    call = {"id": "a", "type": "call", "config": {"do": "double"}, "inputs": {"value": "{{ trigger.data }}"}}
    most(100_002)
    for node in (value("a", DOUBLE.format("trigger.data")), call):
        assert (await world.go(node | RETRIED, data="x" * 50_000)).status is RunStatus.COMPLETED
        run = await world.go(node | RETRIED, data="y" * 50_001)
        state = run.root.nodes[NodeId("a")]
        assert (run.status, state.error.code, state.attempt) == (RunStatus.FAILED, "too-large", 1)
        assert state.error.message.startswith("the value is larger than the limit of 100,002 bytes; give less")


async def test_results_of_a_loop_that_are_too_large_together_are_not_even_loaded(world, most, monkeypatch):
    loaded = []

    async def load(values, output):
        loaded.append(output)
        return await load_output(values, output)

    load_output = RunValues.load_output
    monkeypatch.setattr(RunValues, "load_output", load)
    # Only the value that was used last stays in memory.
    monkeypatch.setattr(world.engine, "_payloads", PayloadCache(most=0))
    body = {"nodes": [value("x", DOUBLE.format("item"))], "edges": []}
    each = {"id": "each", "type": "loop", "config": {"body": body}, "inputs": {"items": "{{ trigger.data }}"}}
    items = [letter * 50_000 for letter in "ab"]

    most(250_000)
    run = await world.go(each, data=[*items, "c"])
    assert (run.status, len(loaded) > 0) == (RunStatus.COMPLETED, True), run.root.error
    assert await world.output(run) == [*(item * 2 for item in items), "cc"]

    loaded.clear()
    run = await world.go(each, data=[*items, "d" * 50_000])
    state = run.root.nodes[NodeId("each")]
    assert (run.status, state.error.code, loaded) == (RunStatus.FAILED, "too-large", [])
    assert state.error.message.startswith("what its items give together is larger than the limit of 250,000 bytes")


async def test_the_errors_of_items_count_as_their_results(world, most):
    async def fail(context, value):
        raise NodeError("x" * 5_000, retryable=False)

    world.does["fail"] = fail
    body = {"nodes": [{"id": "x", "type": "call", "config": {"do": "fail"}}], "edges": []}
    each = {"id": "each", "type": "loop", "config": {"body": body, "times": 3, "onItemError": "collect"}}
    most(16_000)
    assert (await world.go(each)).status is RunStatus.COMPLETED
    most(15_000)
    run = await world.go(each)
    assert (run.status, run.root.error.code) == (RunStatus.FAILED, "too-large")
    assert run.root.error.message.startswith("what its items give together is larger")


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
