"""A bound on how much is under way at once, shared fairly between those who wait."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class FairGate:
    """Lets ``limit`` holders in at a time; those who wait are let in round-robin by their key.

    A run with a thousand ready nodes thus holds up another run's single node for one turn, not for a thousand.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._queues: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def limit(self) -> int:
        """How many are let in at a time."""
        return self._limit

    @property
    def held(self) -> int:
        """How many are inside; more than the limit for a while after it was lowered."""
        return self._held

    @property
    def waiting(self) -> int:
        """How many wait to be let in."""
        return sum(len(queue) for queue in self._queues.values())

    def resize(self, limit: int) -> None:
        """Let another number in from now on; nobody is sent out."""
        self._limit = limit
        self._admit()

    @asynccontextmanager
    async def slot(self, key: Hashable) -> AsyncIterator[None]:
        """Hold one place for the length of the block; waits for its turn first."""
        await self._enter(key)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, key: Hashable) -> None:
        if self._held < self._limit:
            self._held += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(key, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The place was handed over in the very moment of the cancellation: pass it on.
                self._leave()
            else:
                self._forget(key, turn)
            raise

    def _leave(self) -> None:
        self._held -= 1
        self._admit()

    def _admit(self) -> None:
        while self._queues and self._held < self._limit:
            key, queue = self._queues.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._queues[key] = queue
            if not turn.done():
                self._held += 1
                turn.set_result(None)

    def _forget(self, key: Hashable, turn: asyncio.Future[None]) -> None:
        queue = self._queues.get(key)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._queues[key]
