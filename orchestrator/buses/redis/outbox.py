"""What waits to be sent to other replicas: bounded, and put together only when it is sent, away from whoever said it."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from orchestrator.bus import Message
from orchestrator.buses.redis.wire import MOST_NEWS, write_message, write_news

MOST_WAITING = 1_000
"""Messages that wait for one replica; beyond, all are dropped and it is told that there is a gap."""

MOST_LETTERS = 100
"""Letters that go out in one round trip."""


@dataclass(frozen=True, slots=True)
class Letter:
    """Bytes for a channel. ``number`` is that of an announcement whose answers are waited for."""

    channel: str
    content: bytes = field(repr=False)
    number: int | None = None


@dataclass(slots=True)
class _Queue:
    items: deque[tuple[str, Message]] = field(default_factory=deque)
    has_gap: bool = False


class Outbox:
    """Letters and messages of one sender, in order for each peer. ``prefix`` and a peer's name make its channel."""

    def __init__(self, sender: str, prefix: str) -> None:
        self._sender = sender
        self._prefix = prefix
        self._letters: deque[Letter] = deque()
        self._queues: dict[str, _Queue] = {}
        self._filled = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._filled.is_set()

    def post(self, letter: Letter) -> None:
        """Add a letter that is put together already."""
        self._letters.append(letter)
        self._filled.set()

    def tell(self, peer: str, topic: str, message: Message) -> None:
        """Add a message for a peer. Costs next to nothing, and never raises."""
        queue = self._queues.get(peer)
        if queue is None:
            queue = self._queues[peer] = _Queue()
        if len(queue.items) >= MOST_WAITING:
            queue.items.clear()
            queue.has_gap = True
        queue.items.append((topic, message))
        self._filled.set()

    async def wait(self) -> None:
        """Return as soon as something waits."""
        await self._filled.wait()

    def take(self) -> list[Letter]:
        """What goes out next, of each peer a bounded part."""
        taken: list[Letter] = []
        while self._letters and len(taken) < MOST_LETTERS:
            taken.append(self._letters.popleft())
        for peer, queue in list(self._queues.items())[: MOST_LETTERS - len(taken)]:
            taken.append(Letter(self._prefix + peer, self._news(queue)))
            # Put back at the end: each peer has its turn.
            del self._queues[peer]
            if queue.items:
                self._queues[peer] = queue
        if not self._letters and not self._queues:
            self._filled.clear()
        return taken

    def clear(self) -> None:
        """Drop all that waits."""
        self._letters.clear()
        self._queues.clear()
        self._filled.clear()

    def _news(self, queue: _Queue) -> bytes:
        has_gap, queue.has_gap = queue.has_gap, False
        items: list[bytes] = []
        size = 0
        while queue.items and size < MOST_NEWS:
            topic, message = queue.items.popleft()
            item = write_message(topic, message)
            size += len(item)
            items.append(item)
        return write_news(self._sender, items, has_gap=has_gap)
