"""A broker over HTTP that keeps its one promise, to deliver what it has acknowledged, and otherwise does all that a broker may.

It delivers events twice, late, in another order, and asks again where an answer was lost on its way.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from tests.servers.web_app import served

TRIED_AGAIN = frozenset({404, 408, 409, 429})
"""Knative's list, beside 5xx."""

DELIVERY_S = 60.0


@dataclass(frozen=True)
class Habits:
    """Chances of what it does to a delivery; ``delay_s`` is the longest by which it holds one back.

    ``deaf``: it does not hear the answer, and delivers again. ``lost``: an event about an attempt is acknowledged and forgotten,
    as by a broker that breaks its promise; others never are.
    """

    duplicates: float = 0.3
    delay_s: float = 0.5
    deaf: float = 0.1
    lost: float = 0.0


@dataclass(frozen=True)
class Event:
    """One event in binary mode: its ``ce-`` headers with the content type, and its data."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def type(self) -> str:
        """Its attribute."""
        return self.headers["ce-type"]


class UnrulyBroker:
    """``route`` says for each event where it goes now: it is asked anew for each try. None: nobody wants it."""

    def __init__(self, chance: random.Random, habits: Habits, route: Callable[[Event], str | None]) -> None:
        self.url = ""
        self._chance = chance
        self._habits = habits
        self._route = route
        self._deliveries: set[asyncio.Task[None]] = set()
        self._client: aiohttp.ClientSession

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["UnrulyBroker"]:
        """On a free port, for the length of the block; what is not delivered by its end is given up."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/", self._take)
        async with (
            served(app) as address,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DELIVERY_S)) as self._client,
        ):
            self.url = f"{address}/"
            try:
                yield self
            finally:
                await self._give_up()

    async def drain(self) -> None:
        """Wait until all that was taken is delivered, replies included."""
        while self._deliveries:
            await asyncio.wait(self._deliveries)

    async def _give_up(self) -> None:
        for delivery in self._deliveries:
            delivery.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)

    async def _take(self, request: web.Request) -> web.Response:
        self._keep(_event_of(request.headers, await request.read()))
        return web.Response(status=202)

    def _keep(self, event: Event) -> None:
        if event.type.startswith("dev.flume.node.") and self._chance.random() < self._habits.lost:
            return
        for _ in range(1 + (self._chance.random() < self._habits.duplicates)):
            delivery = asyncio.create_task(self._deliver(event), name=f"deliver {event.type}")
            self._deliveries.add(delivery)
            delivery.add_done_callback(self._deliveries.discard)

    async def _deliver(self, event: Event) -> None:
        await asyncio.sleep(self._chance.uniform(0, self._habits.delay_s))
        while (address := self._route(event)) is not None:
            if await self._is_delivered(event, address):
                return
            await asyncio.sleep(self._chance.uniform(0.02, 0.2))

    async def _is_delivered(self, event: Event, address: str) -> bool:
        """Whether a try came to an end that needs no other one: it was taken, or never will be."""
        try:
            async with self._client.post(address, headers=event.headers, data=event.body) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return False
        if self._chance.random() < self._habits.deaf:
            return False
        if answer.status < 300 and "ce-type" in answer.headers:
            self._keep(_event_of(answer.headers, body))
        return answer.status < 500 and answer.status not in TRIED_AGAIN


def _event_of(headers: Mapping[str, str], body: bytes) -> Event:
    kept = {
        name: value
        for name, value in headers.items()
        if name.lower().startswith("ce-") or name.lower() == "content-type"
    }
    return Event({name.lower(): value for name, value in kept.items()}, body)
