"""Functions that are somewhere else: they get orders, and speak to the orchestrator over HTTP when a test lets them."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from eventing.attempts import OpenAttempts
from eventing.cloudevents import encode_batch, encode_binary
from eventing.datarefs import large_data, payload_id, without_data
from eventing.in_process import InProcessExecutor
from eventing.invocations import LogRecord, Phase
from eventing.messages import Progressed, answer_event, attempt_of, progress_event, token_of
from flume.nodes.node import NodeSettings
from flume.nodes.outcomes import Result
from flume.pipeline import Lane

NODE = {"id": "a", "type": "call", "config": {"do": "x"}, "runOn": "cpu"}


class Elsewhere:
    """The `Executor` of the lanes outside the engine. It answers nothing itself; ``orders`` are all that it got."""

    def __init__(self):
        self.attempts = OpenAttempts()
        self.orders = []
        self._came = asyncio.Event()

    def execute_at_once(self, invocation, reports):
        return None

    async def execute(self, invocation, reports):
        self.orders.append(invocation)
        self._came.set()
        reports.phase(Phase.STARTING)
        with self.attempts.open(invocation, reports) as attempt:
            return (await attempt.answered).answer

    async def order(self, number=0):
        """The order with this number, once it has come."""
        async with asyncio.timeout(20):
            while len(self.orders) <= number:
                self._came.clear()
                await self._came.wait()
        return self.orders[number]


class Site:
    """An orchestrator, and what functions elsewhere say to it."""

    def __init__(self, world, elsewhere, client):
        self.world = world
        self.elsewhere = elsewhere
        self.client = client

    async def begin(self, *nodes, **more):
        """A run that has begun, and its first order."""
        started = len(self.elsewhere.orders)
        run_id = await self.world.begin(*(nodes or [NODE]), **more)
        return run_id, await self.elsewhere.order(started)

    async def post(self, *events):
        """Send reports, several as a batch; the response."""
        headers, body = encode_binary(events[0]) if len(events) == 1 else encode_batch(events)
        return await self.client.post("/events", content=body, headers=headers)

    async def keep(self, event):
        """Keep the data of an event apart; the event as it travels."""
        token = token_of(event)
        address = f"/api/v1/payloads/{payload_id(token, 'answer')}"
        headers = {"authorization": f"Bearer {token}", "flume-attempt": event.id}
        answer = await self.client.put(address, content=large_data(event), headers=headers)
        assert answer.status_code == 204, answer.text
        return without_data(event, f"http://flume{address}")


@asynccontextmanager
async def opened_site(open_world, folder=None, **options):
    elsewhere = Elsewhere()
    async with (
        InProcessExecutor(NodeSettings(), {}) as inline,
        open_world(
            folder,
            lanes={**dict.fromkeys(Lane, elsewhere), Lane.ENGINE: inline},
            attempts=elsewhere.attempts,
            **options,
        ) as world,
    ):
        transport = httpx.ASGITransport(world.orchestrator.endpoints)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield Site(world, elsewhere, client)


@pytest.fixture
def open_site(open_world):
    """Opens sites; arguments are those of `open_world`."""
    return lambda folder=None, **options: opened_site(open_world, folder, **options)


@pytest.fixture
async def site(open_site):
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(open_site())


def lines_of(*texts, first=0):
    """Lines as a function counts them."""
    return tuple(LogRecord(1_800_000_000_000, "info", text, {}, first + number) for number, text in enumerate(texts))


class Says:
    """What a function may say of an order."""

    @staticmethod
    def answer(order, output="done", *, logs=(), execute_ms=3, ready_ms=None, **facts):
        return Says.ended(order, Result(output, **facts), logs=logs, execute_ms=execute_ms, ready_ms=ready_ms)

    @staticmethod
    def ended(order, answer, *, logs=(), execute_ms=3, ready_ms=None):
        return answer_event(order, answer, logs=logs, execute_ms=execute_ms, ready_ms=ready_ms)

    @staticmethod
    def sign(order, offset=0, text="", logs=()):
        return progress_event(order, Progressed(attempt_of(order), order.token, offset, text, logs))

    @staticmethod
    def lines(*texts, first=0):
        return lines_of(*texts, first=first)

    @staticmethod
    def with_token(event, token):
        return replace(event, data={**event.data, "token": token})


@pytest.fixture
def says():
    return Says
