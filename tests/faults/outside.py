"""The service that the nodes under test call: it keeps what it was asked for, and is itself not to be relied on."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.faults.history import Effect
from tests.servers.web_app import served


class Outside:
    """Answers each call with a number of its own; now and then late, with 503, or, once it has done the work, not at all.

    ``is_reliable``: it never does worse than to be late.
    """

    def __init__(self, chance: random.Random, *, is_reliable: bool = False) -> None:
        self.effects: list[Effect] = []
        self.url = ""
        self._chance = chance
        self._numbers = itertools.count()
        self._unreliable = 0.0 if is_reliable else 0.05

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Outside"]:
        """On a free port, for the length of the block."""
        app = web.Application()
        app.router.add_post("/", self._work)
        async with served(app) as address:
            self.url = f"{address}/"
            yield self

    async def _work(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.read()
        except ConnectionResetError:
            return web.Response(status=499)  # Who asked is gone, and did not finish the question.
        await asyncio.sleep(self._chance.choice([0, 0, 0.01, 0.1]))
        if self._chance.random() < self._unreliable:
            return web.Response(status=503)
        effect = Effect(request.headers["Idempotency-Key"], body, next(self._numbers))
        self.effects.append(effect)
        if self._chance.random() < self._unreliable and request.transport is not None:
            request.transport.abort()
        return web.json_response(effect.answer)
