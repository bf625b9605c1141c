"""What a bus between replicas promises beyond every bus: nothing is missed unnoticed, and Redis may do what it wants."""

import asyncio
import logging
import os
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
import redis.asyncio

from flume.ids import RunId
from orchestrator.bus import Overrun, PipelineChanged, Progress
from orchestrator.buses.redis.bus import RedisBus
from orchestrator.buses.redis.link import LinkError, RedisLinks
from tests.contract.bus.redis_ends import QUICK, redis_bus
from tests.servers.valkey import url_of

WITHIN_S = 5


def message(number):
    return PipelineChanged("p", "default", str(number), "saved")


async def until(condition):
    async with asyncio.timeout(WITHIN_S):
        while not condition():  # noqa: ASYNC110 (what is waited for is no event)
            await asyncio.sleep(0.002)


async def got(subscription, wanted):
    """Wait until a message has come; all that came until then."""
    came = []
    async with asyncio.timeout(WITHIN_S):
        while wanted not in came:
            await subscription.wait()
            came += subscription.take()
    return came


@pytest.fixture
def prefix():
    return f"flume:{uuid4().hex}:bus:"


@pytest.fixture
async def client(redis_url):
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield client


class DeafLinks:
    """Links whose letters can be kept back, as by a replica that is slow to hear."""

    def __init__(self, url):
        self.links = RedisLinks(url)
        self.hearing = asyncio.Event()
        self.hearing.set()

    @asynccontextmanager
    async def link(self, channels):
        async with self.links.link(channels) as link:
            yield DeafLink(link, self.hearing)


class DeafLink:
    def __init__(self, link, hearing):
        self.link = link
        self.hearing = hearing
        self.publish = link.publish

    async def receive(self, *, timeout_s):
        content = await self.link.receive(timeout_s=timeout_s)
        await self.hearing.wait()
        return content


async def test_a_new_watcher_is_told_to_look_again_once_the_others_know_of_it(redis_url, prefix):
    deaf = DeafLinks(redis_url)
    near = RedisBus(deaf.link, id="near", prefix=prefix, timing=replace(QUICK, silence=60, answer=60))
    async with near.working(), redis_bus(redis_url, prefix, replace(QUICK, answer=60)) as far:
        await until(lambda: near.is_connected and far.is_connected)
        with far.subscribe("sentinel"):
            await until(lambda: near.has_watchers("sentinel"))
            deaf.hearing.clear()
            with far.subscribe("a") as subscription:
                # A commit here is told to nobody: the near end has not heard of the watcher, who has read the store already.
                assert not near.has_watchers("a")
                await asyncio.sleep(0.1)
                assert subscription.take() == []

                deaf.hearing.set()

                await got(subscription, Overrun())
                assert near.has_watchers("a")


@pytest.mark.slow
async def test_a_replica_that_does_not_answer_keeps_no_watcher_waiting_and_is_made_up_for_when_it_does(
    redis_url, prefix
):
    deaf = DeafLinks(redis_url)
    near = RedisBus(deaf.link, id="near", prefix=prefix, timing=replace(QUICK, silence=60))
    async with near.working(), redis_bus(redis_url, prefix, replace(QUICK, forget=60)) as far:
        with far.subscribe("sentinel"):
            await until(lambda: near.has_watchers("sentinel"))
            deaf.hearing.clear()
            with far.subscribe("a") as subscription:
                await got(subscription, Overrun())
                assert not near.has_watchers("a")
                deaf.hearing.set()
                await got(subscription, Overrun())
                assert near.has_watchers("a")


async def test_a_lone_replica_tells_its_watchers_nothing_and_sends_nothing_of_what_nobody_watches(
    client, redis_url, prefix
):
    async with redis_bus(redis_url, prefix, replace(QUICK, beat=60, silence=60)) as bus:
        await until(lambda: bus.is_connected)
        with bus.subscribe("a") as subscription:
            await asyncio.sleep(0.1)
            before = (await client.info("commandstats"))["cmdstat_publish"]["calls"]
            for number in range(100):
                bus.publish("b", message(number))
            await asyncio.sleep(0.05)
            assert (await client.info("commandstats"))["cmdstat_publish"]["calls"] == before
            assert subscription.take() == []


async def test_what_many_watch_is_said_in_few_round_trips(client, redis_url, prefix):
    async with redis_bus(redis_url, prefix) as near, redis_bus(redis_url, prefix) as far:
        with far.subscribe("a") as subscription:
            await until(lambda: near.has_watchers("a"))
            before = (await client.info("commandstats"))["cmdstat_publish"]["calls"]
            for number in range(900):
                near.publish("a", message(number))
            await got(subscription, message(899))
            assert (await client.info("commandstats"))["cmdstat_publish"]["calls"] - before < 20


async def test_a_replica_that_began_later_hears_what_is_watched(redis_url, prefix):
    async with redis_bus(redis_url, prefix, replace(QUICK, beat=60, silence=60)) as far:
        await until(lambda: far.is_connected)
        with far.subscribe("a") as subscription:
            async with redis_bus(redis_url, prefix) as near:
                await until(lambda: near.has_watchers("a"))
                near.publish("a", message(1))
                # It may have said something before it knew.
                assert Overrun() in await got(subscription, message(1))


