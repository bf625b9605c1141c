"""The whole app, entrance included, over an orchestrator on a store of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from orchestrator.api.access import access_for
from orchestrator.api.app import create_app
from orchestrator.api.tokens import parse_tokens
from orchestrator.metrics import Metrics

YAML = {"Content-Type": "application/yaml"}

HELLO = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: hello, description: Greets, labels: {team: news}}  # a comment that is kept
nodes:
  - {id: greet, type: template, config: {template: "Hello"}}
"""


class Site:
    """The app and a client of it."""

    def __init__(self, orchestrator, app, client) -> None:
        self.orchestrator = orchestrator
        self.app = app
        self.client = client

    async def call(self, method, url, **options):
        return await self.client.request(method, url, **options)

    async def save(self, text=HELLO, *, name=None, namespace="default"):
        text = text if name is None else text.replace("name: hello", f"name: {name}")
        answer = await self.call("POST", f"/api/v1/pipelines?namespace={namespace}", content=text, headers=YAML)
        assert answer.status_code == 201, answer.text
        return answer


@asynccontextmanager
async def opened(
    *, tokens="", listen_host="127.0.0.1", is_open=False, max_runs=20_000, max_memory_mib=None, secrets=None, **access
) -> AsyncIterator[Site]:
    metrics = Metrics()
    settings, secrets = Settings(grace=0, max_runs=max_runs, max_memory_mib=max_memory_mib), secrets or {}
    composition = Composition(settings, secrets, None, observer=metrics, fires_schedules=False)
    async with local_orchestrator(composition) as orchestrator:
        allowed = access_for(listen_host=listen_host, tokens=parse_tokens(tokens), is_open=is_open, **access)
        app = create_app(orchestrator, allowed, version="1.2.3", metrics=metrics, secrets=secrets)
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 4000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            yield Site(orchestrator, app, client)


@pytest.fixture
def open_site():
    return opened


@pytest.fixture
async def site():
    async with opened() as made:
        yield made
