"""Limits that replicas share through a real Redis: never more than the limit, fairly, and locally where nobody answers."""

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from uuid import uuid4

import pytest
import redis.asyncio

from orchestrator.buses.redis.shares import RedisShares
from orchestrator.shared_limits import Need, SharedLimits, SharesError
from tests.servers.valkey import url_of

WITHIN_S = 10


@pytest.fixture
def prefix():
    return f"flume:{uuid4().hex}:limit:"


@asynccontextmanager
async def replica(url, prefix):
    async with aclosing(RedisShares(url, id=uuid4().hex[:8], prefix=prefix)) as shares:
        limits = SharedLimits(shares, jitter=lambda: 0.5)
        running = asyncio.create_task(limits.run())
        try:
            while not limits._is_answered:  # noqa: ASYNC110 (what is waited for is no event)
                await asyncio.sleep(0.001)
            yield limits
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


class Load:
    """Work of one replica: ``count`` pieces at a time for as long as it lasts, each of ``takes_s``."""

    def __init__(self, limits, *, limit, takes_s=0.02):
        self.gate = limits.gate("type", limit)
        self.takes_s = takes_s
        self.done = 0
        self.inside = 0

    async def work(self, run):
        while True:
            async with self.gate.slot(run):
                self.inside += 1
                try:
                    await asyncio.sleep(self.takes_s)
                finally:
                    self.inside -= 1
                self.done += 1

    @asynccontextmanager
    async def going_on(self, count):
        workers = [asyncio.create_task(self.work(f"run-{number}")) for number in range(count)]
        try:
            yield
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


async def watch(loads, seconds):
    """The most that were inside at a time."""
    most = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        most = max(most, sum(load.inside for load in loads))
        await asyncio.sleep(0.001)
    return most


@pytest.mark.slow
async def test_replicas_together_have_no_more_under_way_than_the_limit_and_each_has_its_part(redis_url, prefix):
    async with AsyncExitStack() as stack:
        loads = [Load(await stack.enter_async_context(replica(redis_url, prefix)), limit=6) for _ in range(3)]
        for load in loads:
            await stack.enter_async_context(load.going_on(10))
        assert await watch(loads, 2) == 6
        for load in loads:
            load.done = 0
        await watch(loads, 1)
        done = [load.done for load in loads]
        assert min(done) > max(done) / 2, done


@pytest.mark.slow
async def test_one_who_comes_later_gets_its_part_and_gives_it_back(redis_url, prefix):
    async with replica(redis_url, prefix) as one, replica(redis_url, prefix) as other:
        first, second = Load(one, limit=4), Load(other, limit=4)
        async with first.going_on(10):
            assert await watch([first], 0.5) == 4
            async with second.going_on(10):
                assert await watch([first, second], 1) == 4
                assert [await watch([first], 0.3), await watch([second], 0.3)] == [2, 2]
            await asyncio.sleep(0.7)
            assert await watch([first], 0.3) == 4


@pytest.mark.slow
async def test_where_there_is_less_than_one_for_each_they_take_turns(redis_url, prefix):
    async with AsyncExitStack() as stack:
        loads = [Load(await stack.enter_async_context(replica(redis_url, prefix)), limit=1) for _ in range(3)]
        for load in loads:
            await stack.enter_async_context(load.going_on(3))
        async with asyncio.timeout(2 * WITHIN_S):
            while any(load.done <= 30 for load in loads):
                assert await watch(loads, 0.5) <= 1


@pytest.mark.slow
async def test_the_part_of_a_replica_that_died_is_free_after_a_while(redis_url, prefix):
    async with aclosing(RedisShares(redis_url, id="dead", prefix=prefix)) as dead:
        assert await dead.share([Need("type", 2, 2, 2)]) == [2]
    async with replica(redis_url, prefix) as limits:
        load = Load(limits, limit=2)
        async with load.going_on(2):
            assert await watch([load], 0.5) == 0
            async with asyncio.timeout(WITHIN_S):
                while load.done == 0:  # noqa: ASYNC110 (what is waited for is no event)
                    await asyncio.sleep(0.05)


async def test_a_place_within_the_share_asks_nobody():
    asked = []

    class Counting:
        async def share(self, needs):
            asked.append(needs)
            return [need.wanted for need in needs]

    limits = SharedLimits(Counting())
    running = asyncio.create_task(limits.run())
    await asyncio.sleep(0)
    gate = limits.gate("type", 10)
    async with gate.slot("a"), gate.slot("b"):
        pass
    before = len(asked)
    for _ in range(100):
        async with gate.slot("a"), gate.slot("b"):
            await asyncio.sleep(0)
    assert len(asked) == before
    running.cancel()


async def test_keys_go_with_what_needed_them(redis_url, prefix):
    async with (
        aclosing(RedisShares(redis_url, id="a", prefix=prefix)) as shares,
        redis.asyncio.Redis.from_url(redis_url) as client,
    ):
        await shares.share([Need("type", 2, 1, 2)])
        assert 0 < await client.pttl(prefix + "type") <= 5_000
        await shares.share([Need("type", 2, 0, 0)])
        assert await client.exists(prefix + "type") == 0


@pytest.mark.slow
async def test_without_redis_each_replica_has_the_whole_limit_and_with_it_they_share_again(
    redis_server, prefix, caplog
):
    url = url_of(redis_server)
    async with replica(url, prefix) as one, replica(url, prefix) as other:
        first, second = Load(one, limit=2), Load(other, limit=2)
        async with first.going_on(5), second.going_on(5):
            assert await watch([first, second], 1) == 2
            redis_server.stop()
            await asyncio.sleep(0.8)
            assert await watch([first, second], 0.5) == 4
            redis_server.start()
            async with asyncio.timeout(WITHIN_S):
                while await watch([first, second], 0.5) > 2:
                    pass
            assert await watch([first, second], 0.5) == 2
    assert len([each for each in caplog.records if "limits are not shared" in each.message]) == 2


@pytest.mark.slow
async def test_a_redis_that_stands_still_holds_an_attempt_up_for_half_a_second_once(redis_server, prefix):
    url = url_of(redis_server)
    async with redis.asyncio.Redis.from_url(url) as client:
        pid = (await client.info("server"))["process_id"]
    async with replica(url, prefix) as limits:
        os.kill(pid, signal.SIGSTOP)
        try:
            for most_s in (1.0, 0.1):
                async with asyncio.timeout(most_s), limits.gate("type", 2).slot("run"):
                    pass
        finally:
            os.kill(pid, signal.SIGCONT)


async def test_a_redis_that_is_not_there_says_so():
    async with aclosing(RedisShares("redis://127.0.0.1:1/0", id="a", prefix="x")) as shares:
        with pytest.raises(SharesError):
            await shares.share([])
