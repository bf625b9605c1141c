"""Two orchestrators side by side on one store, each with an app and a bus of its own that reaches nobody else.

That is the worst case: without Redis all that they know of each other is in the store. Leases are shorter than in earnest.
"""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from eventing.in_process import InProcessExecutor
from flume.cli.local import make_registry, wall_clock
from flume.errors import UnavailableError
from flume.ids import RunId
from flume.nodes import Node, NodeConfig, NodeInput
from flume.nodes.node import NodeSettings
from flume.pipeline import Lane
from flume.source import read_source
from orchestrator.admission import Limits
from orchestrator.api.access import access_for
from orchestrator.api.app import create_app
from orchestrator.bus import Bus
from orchestrator.buses.memory import MemoryBus
from orchestrator.service import Options, Parts, build_orchestrator
from orchestrator.stores.sqlite.store import SqliteStore

LEASE_S = 1.5

CALL = {"id": "work", "type": "call"}


class Line:
    """A replica's way to the store, which can be cut: then nothing comes through, as for a process that is paused."""

    def __init__(self, store):
        self._store = store
        self.is_cut = False

    def __getattr__(self, name):
        method = getattr(self._store, name)

        def guarded(*arguments, **named):
            if self.is_cut:
                raise UnavailableError("the store is out of reach")
            return method(*arguments, **named)

        return guarded


class Work:
    """What nodes of type ``call`` do at one replica: say that they have begun, and end when they are let."""

    def __init__(self):
        self.keys = []
        self.begun = asyncio.Semaphore(0)
        self.goes_on = asyncio.Event()

    def node_type(self):
        work = self

        class Call(Node):
            """Says that it has begun, and ends when it is let."""

            name = "call"

            class Config(NodeConfig):
                pass

            class Input(NodeInput):
                pass

            async def execute(self, input):
                work.keys.append(self.context.idempotency_key)
                work.begun.release()
                await work.goes_on.wait()
                return "done"

        return Call


class Replica:
    """What a test does with one of them."""

    def __init__(self, orchestrator, app, client, work, line):
        self.orchestrator = orchestrator
        self.engine = orchestrator.engine
        self.app = app
        self.client = client
        self.work = work
        self.line = line

    async def save(self, *nodes, name="sample", **more):
        document = {
            "apiVersion": "flume/v1",
            "kind": "Pipeline",
            "metadata": {"name": name},
            "nodes": list(nodes),
            **more,
        }
        return (await self.orchestrator.pipelines.save(read_source(json.dumps(document)))).record

    async def invoke(self, name="sample", **options):
        answer = await self.client.post(f"/api/v1/pipelines/{name}/invoke", **options)
        assert answer.status_code < 300, answer.text
        return answer

    async def begin(self, name="sample"):
        """The id of a run of which the work has begun here."""
        run_id = RunId((await self.invoke(name)).json()["id"])
        await self.work.begun.acquire()
        return run_id

    async def run(self, run_id):
        return (await self.client.get(f"/api/v1/runs/{run_id}")).json()

    async def ended(self, run_id):
        return await self.until(run_id, lambda run: run["status"] not in ("pending", "running"))

    async def until(self, run_id, is_enough):
        async with asyncio.timeout(15):
            while not is_enough(run := await self.run(run_id)):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.02)
        return run


@asynccontextmanager
async def replica_on(store, *, bus: Bus | None = None, clock=wall_clock, limits=None, grace_s=0.0):
    line, work = Line(store), Work()
    registry = make_registry([])
    registry.register(work.node_type())
    async with InProcessExecutor(NodeSettings(), {}) as executor:
        orchestrator = await build_orchestrator(
            Parts(
                store=line,
                bus=bus or MemoryBus(),
                registry=registry,
                executors=dict.fromkeys(Lane, executor),
                options=Options(grace_s=grace_s, fires_schedules=False, version="1.2.3", limits=limits or Limits()),
                clock=clock,
            )
        )
        app = create_app(orchestrator, access_for(listen_host="127.0.0.1"), version="1.2.3")
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            replica = Replica(orchestrator, app, client, work, line)
            async with orchestrator.working():
                yield replica


@pytest.fixture
def short_leases(monkeypatch):
    monkeypatch.setattr("orchestrator.leases.LEASE_MS", LEASE_S * 1000)
    monkeypatch.setattr("orchestrator.leases.RENEW_S", 0.3)
    monkeypatch.setattr("orchestrator.leases.WATCH_S", 1.0)
    monkeypatch.setattr("orchestrator.keeper.POLL_S", 0.1)


@pytest.fixture
async def store():
    async with SqliteStore.temporary() as opened:
        yield opened


@pytest.fixture
async def open_replica(store, short_leases):
    """Opens one more replica that lives until the test ends: ``await open_replica()``."""
    async with AsyncExitStack() as stack:

        async def opened(**options):
            return await stack.enter_async_context(replica_on(store, **options))

        yield opened


@pytest.fixture
async def two(open_replica):
    """Two replicas that have heard of each other."""
    replicas = [await open_replica(), await open_replica()]
    async with asyncio.timeout(5):
        while not all(each.orchestrator.leases.has_company for each in replicas):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    return replicas
