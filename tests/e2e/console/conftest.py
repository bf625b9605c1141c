"""The console over the whole API in one process: what a browser would send, without one."""

import re
from contextlib import asynccontextmanager
from html import unescape

import httpx
import pytest

from console.app import beside, create_console
from console.assets import Assets
from console.engine import Engine
from console.gate import Doors
from console.in_process import InProcessTransport
from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from orchestrator.api.access import access_for, knows_host
from orchestrator.api.app import create_app
from orchestrator.api.tokens import parse_tokens

HELLO = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: hello, description: Greets <everybody>}
inputs:
  name: {type: string, description: Who is greeted, default: world}
  count: {type: integer, minimum: 1, default: 2}
nodes:
  - {id: greet, type: template, config: {template: "Hello {{ inputs.name }}"}}
  - {id: tell, type: log, inputs: {message: "told {{ inputs.name }}"}}
edges:
  - {from: greet, to: tell}
"""

BROKEN = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: broken}
nodes:
  - {id: before, type: template, config: {template: "before"}}
  - {id: fail, type: error, config: {message: "the disk is <full>"}}
edges:
  - {from: before, to: fail}
"""

WAITING = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: waiting}
triggers:
  - {type: cron, id: nightly, schedule: "0 2 * * *"}
  - {type: webhook, path: tickets}
nodes:
  - {id: sleep, type: delay, config: {duration: 1h}}
"""


class Browser:
    """Sends forms as a browser does: with cookies, and the hidden fields of the page that holds the form."""

    token = ""

    def __init__(self, client, api, orchestrator) -> None:
        self.client = client
        self.api = api
        self.orchestrator = orchestrator
        self.page = None

    async def open(self, path, *, expected=200, **headers):
        self.page = await self.client.get(path, headers=headers)
        assert self.page.status_code == expected, self.page.text
        return self.page.text

    async def send(self, path, *, expected=200, follow=True, key=None, headers=None, files=None, **fields):
        """Send a form of the page that is open; with ``follow``, the page that it leads to."""
        found = re.search(r'name="form_key" value="([^"]+)"', self.page.text) if self.page is not None else None
        body = {"form_key": key if key is not None else found.group(1) if found else "", **fields}
        given = {"Origin": "http://localhost:8000", **(headers or {})}
        answer = await self.client.post(path, data=body, files=files, headers=given)
        if follow and answer.status_code == 303:
            answer = await self.client.get(answer.headers["location"])
        assert answer.status_code == expected, answer.text
        self.page = answer
        return answer.text

    @property
    def path(self):
        return self.page.url.path

    @property
    def words(self):
        """The text of the page that is open, without its tags."""
        text = re.sub(r"<script.*?</script>|<[^>]+>", " ", self.page.text, flags=re.DOTALL)
        return " ".join(unescape(text).split())

    async def save(self, text):
        answer = await self.api.post(
            "/api/v1/pipelines", content=text, headers={"Content-Type": "application/yaml", **self._token()}
        )
        assert answer.status_code == 201, answer.text

    async def run(self, name, data=None, *, wait=20):
        answer = await self.api.post(
            f"/api/v1/pipelines/{name}/invoke", json=data or {}, headers={"Prefer": f"wait={wait}", **self._token()}
        )
        return answer.headers["flume-run"]

    def _token(self):
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@asynccontextmanager
async def opened(*, tokens="", **given):
    composition = Composition(Settings(grace=0), {}, None, fires_schedules=False)
    async with local_orchestrator(composition) as orchestrator:
        access = access_for(listen_host="127.0.0.1", tokens=parse_tokens(tokens))
        api = create_app(orchestrator, access, version="1.2.3")
        engine = Engine.in_process(api)
        doors = Doors(lambda host: knows_host(access, host))
        console = create_console(engine, Assets.none(), doors, version="1.2.3", **given)
        transport = InProcessTransport(beside(api, console))
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client,
            httpx.AsyncClient(transport=InProcessTransport(api), base_url="http://localhost:8000") as direct,
        ):
            yield Browser(client, direct, orchestrator)
        await engine.close()


@pytest.fixture
def open_console():
    return opened


@pytest.fixture
async def browser():
    async with opened() as made:
        yield made


@pytest.fixture
async def filled(browser):
    """With pipelines, and a run that completed, one that failed, and one under way."""
    for text in (HELLO, BROKEN, WAITING):
        await browser.save(text)
    browser.completed = await browser.run("hello", {"name": "Ada"})
    browser.failed = await browser.run("broken")
    browser.waiting = await browser.run("waiting", wait=0)
    return browser