async def test_a_replica_that_leaves_is_forgotten_at_once(redis_url, prefix):
    async with redis_bus(redis_url, prefix, replace(QUICK, forget=60)) as near, AsyncExitStack() as leaving:
        far = await leaving.enter_async_context(redis_bus(redis_url, prefix))
        leaving.enter_context(far.subscribe("a"))
        await until(lambda: near.has_watchers("a"))
        await leaving.aclose()
        await until(lambda: not near.has_watchers("a"))


@pytest.mark.slow
async def test_a_replica_that_died_is_forgotten_after_a_while_and_what_it_may_have_done_is_looked_for(
    redis_url, prefix
):
    links = RedisLinks(redis_url)
    timing = replace(QUICK, forget=0.3, answer=60)
    async with redis_bus(redis_url, prefix, timing) as near, links.link((prefix + "dead",)) as dead:
        await until(lambda: near.is_connected)
        with near.subscribe("b") as subscription:
            await dead.publish([(prefix + "all", b'[1,"hello","dead",1,["a"]]')], timeout_s=1)
            await until(lambda: near.has_watchers("a"))
            assert subscription.take() == []
            await got(subscription, Overrun())
            assert not near.has_watchers("a")


async def test_a_replica_that_was_forgotten_is_asked_what_it_watches(redis_url, prefix):
    async with redis_bus(redis_url, prefix) as near, redis_bus(redis_url, prefix) as far:
        with far.subscribe("a"):
            await until(lambda: near.has_watchers("a"))
            near._peers.forget(far.id)
            assert not near.has_watchers("a")
            await until(lambda: near.has_watchers("a"))


@pytest.mark.parametrize("end", ["near", "far"])
async def test_a_connection_that_breaks_at_either_end_is_told_to_the_watchers(client, redis_url, prefix, end):
    near_url, far_url = (f"{redis_url}?client_name={prefix}{name}" for name in ("near", "far"))
    async with redis_bus(near_url, prefix) as near, redis_bus(far_url, prefix) as far:
        with far.subscribe("a") as subscription:
            await until(lambda: near.has_watchers("a"))
            await asyncio.sleep(0.1)
            subscription.take()
            for each in await client.client_list():
                if each["name"] == prefix + end:
                    await client.client_kill_filter(_id=each["id"])
            await got(subscription, Overrun())
            async with asyncio.timeout(WITHIN_S):
                while message(1) not in subscription.take():
                    near.publish("a", message(1))
                    await asyncio.sleep(0.01)


async def test_a_queue_that_ran_over_is_told_to_the_watchers(redis_url, prefix):
    async with redis_bus(redis_url, prefix) as near, redis_bus(redis_url, prefix) as far:
        with far.subscribe("other") as other, far.subscribe("a") as subscription:
            await until(lambda: near.has_watchers("a") and near.has_watchers("other"))
            await asyncio.sleep(0.1)
            other.take()
            for number in range(1_001):
                near.publish("a", message(number))
            assert await got(subscription, message(1_000))
            assert Overrun() in other.take()


async def test_a_message_that_is_too_large_sends_its_watchers_to_the_store(redis_url, prefix):
    async with redis_bus(redis_url, prefix) as near, redis_bus(redis_url, prefix) as far:
        with far.subscribe("a") as subscription:
            await until(lambda: near.has_watchers("a"))
            await asyncio.sleep(0.1)
            subscription.take()
            near.publish("a", Progress(RunId("r"), "n", 1, 0, "x" * 100_000))
            await got(subscription, Overrun())


HOSTILE = (
    b"",
    b"no json",
    b"\xff" * 10,
    b"[" * 100_000,
    b"null",
    b'{"a":1}',
    b"[2]",
    b'[1,"hello","x"]',
    b'[1,"hello","x",1,[1]]',
    b'[1,"watching","x",1,["a"],[null],true]',
    b'[1,"news","x",false,[1]]',
    b'[1,"news","x",false,[["a","unheard of",1]]]',
    b'[1,"news","x",false,[["a","run","r","n","p",1,"no status"]]]',
    b'[1,"news","x",false,[["a","progress","r","n",1,-1,"t"]]]',
    b'[1,"news","x",false,[["a","logs","r","p",[[]]]]]',
    b'[1,"heard","x",99999999999]',
    b'[1,"watching","stranger",1,[],["a"],false]',
    b"x" * 5_000_000,
)


async def test_whatever_comes_is_dropped_and_counted_and_harms_nobody(client, redis_url, prefix, caplog):
    async with redis_bus(redis_url, prefix) as near, redis_bus(redis_url, prefix) as far:
        with far.subscribe("a") as subscription:
            await until(lambda: near.has_watchers("a"))
            for content in HOSTILE:
                await client.publish(prefix + "all", content)
                await client.publish(prefix + far.id, content)
            near.publish("a", message(1))
            came = await got(subscription, message(1))
            assert set(came) == {Overrun(), message(1)}
            assert far.unread > 20
            assert near.is_connected
    warnings = [record for record in caplog.records if "can't read" in record.message]
    assert len(warnings) == 2, "one for each replica"
    assert not any("unheard of" in str(vars(record)) for record in caplog.records), "what came is not repeated"


