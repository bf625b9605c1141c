"""The connection pools of one node type in one process, by URL.

A URL in ``config`` may come out of a template, so their number is bounded: beyond the bound the pool that was unused for longest
is closed. One in use is never closed, so for a while there may be more.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

MAX_IDLE = 16
"""Pools that are kept open, unless more are in use."""

Client = TypeVar("Client")


@dataclass(slots=True)
class _Entry(Generic[Client]):
    client: Client
    users: int = 0


class Connections(Generic[Client]):
    """Opens a client at the first use of its URL and keeps it. For one event loop.

    ``open`` connects to nothing yet; what it raises passes through `of`, and nothing is kept.
    """

    def __init__(
        self,
        open: Callable[[str], Client],
        close: Callable[[Client], Awaitable[None]],
        *,
        max_idle: int = MAX_IDLE,
    ) -> None:
        self._open = open
        self._close = close
        self._max_idle = max_idle
        self._entries: dict[str, _Entry[Client]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @asynccontextmanager
    async def of(self, url: str) -> AsyncIterator[Client]:
        """The client of a URL, kept open for the length of the block."""
        entry = self._entries.pop(url, None) or _Entry(self._open(url))
        self._entries[url] = entry  # at the end: the order is that of the last use
        entry.users += 1
        try:
            yield entry.client
        finally:
            entry.users -= 1
            await self._close_surplus()

    async def aclose(self) -> None:
        """Close all clients, the others too if closing one fails."""
        async with AsyncExitStack() as closing:
            for entry in self._entries.values():
                closing.push_async_callback(partial(self._close, entry.client))
            self._entries.clear()

    async def _close_surplus(self) -> None:
        idle = [url for url, entry in self._entries.items() if not entry.users]
        surplus = [self._entries.pop(url) for url in idle[: max(len(self._entries) - self._max_idle, 0)]]
        for entry in surplus:
            await self._close(entry.client)
