"""What a memo of several processes promises beyond: what a process that died leaves, and what is without Redis."""

import asyncio
import os
import signal
from contextlib import aclosing
from hashlib import sha256

import pytest
import redis.asyncio

from flume.nodes.outcomes import Result
from functions import shared_memo as module
from functions.memo import Names
from functions.redis_shelf import RedisShelf
from functions.shared_memo import Busy, Claimed, Found, ShelfError
from tests.contract.memo.conftest import shared_memo
from tests.servers.valkey import url_of

KEEP_S = 1.0


@pytest.fixture
async def client(redis_url):
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield client


def key_of(kind, text):
    return f"flume:{kind}:{sha256(text.encode()).hexdigest()[:40]}"


async def test_keys_have_a_time_to_live_and_work_that_ended_leaves_none(client, redis_url, name, work):
    waiting = work(waits=True)
    async with aclosing(shared_memo(redis_url)) as memo:
        doing = asyncio.create_task(memo.once(f"{name}.1", name, 3600, waiting))
        await waiting.begun.wait()
        assert 0 < await client.pttl(key_of("work", f"key:{name}")) <= 15_000
        waiting.may_end.set()
        await doing
    assert await client.exists(key_of("work", f"key:{name}")) == 0
    for text in (f"event:{name}.1", f"key:{name}"):
        assert 3_500_000 < await client.pttl(key_of("memo", text)) <= 3_600_000


async def test_work_of_a_process_that_died_is_done_by_one_that_waits(redis_url, name, work):
    async with aclosing(RedisShelf(redis_url)) as dead, aclosing(shared_memo(redis_url)) as memo:
        assert await dead.find(Names.of(name, name), claim_s=0.2) == Claimed()
        assert (await memo.once(name, name, KEEP_S, work())).answer == Result("done")


async def test_work_stays_claimed_for_as_long_as_it_takes(redis_url, name, work, monkeypatch):
    monkeypatch.setattr(module, "CLAIM_S", 0.15)
    monkeypatch.setattr(module, "CLAIM_AGAIN_S", 0.03)
    waiting = work(waits=True)
    async with aclosing(shared_memo(redis_url)) as memo, aclosing(RedisShelf(redis_url)) as other:
        doing = asyncio.create_task(memo.once(name, name, KEEP_S, waiting))
        await waiting.begun.wait()
        await asyncio.sleep(0.4)
        assert await other.find(Names.of(name, name), claim_s=1) == Busy()
        waiting.may_end.set()
        await doing
        assert isinstance(await other.find(Names.of(name, name), claim_s=1), Found)


async def test_a_claim_of_one_s_own_that_was_left_over_is_no_obstacle(redis_url, name):
    async with aclosing(RedisShelf(redis_url)) as shelf, aclosing(RedisShelf(redis_url)) as other:
        for _ in range(2):
            assert await shelf.find(Names.of(name, name), claim_s=60) == Claimed()
        assert await other.find(Names.of(name, name), claim_s=60) == Busy()
        await other.give_up(Names.of(name, name))
        assert await other.find(Names.of(name, name), claim_s=60) == Busy()
        await shelf.give_up(Names.of(name, name))
        assert await other.find(Names.of(name, name), claim_s=60) == Claimed()


async def test_an_answer_that_is_too_large_is_remembered_by_its_process_alone(redis_url, name, work, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 1_000)
    large, again = work(Result("x" * 2_000)), work()
    async with aclosing(shared_memo(redis_url)) as first, aclosing(shared_memo(redis_url)) as second:
        await first.once(name, name, KEEP_S, large)
        await first.once(name, name, KEEP_S, large)
        await second.once(name, name, KEEP_S, again)
    assert (large.times, again.times) == (1, 1)


@pytest.mark.parametrize("content", [b"", b"no json", b"[1]", b'["dev.flume.node.unheard", {}]', b'["x", 1]'])
async def test_what_can_t_be_read_is_done_again(client, redis_url, name, work, content, caplog):
    await client.set(key_of("memo", f"key:{name}"), content, ex=60)
    async with aclosing(shared_memo(redis_url)) as memo:
        assert (await memo.once(name, name, KEEP_S, work())).answer == Result("done")
    assert "can't be read" in caplog.text


@pytest.mark.slow
async def test_without_redis_each_process_remembers_by_itself_and_says_so_once(redis_server, name, work, caplog):
    caplog.set_level("INFO")
    async with aclosing(shared_memo(url_of(redis_server))) as memo:
        once = work()
        await memo.once(f"{name}.1", f"{name}.1", KEEP_S, once)
        redis_server.stop()
        for number in (1, 2, 3, 3):
            await memo.once(f"{name}.{number}", f"{name}.{number}", KEEP_S, once)
        assert once.times == 3
        assert len([each for each in caplog.records if "by this process alone" in each.message]) == 1
        redis_server.start()
        memo._retry_at = 0
        await memo.once(f"{name}.4", f"{name}.4", KEEP_S, once)
        assert "remembered for all processes again" in caplog.text


@pytest.mark.slow
async def test_a_redis_that_stands_still_holds_one_order_up_and_not_the_next_ones(redis_server, name, work):
    url = url_of(redis_server)
    async with redis.asyncio.Redis.from_url(url) as client:
        pid = (await client.info("server"))["process_id"]
    async with aclosing(shared_memo(url)) as memo:
        await memo.once(f"{name}.0", f"{name}.0", KEEP_S, work())
        os.kill(pid, signal.SIGSTOP)
        try:
            for number, most_s in ((1, 1.5), (2, 0.1), (3, 0.1)):
                async with asyncio.timeout(most_s):
                    await memo.once(f"{name}.{number}", f"{name}.{number}", KEEP_S, work())
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.slow
async def test_redis_that_is_lost_while_work_is_done_loses_no_answer(redis_server, name, work):
    waiting = work(waits=True)
    async with aclosing(shared_memo(url_of(redis_server))) as memo:
        doing = asyncio.create_task(memo.once(name, name, KEEP_S, waiting))
        await waiting.begun.wait()
        redis_server.stop()
        waiting.may_end.set()
        done = await doing
        assert await memo.once(name, name, KEEP_S, work(Result("other"))) == done


async def test_an_address_that_is_none_is_told_without_its_password(redis_url):
    with pytest.raises(ShelfError) as caught:
        RedisShelf("redis://user:hunter22@host:port/0")
    assert "REDIS_URL" in str(caught.value)
    assert "hunter22" not in str(caught.value)