@pytest.mark.slow
async def test_redis_may_be_killed_and_come_back(redis_server, prefix, caplog):
    caplog.set_level(logging.INFO)
    url = url_of(redis_server)
    async with redis_bus(url, prefix) as near, redis_bus(url, prefix) as far:
        with far.subscribe("a") as subscription:
            await until(lambda: near.has_watchers("a"))
            redis_server.stop()
            await got(subscription, Overrun())
            await until(lambda: not (near.is_connected or far.is_connected))
            assert not near.has_watchers("a")
            near.publish("a", message(1))
            with near.subscribe("a") as own:
                near.publish("a", message(2))
                assert own.take() == [message(2)]
            redis_server.start()
            await until(lambda: near.has_watchers("a"))
            near.publish("a", message(3))
            came = await got(subscription, message(3))
            assert message(1) not in came
    assert len([record for record in caplog.records if "can't reach Redis" in record.message]) == 2, (
        "once for each replica"
    )
    assert len([record for record in caplog.records if "connected to Redis again" in record.message]) == 2


@pytest.mark.slow
async def test_a_redis_that_stands_still_is_noticed_and_delays_nobody_who_publishes(redis_server, prefix):
    url = url_of(redis_server)
    async with redis.asyncio.Redis.from_url(url) as client:
        pid = (await client.info("server"))["process_id"]
    async with redis_bus(url, prefix) as near, redis_bus(url, prefix) as far:
        with far.subscribe("a") as subscription:
            await until(lambda: near.has_watchers("a"))
            await asyncio.sleep(0.1)
            subscription.take()
            os.kill(pid, signal.SIGSTOP)
            try:
                began = asyncio.get_running_loop().time()
                for number in range(20_000):
                    near.publish("a", message(number))
                assert asyncio.get_running_loop().time() - began < 1
                await got(subscription, Overrun())
                await until(lambda: not (near.is_connected or far.is_connected))
            finally:
                os.kill(pid, signal.SIGCONT)
            await until(lambda: near.has_watchers("a"))
            near.publish("a", message("after"))
            await got(subscription, message("after"))


@pytest.mark.slow
async def test_a_process_that_stood_still_says_hello_again(redis_url, prefix):
    async with redis_bus(redis_url, prefix, replace(QUICK, forget=0.2)) as bus:
        await until(lambda: bus.is_connected)
        with bus.subscribe("a") as subscription:
            await asyncio.sleep(0.1)
            # The others may have forgotten it, and nothing came of what they said since.
            time.sleep(0.4)  # noqa: ASYNC251
            await got(subscription, Overrun())
            await until(lambda: bus.is_connected)


async def test_without_any_redis_it_is_a_bus_of_one_process_and_keeps_nothing_of_watchers_that_left():
    async with redis_bus("redis://127.0.0.1:1/0", "flume:none:") as bus:
        with bus.subscribe("b"):
            pass
        assert bus._left_at == {}
        with bus.subscribe("a") as subscription:
            bus.publish("a", message(1))
            assert message(1) in await got(subscription, message(1))
        assert not bus.is_connected


@pytest.mark.slow
async def test_a_redis_that_lets_nobody_publish_is_tried_ever_more_seldom_and_told_of_once(
    redis_server, prefix, caplog
):
    url = url_of(redis_server)
    async with redis.asyncio.Redis.from_url(url) as client:
        await client.acl_setuser(
            "mute", enabled=True, passwords=["+p"], channels=["*"], commands=["+subscribe", "+hello"]
        )
        mute = url.replace("redis://", "redis://mute:p@")
        async with redis_bus(mute, prefix, replace(QUICK, longest_pause=5)) as bus:
            await asyncio.sleep(1)
            with bus.subscribe("a") as subscription:
                bus.publish("a", message(1))
                assert message(1) in subscription.take()
        tries = (await client.info("commandstats"))["cmdstat_subscribe"]["calls"]
    assert 2 < tries < 10
    assert len([each for each in caplog.records if "can't reach Redis" in each.message]) == 1
    assert "refused" in vars(next(each for each in caplog.records if "can't reach Redis" in each.message))["reason"]


async def test_a_link_that_can_t_be_made_says_why_and_not_where_with_the_password():
    links = RedisLinks("redis://user:hunter22@127.0.0.1:1/0")
    with pytest.raises(LinkError) as caught:
        async with links.link(("a",)):
            pass
    assert "127.0.0.1:1" in str(caught.value)
    assert "hunter22" not in str(caught.value)


async def test_a_link_on_which_nothing_is_heard_is_given_up(redis_url, prefix):
    async with RedisLinks(redis_url).link((prefix,)) as link:
        with pytest.raises(LinkError, match="nothing was heard"):
            await link.receive(timeout_s=0.05)
