"""A run that goes on from another keeps what it took over, whichever of the two is deleted first."""

import asyncio

import pytest

from flume.errors import NodeError, NotFoundError
from orchestrator.state import PayloadRef, RunStatus

LARGE = "x" * 100_000


def loop(node, items, body):
    return {
        "id": node,
        "type": "loop",
        "config": {"body": {"nodes": body}, "concurrency": 1},
        "inputs": {"items": items},
    }


def value(node, mapping):
    return {"id": node, "type": "json-transform", "config": {"mapping": mapping}}


def call(node, given):
    return {"id": node, "type": "call", "config": {"do": "work"}, "inputs": {"value": given}}


@pytest.fixture
async def world(open_world, clock):
    """A world whose runs are deleted a day after they end."""
    async with open_world(retention_days=1, clock=clock) as opened:
        opened.clock = clock
        yield opened


NESTED = (
    value("big", "{{ trigger.data }}"),
    loop("rows", ["a", "b"], [loop("cells", ["{{ item }}"], [call("work", "{{ item }}")])]),
    value("after", "{{ [big.output | length, trigger.data | length, rows.output] }}"),
)


class Work:
    """Gives a large text that begins with what it got. What begins with "b" fails at first, and then waits to be let."""

    def __init__(self):
        self.is_broken = True
        self.goes_on = asyncio.Event()
        self.seen = []

    async def __call__(self, context, value):
        self.seen.append(value)
        if value == "b":
            if self.is_broken:
                raise NodeError("no", retryable=False)
            await self.goes_on.wait()
        return value + LARGE


async def failed(world):
    work = world.does["work"] = Work()
    run = await world.go(*NESTED, edges=["big>rows", "rows>after"], data=LARGE)
    assert (run.status, work.seen) == (RunStatus.FAILED, ["a", "b"])
    work.is_broken = False
    world.clock.forward(1000)
    return run, work


async def delete(world, run):
    """Delete this run and no other: of each two the first one ended earlier."""
    stored = await world.store.load_run(run.id)
    assert await world.store.delete_expired(stored.expires_at, limit=10) == 1


async def test_a_retry_goes_on_and_is_whole_after_the_run_before_it_was_deleted(world):
    run, work = await failed(world)
    started = await world.runs.retry(await world.store.load_run(run.id))
    await delete(world, run)
    work.goes_on.set()
    again = await world.end(started.run_id)
    assert again.status is RunStatus.COMPLETED, again.root.error
    assert await world.output(again) == [len(LARGE), len(LARGE), [["a" + LARGE], ["b" + LARGE]]]
    assert work.seen == ["a", "b", "b"]
    assert isinstance(again.origin.trigger.data, PayloadRef)
    ((_, item),) = await world.store.read_items(again.id, "rows[0].cells")
    assert (await world.store.read_payload(item.nodes["work"].output.id)).content == b'"a' + LARGE.encode() + b'"'


async def test_shared_values_go_with_the_last_run_that_keeps_them(world):
    run, work = await failed(world)
    work.goes_on.set()
    again = await world.end((await world.runs.retry(await world.store.load_run(run.id))).run_id)
    shared = again.origin.trigger.data.id
    await delete(world, run)
    assert await world.store.read_payload(shared) is not None
    await delete(world, again)
    assert await world.store.read_payload(shared) is None


async def test_a_run_that_is_deleted_while_it_is_taken_over_is_told_as_gone(world):
    run, _ = await failed(world)
    stored = await world.store.load_run(run.id)
    await delete(world, run)
    with pytest.raises(NotFoundError, match=f"run '{run.id}'"):
        await world.runs.retry(stored)


async def test_items_that_were_deleted_before_they_could_be_taken_over_are_not_done_again(world):
    work = world.does["work"] = Work()
    run = await world.go(loop("rows", ["a", "c", "b"], [call("work", "{{ item }}")]))
    assert (run.status, work.seen) == (RunStatus.FAILED, ["a", "c", "b"])
    stored = await world.store.load_run(run.id)
    await delete(world, run)
    with pytest.raises(NotFoundError, match="its time was up just now"):
        await world.runs.retry(stored)
