"""What the contract suite of memos needs: the memos of two processes that remember together, of each implementation.

The suite knows `functions.memo.Memo` and nothing else. Another implementation joins by one entry in `OPENERS`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from time import monotonic
from uuid import uuid4

import pytest

from flume.nodes.outcomes import Result
from functions.memo import Done, LocalMemo, Memo
from functions.redis_shelf import RedisShelf
from functions.shared_memo import SharedMemo, Shelf


class Work:
    """Work that counts how often it is done, and ends when it is let go."""

    def __init__(self, answer=None, *, waits=False, logs=()):
        self.answer = answer or Result("done")
        self.logs = logs
        self.times = 0
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        if not waits:
            self.may_end.set()

    async def __call__(self):
        self.times += 1
        self.begun.set()
        await self.may_end.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return Done(self.answer, tuple(self.logs), self.times)


def shared_memo(url: str) -> SharedMemo:
    """The memo of a process, to be closed."""

    async def open_shelf() -> Shelf:
        return RedisShelf(url)

    return SharedMemo(LocalMemo(monotonic), open_shelf, jitter=lambda: 0.5)


@asynccontextmanager
async def _local(redis_url: str) -> AsyncIterator[tuple[Memo, Memo]]:
    memo = LocalMemo(monotonic)
    yield memo, memo


@asynccontextmanager
async def _redis(redis_url: str) -> AsyncIterator[tuple[Memo, Memo]]:
    async with aclosing(shared_memo(redis_url)) as first, aclosing(shared_memo(redis_url)) as second:
        yield first, second


OPENERS: Mapping[str, Callable[[str], AbstractAsyncContextManager[tuple[Memo, Memo]]]] = {
    "local": _local,
    "redis": _redis,
}


@pytest.fixture(params=OPENERS.values(), ids=OPENERS.keys())
async def memos(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[tuple[Memo, Memo]]:
    async with request.param(redis_url) as opened:
        yield opened


@pytest.fixture
def name() -> str:
    """What no other test calls an event or a key."""
    return uuid4().hex


@pytest.fixture
def work() -> type[Work]:
    return Work
