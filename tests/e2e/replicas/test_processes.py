"""Processes on one MongoDB, without Redis: restarted one after another under load, killed, and paused beyond their lease."""

import asyncio
import json
import time
from uuid import uuid4

import aiohttp
import pytest

from orchestrator.leases import LEASE_MS
from tests.faults.fleet import fleet_of
from tests.servers.mongodb import url_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WORK_S = 2
"""What 40 runs may take from when they are taken up, on a machine that has other things to do."""

STEPS = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: steps}
nodes:
  - {id: note, type: log, inputs: {message: hello}}
  - {id: nap, type: delay, config: {duration: %s}}
  - {id: last, type: template, config: {template: done}}
edges: [{from: note, to: nap}, {from: nap, to: last}]
"""


@pytest.fixture
def fleet(tmp_path, mongodb_url):
    """Three replicas on a database of their own."""
    settings = {"MONGODB_URL": mongodb_url, "DB_NAME": f"flume-{uuid4().hex}", "LOG_FORMAT": "json"}
    with fleet_of(3, tmp_path, settings) as replicas:
        yield replicas


@pytest.fixture
async def client():
    # A connection for each call: what a load balancer does with calls on an idle one that was closed is its own affair.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield session


async def begin(fleet, client, nap):
    for replica in fleet:
        replica.start()
    await asyncio.gather(*(replica.ready() for replica in fleet))
    document = (STEPS % nap).encode()
    async with client.post(
        f"{fleet[0].url}/pipelines", data=document, headers={"Content-Type": "application/yaml"}
    ) as answer:
        assert answer.status == 201, await answer.text()


async def runs_of(replica, client):
    items, cursor = [], ""
    while cursor is not None:
        async with client.get(
            f"{replica.url}/runs", params={"limit": "500", "cursor": cursor} if cursor else {"limit": "500"}
        ) as answer:
            page = await answer.json()
        items += page["items"]
        cursor = page["nextCursor"]
    return items


async def all_ended(replica, client, within_s):
    async with asyncio.timeout(within_s):
        while any(run["status"] in ("pending", "running") for run in await runs_of(replica, client)):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.1)
    return await runs_of(replica, client)


class Caller:
    """Starts runs, one after another, at whichever replica is next, and waits for each; remembers what was answered."""

    def __init__(self, name, fleet, client):
        self.name, self.fleet, self.client = name, fleet, client
        self.acknowledged, self.surprises = {}, []
        self.is_over = False

    async def call(self):
        number = 0
        while not self.is_over:
            key = f"{self.name}-{number}"
            run_id = None
            for place in range(1000):
                run_id = await self._try(self.fleet[(number + place) % len(self.fleet)], key)
                if run_id is not None:
                    break
                await asyncio.sleep(0.02)
            self.acknowledged[key] = run_id
            number += 1

    async def _try(self, replica, key):
        headers = {"Idempotency-Key": key, "Prefer": "wait=5"}
        try:
            async with self.client.post(f"{replica.url}/pipelines/steps/invoke", json=1, headers=headers) as answer:
                if answer.status in (200, 202):
                    return (await answer.json())["id"]
                if answer.status != 503 or "Retry-After" not in answer.headers:
                    self.surprises.append((answer.status, await answer.text()))
        except aiohttp.ClientConnectorError:
            # Nobody listens: a load balancer turns to another.
            pass
        except aiohttp.ClientError as error:
            self.surprises.append(repr(error))
        return None


class Watcher:
    """Follows the events of a run from replica to replica, each time from where the stream before ended."""

    def __init__(self, fleet, client, run_id):
        self.fleet, self.client, self.run_id = fleet, client, run_id
        self.names, self.surprises = [], []

    async def watch(self):
        last, turn = "", 0
        async with asyncio.timeout(60):
            while True:
                turn += 1
                url = f"{self.fleet[turn % len(self.fleet)].url}/runs/{self.run_id}/events"
                try:
                    async with self.client.get(url, headers={"Last-Event-ID": last} if last else {}) as answer:
                        if answer.status == 204:
                            return
                        async for line in answer.content:
                            if line.startswith(b"id: "):
                                last = line[4:].strip().decode()
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0.05)
                except aiohttp.ClientError as error:
                    self.surprises.append(repr(error))


async def test_a_rolling_restart_under_load_loses_nothing_and_nobody_is_told_more_than_to_come_back(
    fleet, client
) -> None:
    await begin(fleet, client, "100ms")
    async with client.post(f"{fleet[0].url}/pipelines/steps/invoke", json=1) as answer:
        watched = (await answer.json())["id"]
    callers = [Caller(name, fleet, client) for name in "abcd"]
    watcher = Watcher(fleet, client, watched)
    async with asyncio.TaskGroup() as tasks:
        for each in callers:
            tasks.create_task(each.call())
        tasks.create_task(watcher.watch())
        for replica in fleet:
            await asyncio.sleep(0.5)
            await replica.end()
            replica.start()
            await replica.ready()
        await asyncio.sleep(0.5)
        for each in callers:
            each.is_over = True

    runs = await all_ended(fleet[0], client, 20)
    acknowledged = {run_id for each in callers for run_id in each.acknowledged.values()}
    assert [surprise for each in (*callers, watcher) for surprise in each.surprises] == []
    assert {run["id"] for run in runs} == acknowledged | {watched}
    assert {run["status"] for run in runs} == {"completed"}
    assert len(acknowledged) == sum(len(each.acknowledged) for each in callers) > 20


async def test_runs_of_the_killed_and_of_the_paused_go_on_within_the_lease_and_two_seconds(fleet, client) -> None:
    await begin(fleet, client, "3s")
    killed, paused, left = fleet
    ids = []
    for replica in (killed, paused):
        for _ in range(20):
            async with client.post(f"{replica.url}/pipelines/steps/invoke", json=1) as answer:
                ids.append((await answer.json())["id"])

    killed.kill()
    paused.freeze()
    began = time.monotonic()
    runs = await all_ended(left, client, LEASE_MS / 1000 + 5)
    took_s = time.monotonic() - began
    paused.thaw()
    async with asyncio.timeout(10):
        while "the lease had ended before it was renewed" not in paused.log.read_text():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)

    assert {run["id"] for run in runs} == set(ids)
    assert {run["status"] for run in runs} == {"completed"}
    assert took_s < LEASE_MS / 1000 + 2 + WORK_S
    assert await runs_of(paused, client) == runs
    # One that was away itself has to watch the others for a lease before it knows.
    async with asyncio.timeout(LEASE_MS / 1000 + 2):
        while await _alive_at(paused, client) != {paused.process.pid, left.process.pid}:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.2)


async def _alive_at(replica, client):
    async with client.get(f"{replica.url}/orchestrators") as answer:
        return {each["pid"] for each in (await answer.json())["items"] if each["alive"]}


async def test_an_outage_of_the_store_is_told_once_makes_nobody_ready_and_loses_nothing(
    tmp_path, mongodb_server, client
) -> None:
    settings = {"MONGODB_URL": url_of(mongodb_server), "DB_NAME": "flume", "LOG_FORMAT": "json"}
    with fleet_of(2, tmp_path, settings) as fleet:
        await begin(fleet, client, "2s")
        ids = []
        for number in range(20):
            async with client.post(f"{fleet[number % 2].url}/pipelines/steps/invoke", json=1) as answer:
                ids.append((await answer.json())["id"])

        mongodb_server.stop()
        for replica in fleet:
            await _readiness(replica, client, 503)
        async with client.post(f"{fleet[0].url}/pipelines/steps/invoke", json=1) as refused:
            assert (refused.status, "Retry-After" in refused.headers) == (503, True)
        mongodb_server.start()
        for replica in fleet:
            await _readiness(replica, client, 200)
        runs = await all_ended(fleet[0], client, 30)

        told = ["the store can't be used; trying again until it can", "the store can be used again"]
        for replica in fleet:
            await _all_said(replica, "the store can", len(told))
        await asyncio.sleep(1)  # Were it told more often, it would be within a second.
        assert [_said(replica, "the store can") for replica in fleet] == [told, told]
    assert {run["id"] for run in runs} >= set(ids)
    assert {run["status"] for run in runs} == {"completed"}


async def _readiness(replica, client, status):
    url = replica.url.replace("/api/v1", "/readyz")
    async with asyncio.timeout(30):
        while True:
            async with client.get(url) as answer:
                if answer.status == status:
                    return
            await asyncio.sleep(0.1)


async def _all_said(replica, beginning, count):
    """A part that waits longest between its tries finds the store again last."""
    async with asyncio.timeout(30):
        while True:
            if len(_said(replica, beginning)) >= count:
                return
            await asyncio.sleep(0.1)


def _said(replica, beginning):
    lines = [json.loads(line) for line in replica.log.read_text().splitlines() if line.startswith("{")]
    return [line["message"] for line in lines if line["message"].startswith(beginning)]
