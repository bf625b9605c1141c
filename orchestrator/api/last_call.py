"""Callers that wait for a run while the server stops: they are answered in time with where the run is, instead of cut off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Scope

_KEY = "flume.last_call"


class LastCall:
    """One for a server and all calls that come to it. Once it is `made`, nobody waits any longer."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Timeout] = set()
        self._is_made = False

    @asynccontextmanager
    async def waiting(self, seconds: float) -> AsyncIterator[None]:
        """Bound what is waited for in the block. Raises `TimeoutError` when time is up or the last call was made."""
        async with asyncio.timeout(0 if self._is_made else seconds) as bound:
            self._waiting.add(bound)
            try:
                yield
            finally:
                self._waiting.discard(bound)

    def make(self) -> None:
        """Let all who wait be answered now."""
        self._is_made = True
        now = asyncio.get_running_loop().time()
        for bound in self._waiting:
            # One whose time is up already, and whose caller is about to be told, can't be moved.
            if not bound.expired():
                bound.reschedule(now)

    def announce(self, scope: Scope) -> None:
        """Let the app that takes a call know of it."""
        scope[_KEY] = self


def last_call_of(scope: Scope) -> LastCall:
    """What the server of a call announced; one that is never made, where the server knows none."""
    found: LastCall | None = scope.get(_KEY)
    return LastCall() if found is None else found
