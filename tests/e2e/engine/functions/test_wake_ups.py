"""Two replicas on one store: what arrives at one is known at once by the other, which has the run. None looks by itself here."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from eventing.cloudevents import encode_binary
from eventing.messages import attempt_of
from flume.ids import Instance
from orchestrator.bus import LogsWritten, Overrun, Progress, logs_topic, replica_topic, run_topic
from orchestrator.buses.memory import MemoryBus
from orchestrator.state import RunStatus
from tests.contract.bus.redis_ends import redis_bus
from tests.servers.valkey import url_of

WITHIN_S = 5
RARELY_S = 600


@dataclass
class Pair:
    """``site`` has the runs and knows their functions, which speak to ``other``."""

    site: object
    other: object
    client: httpx.AsyncClient
    reads: list
    """The runs that ``other`` has loaded."""

    async def post(self, event):
        headers, body = encode_binary(event)
        return await self.client.post("/events", content=body, headers=headers)


class CountingStore:
    """The store of another world, which notes the runs that are loaded."""

    def __init__(self, store):
        self.store = store
        self.reads = []

    def __getattr__(self, name):
        return getattr(self.store, name)

    async def load_run(self, run_id):
        self.reads.append(run_id)
        return await self.store.load_run(run_id)


@asynccontextmanager
async def _memory(redis_server):
    bus = MemoryBus()
    yield bus, bus


@asynccontextmanager
async def _redis(redis_server):
    prefix = f"flume:{uuid4().hex}:bus:"
    async with redis_bus(url_of(redis_server), prefix) as one, redis_bus(url_of(redis_server), prefix) as other:
        yield one, other


@pytest.fixture
def rare_looks(monkeypatch):
    """Keepers that hardly look for themselves."""
    monkeypatch.setattr("orchestrator.keeper.POLL_S", RARELY_S)


@pytest.fixture(params=[_memory, _redis], ids=["memory", "redis"])
async def pair(request, open_site, open_world, redis_server, rare_looks):
    async with AsyncExitStack() as stack:
        buses = await stack.enter_async_context(request.param(redis_server))
        site = await stack.enter_async_context(open_site(bus=buses[0]))
        store = CountingStore(site.world.store)
        other = await stack.enter_async_context(open_world(wrap=lambda _: store, bus=buses[1]))
        transport = httpx.ASGITransport(other.orchestrator.endpoints)
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1"))
        async with asyncio.timeout(WITHIN_S):
            topic = replica_topic(site.world.orchestrator.id)
            while not buses[1].has_watchers(topic):  # noqa: ASYNC110 (what is waited for is no event)
                await asyncio.sleep(0.002)
        yield Pair(site, other, client, store.reads)


async def test_an_answer_at_another_replica_ends_its_attempt_at_once(pair, says):
    run_id, order = await pair.site.begin()

    assert (await pair.post(says.answer(order, "elsewhere"))).status_code == 202

    async with asyncio.timeout(WITHIN_S):
        run = await pair.site.world.end(run_id)
    assert await pair.site.world.value(run, "a") == "elsewhere"


async def test_a_wish_to_cancel_at_another_replica_is_heard_at_once(pair):
    run_id, _ = await pair.site.begin()
    stored = await pair.site.world.store.load_run(run_id)

    owners = (pair.site.world.orchestrator.id, pair.other.orchestrator.id)
    assert await pair.other.runs.cancel(stored, reason="enough", live_owners=owners)

    async with asyncio.timeout(WITHIN_S):
        assert (await pair.site.world.end(run_id)).status is RunStatus.CANCELLED


async def test_a_sign_of_life_at_another_replica_counts_as_heard_where_it_is_waited_for(pair, says):
    _, order = await pair.site.begin()
    opened = pair.site.elsewhere.attempts.find(attempt_of(order))
    assert opened.heard_at is None

    assert (await pair.post(says.sign(order))).status_code == 202

    await pair.site.world.is_true(lambda: opened.heard_at is not None)
    assert opened.taken_up_at is not None


async def test_output_and_lines_that_come_to_one_replica_are_told_at_both_once(pair, says):
    run_id, order = await pair.site.begin()
    with (
        pair.site.world.orchestrator.bus.subscribe(run_topic(run_id)) as here,
        pair.other.orchestrator.bus.subscribe(run_topic(run_id), logs_topic("default")) as there,
    ):
        # The two topics of the other replica are made known together.
        await pair.site.world.is_true(lambda: pair.site.world.orchestrator.bus.has_watchers(logs_topic("default")))
        assert (await pair.post(says.sign(order, 0, "바다"))).status_code == 202
        assert (await pair.post(says.sign(order, 2, "!", logs=says.lines("at work")))).status_code == 202
        for subscription in (here, there):
            assert await until_text(subscription, "바다!") == [(0, "바다"), (2, "!")]
    assert [line.message for line in await pair.site.world.logs(run_id)] == ["at work"]


async def until_text(subscription, wanted):
    pieces = []
    async with asyncio.timeout(WITHIN_S):
        while "".join(text for _, text in pieces) != wanted:
            await subscription.wait()
            pieces += [(each.offset, each.text) for each in subscription.take() if isinstance(each, Progress)]
    return pieces


async def test_lines_kept_by_another_replica_are_told_to_those_who_follow_them(pair, says):
    _, order = await pair.site.begin()
    with pair.other.orchestrator.bus.subscribe(logs_topic("default")) as subscription:
        await pair.post(says.sign(order, logs=says.lines("at work")))
        told = [each for each in subscription.take() if each != Overrun()]
    assert [(each.pipeline, each.lines[0].message) for each in told if isinstance(each, LogsWritten)] == [
        (order.pipeline, "at work")
    ]


async def test_nobody_wants_a_sign_of_life_of_an_attempt_that_has_ended(pair, says):
    run_id, order = await pair.site.begin()
    await pair.site.world.engine.cancel(run_id)
    await pair.site.world.end(run_id)

    assert (await pair.post(says.sign(order))).status_code == 410


async def test_who_waits_for_an_attempt_is_not_looked_up_at_each_sign_of_life(pair, says):
    _, order = await pair.site.begin()
    for number in range(5):
        await pair.post(says.sign(order, number, "x"))
    assert pair.reads.count(order.run_id) == 1


async def test_runs_of_a_replica_that_stops_are_taken_up_by_another_at_once(open_site, rare_looks, says):
    bus = MemoryBus()
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(open_site(bus=bus, is_at_work=False))
        store = site.world.store
        other = await stack.enter_async_context(open_site(wrap=lambda _: store, bus=bus))
        async with site.world.orchestrator.working():
            run_id, order = await site.begin()
        async with asyncio.timeout(WITHIN_S):
            again = await other.elsewhere.order()
        assert (again.run_id, again.instance, again.key) == (run_id, Instance("a"), order.key)
        await other.post(says.answer(again))
        await other.world.end(run_id)


@pytest.mark.slow
async def test_without_redis_an_answer_at_another_replica_is_found_at_the_next_look(
    open_site, open_world, redis_server, says
):
    async with AsyncExitStack() as stack:
        buses = await stack.enter_async_context(_redis(redis_server))
        site = await stack.enter_async_context(open_site(bus=buses[0]))
        store = site.world.store
        other = await stack.enter_async_context(open_site(wrap=lambda _: store, bus=buses[1]))
        run_id, order = await site.begin()
        redis_server.stop()

        assert (await other.post(says.answer(order, "late"))).status_code == 202

        async with asyncio.timeout(WITHIN_S):
            assert (await site.world.end(run_id)).status is RunStatus.COMPLETED
