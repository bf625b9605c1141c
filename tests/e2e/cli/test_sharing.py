"""Orchestrators as the commands compose them: what REDIS_URL makes of several on one MongoDB, and of one alone."""

import asyncio
import os
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import pytest
import redis.asyncio

from flume.cli.serving import serving
from flume.cli.settings import read_settings
from flume.errors import SettingError
from flume.source import read_source
from orchestrator.bus import RunChanged, namespace_topic
from orchestrator.buses.memory import MemoryBus
from orchestrator.buses.redis.bus import RedisBus
from orchestrator.runs import Start
from orchestrator.state import RunStatus
from tests.servers.valkey import url_of

WITHIN_S = 10
DOCUMENT = """
apiVersion: flume/v1
kind: Pipeline
metadata: {name: demo}
nodes:
- {id: pause, type: delay, config: {duration: 300ms}}
"""


@pytest.fixture
def open_server(tmp_path, mongodb_url):
    """Opens servers on one database, or on a folder of their own."""
    database = f"flume-{uuid4().hex[:8]}"

    @asynccontextmanager
    async def opened(redis_url, *, is_alone=False):
        data = str(tmp_path / uuid4().hex)
        given = {"FLUME_DATA": data, "FLUME_GRACE": "0", "DB_NAME": database, "REDIS_URL": redis_url}
        place = "" if is_alone else mongodb_url
        async with serving(read_settings(given), "127.0.0.1", 0, secrets={}, mongodb_url=place) as server:
            yield server.orchestrator

    return opened


async def until(condition):
    async with asyncio.timeout(WITHIN_S):
        while not condition():  # noqa: ASYNC110 (what is waited for is no event)
            await asyncio.sleep(0.005)


async def started(orchestrator):
    record = (await orchestrator.pipelines.save(read_source(DOCUMENT))).record
    return (await orchestrator.runs.start(record, Start())).run_id


async def ended(subscription, run_id):
    async with asyncio.timeout(WITHIN_S):
        async for message in subscription:
            if isinstance(message, RunChanged) and message.run_id == run_id and message.status.is_ended:
                return message.status


@pytest.mark.slow
async def test_what_happens_at_one_orchestrator_is_told_at_the_other_while_redis_is_there_and_happens_without(
    open_server, redis_server
):
    topic = namespace_topic("default")
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(open_server(url_of(redis_server))) for _ in range(2)]
        with other.bus.subscribe(topic) as subscription:
            await until(lambda: one.bus.has_watchers(topic))
            assert await ended(subscription, await started(one)) is RunStatus.COMPLETED

        redis_server.stop()
        await until(lambda: not (one.bus.is_connected or other.bus.is_connected))
        with one.bus.subscribe(topic) as subscription:
            run_id = await started(one)
            assert await ended(subscription, run_id) is RunStatus.COMPLETED
        assert (await other.store.load_run(run_id)).run.status is RunStatus.COMPLETED


@pytest.mark.slow
async def test_all_that_is_in_redis_is_flumes_and_has_a_time_to_live(open_server, redis_server):
    async with open_server(url_of(redis_server)) as one, redis.asyncio.Redis.from_url(url_of(redis_server)) as client:
        await until(lambda: one.bus.is_connected)
        await until(lambda: one.bus.has_watchers(f"replica:{one.id}"))
        channels = [channel.decode() for channel in await client.pubsub_channels()]
        assert len(channels) == 2
        assert all(channel.startswith("flume:") for channel in channels)
        for key in await client.keys("*"):
            assert key.startswith(b"flume:")
            assert await client.pttl(key) > 0


@pytest.mark.slow
async def test_an_orchestrator_on_a_folder_of_its_own_has_nobody_to_tell(open_server, redis_url):
    async with open_server(redis_url, is_alone=True) as alone:
        assert isinstance(alone.bus, MemoryBus)
    async with open_server(redis_url) as one:
        assert isinstance(one.bus, RedisBus)


@pytest.mark.slow
async def test_a_redis_that_is_not_there_keeps_nobody_from_starting(open_server):
    async with open_server("redis://127.0.0.1:1/0") as one:
        topic = namespace_topic("default")
        with one.bus.subscribe(topic) as subscription:
            assert await ended(subscription, await started(one)) is RunStatus.COMPLETED


def test_an_address_that_is_none_is_told_by_the_name_of_the_variable_alone():
    with pytest.raises(SettingError) as caught:
        read_settings({"REDIS_URL": "http://user:hunter22@host"})
    assert str(caught.value).startswith("REDIS_URL: expected an address such as redis://")
    assert "hunter22" not in str(caught.value)


@pytest.mark.slow
def test_without_redis_url_the_driver_is_not_loaded(tmp_path):
    code = """
import asyncio, sys
from flume.cli.serving import serving
from flume.cli.settings import read_settings

async def main():
    async with serving(read_settings({"FLUME_DATA": sys.argv[1]}), "127.0.0.1", 0, secrets={}):
        print("redis" in sys.modules)

asyncio.run(main())
"""
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    command = [sys.executable, "-P", "-c", code, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert found.stdout.split() == ["False"], found.stderr
