"""Who watches at one replica is told within a moment what happens at another, whether or not a bus connects the two."""

import asyncio
from contextlib import aclosing

import orjson
import pytest

from orchestrator.api.elsewhere import is_hidden
from orchestrator.api.logs import FollowedLog, followed_lines
from orchestrator.api.streams import Interest, namespace_events
from orchestrator.buses.memory import MemoryBus

pytestmark = pytest.mark.slow

CALL = {"id": "work", "type": "call"}
SAY = {"id": "say", "type": "log", "inputs": {"message": "hello"}}


async def test_lines_of_a_run_elsewhere_are_followed_to_their_end_without_waiting_for_a_heartbeat(two) -> None:
    one, other = two
    await one.save(CALL, SAY, edges=[{"from": "work", "to": "say"}])
    run_id = await one.begin()
    wanted = FollowedLog("default", run_id)

    async with aclosing(followed_lines(other.orchestrator, wanted, heartbeat_s=60)) as stream:
        first = asyncio.create_task(anext(stream))
        await asyncio.sleep(0.1)  # it has looked, and found nothing
        one.work.goes_on.set()
        async with asyncio.timeout(5):
            pieces = [await first] + [piece async for piece in stream]

    lines = [orjson.loads(piece.split(b"data: ")[1]) for piece in pieces if b"data: " in piece]
    assert [line["message"] for line in lines] == ["hello"]


async def until(claim):
    async with asyncio.timeout(5):
        while not claim():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def test_one_that_the_bus_does_not_reach_is_looked_for_in_the_store_while_all_others_are_on_it(
    open_replica,
) -> None:
    bus = MemoryBus()
    together = [await open_replica(bus=bus), await open_replica(bus=bus)]
    await until(lambda: all(each.orchestrator.leases.has_company for each in together))
    assert not any(is_hidden(each.orchestrator) for each in together)

    alone = await open_replica()
    await until(lambda: all(is_hidden(each.orchestrator) for each in (alone, *together)))
    await alone.save(CALL)
    async with (
        asyncio.timeout(5),
        aclosing(namespace_events(together[0].orchestrator, Interest("default"), heartbeat_s=60)) as stream,
    ):
        await anext(stream)
        reload = asyncio.create_task(anext(stream))
        await asyncio.sleep(1.2)  # the first look, from which on changes count
        await alone.begin()
        assert b"event: reload" in await reload
