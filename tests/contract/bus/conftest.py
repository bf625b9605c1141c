"""What the contract suite of buses needs: two ends of a bus of each implementation, one to say something and one to listen.

The suite knows `orchestrator.bus.Bus` and nothing else. Another implementation joins by one entry in `OPENERS`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import pytest

from orchestrator.bus import Bus, Message, Overrun, RunsReady, Subscription
from orchestrator.buses.memory import MemoryBus
from tests.contract.bus.redis_ends import redis_bus

PATIENCE_S = 5


@dataclass(frozen=True)
class Ends:
    """Two ends of one bus: of two replicas, or the same twice where there is only one."""

    near: Bus
    far: Bus

    async def until_heard(self, topic: str) -> None:
        """Return once the near end knows that somebody watches."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.near.has_watchers(topic):  # noqa: ASYNC110 (what is waited for is no event)
                await asyncio.sleep(0.001)

    async def until_unwatched(self, topic: str) -> None:
        """Return once the near end knows that nobody watches any more."""
        async with asyncio.timeout(PATIENCE_S):
            while self.near.has_watchers(topic):  # noqa: ASYNC110 (what is waited for is no event)
                await asyncio.sleep(0.001)

    async def all_that_came(self, subscription: Subscription) -> list[Message]:
        """What a subscription to "end" besides others has got when all that the near end said before has arrived."""
        self.near.publish("end", RunsReady())
        came: list[Message] = []
        async with asyncio.timeout(PATIENCE_S):
            while RunsReady() not in came:
                await subscription.wait()
                came += subscription.take()
        # A watcher may be told at any time to look for itself.
        return [message for message in came if message not in (Overrun(), RunsReady())]


@asynccontextmanager
async def _memory(redis_url: str) -> AsyncIterator[Ends]:
    bus = MemoryBus()
    yield Ends(bus, bus)


@asynccontextmanager
async def _redis(redis_url: str) -> AsyncIterator[Ends]:
    prefix = f"flume:{uuid4().hex}:bus:"
    async with redis_bus(redis_url, prefix) as near, redis_bus(redis_url, prefix) as far:
        yield Ends(near, far)


OPENERS: Mapping[str, Callable[[str], AbstractAsyncContextManager[Ends]]] = {"memory": _memory, "redis": _redis}


@pytest.fixture(params=OPENERS.values(), ids=OPENERS.keys())
async def ends(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Ends]:
    async with request.param(redis_url) as opened:
        yield opened
