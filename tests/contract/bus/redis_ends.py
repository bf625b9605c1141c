"""Buses of replicas that share a Redis, with times that tests can wait for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from orchestrator.buses.redis.bus import RedisBus, Timing
from orchestrator.buses.redis.link import RedisLinks

QUICK = Timing(
    beat=0.05,
    forget=2.0,
    silence=0.5,
    publish=0.5,
    answer=0.3,
    linger=0.1,
    first_pause=0.01,
    longest_pause=0.05,
)


@asynccontextmanager
async def redis_bus(url: str, prefix: str, timing: Timing = QUICK) -> AsyncIterator[RedisBus]:
    """A bus at work, which may not be connected yet."""
    bus = RedisBus(RedisLinks(url).link, id=uuid4().hex[:8], prefix=prefix, timing=timing, jitter=lambda: 0.5)
    async with bus.working():
        yield bus
