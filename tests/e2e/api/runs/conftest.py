"""The routes about runs, over a whole orchestrator on a store of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI, Request

from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.nodes import Node, NodeInput
from flume.source import read_source
from orchestrator.api import hooks, invoke, logs, runs, statistics, streams
from orchestrator.api.context import Caller, Role
from orchestrator.api.problems import install_problems


class Gates:
    """Nodes of type ``gate`` say that they have begun, and end when the test opens them."""

    def __init__(self) -> None:
        self.begun = asyncio.Semaphore(0)
        self.opened = asyncio.Event()

    def open(self) -> None:
        self.opened.set()

    def node_type(self):
        gates = self

        class Gate(Node):
            name = "gate"

            class Input(NodeInput):
                say: str = ""

            async def execute(self, input):
                self.context.progress("half")
                self.context.log("at the gate")
                gates.begun.release()
                await gates.opened.wait()
                return input.say or "open"

        return Gate


class Api:
    """What a test does with the API. ``gates`` holds up nodes of type ``gate``."""

    def __init__(self, orchestrator, app, client, gates) -> None:
        self.orchestrator = orchestrator
        self.app = app
        self.client = client
        self.gates = gates

    async def save(self, text, *, name="sample", namespace="default", state="active"):
        """Save a document that lacks its head."""
        head = f"apiVersion: flume/v1\nkind: Pipeline\nmetadata: {{name: {name}, namespace: {namespace}}}\nstate: {state}\n"
        return (await self.orchestrator.pipelines.save(read_source(head + text), namespace=namespace)).record

    async def get(self, url, **options):
        return await self.client.get(url, **options)

    async def post(self, url, **options):
        return await self.client.post(url, **options)

    async def invoke(self, *, name="sample", wait=None, **options):
        """Invoke a pipeline, waiting for up to ``wait`` seconds."""
        headers = options.pop("headers", {}) | ({} if wait is None else {"Prefer": f"wait={wait}"})
        return await self.post(f"/api/v1/pipelines/{name}/invoke", headers=headers, **options)

    async def ended(self, run_id):
        """The run as the API shows it, once it has ended."""
        with self.orchestrator.engine.watch(run_id) as watch:
            stored = await self.orchestrator.store.load_run(run_id)
            if not stored.run.status.is_ended:
                await watch.until(lambda run: run.status.is_ended)
        return (await self.get(f"/api/v1/runs/{run_id}")).json()


def make_app(orchestrator, secrets, namespaces=None):
    app = FastAPI()
    app.state.orchestrator = orchestrator
    app.state.secrets = secrets

    @app.middleware("http")
    async def know_the_caller(request: Request, call_next):
        request.state.caller = Caller("ada", Role.ADMIN, namespaces, "127.0.0.1")
        return await call_next(request)

    install_problems(app)
    for part in (runs, invoke, hooks, streams, logs, statistics):
        app.include_router(part.router)
    return app


@asynccontextmanager
async def opened(folder=None, secrets=None, namespaces=None, **settings) -> AsyncIterator[Api]:
    secrets = secrets or {}
    async with local_orchestrator(Composition(Settings(grace=0, **settings), secrets, folder)) as orchestrator:
        gates = Gates()
        orchestrator.registry.register(gates.node_type())
        app = make_app(orchestrator, secrets, namespaces)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield Api(orchestrator, app, client, gates)


@pytest.fixture
def open_api():
    return opened


@pytest.fixture
async def api():
    async with opened() as made:
        yield made
