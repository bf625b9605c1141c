"""The live bus: tells whoever watches that something changed. Nothing durable travels on it; a message may be lost, never wrong.

A watcher subscribes first and reads the store then; so it misses nothing, whatever happens in between.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from flume.ids import Instance, PipelineId, RunId
from orchestrator.state import RunStatus
from orchestrator.store import LogLine

MAX_QUEUED = 1000
"""Messages that wait for one slow watcher; beyond, the oldest are dropped and `Overrun` tells it to read the store again."""


@dataclass(frozen=True, slots=True)
class RunChanged:
    """A run was committed at ``rev``."""

    run_id: RunId
    namespace: str
    pipeline: str
    rev: int
    status: RunStatus


@dataclass(frozen=True, slots=True)
class Progress:
    """A piece of a node's partial output. ``offset`` counts the characters of this attempt that came before it."""

    run_id: RunId
    instance: Instance
    attempt: int
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class LogsWritten:
    """Lines of a run were stored."""

    run_id: RunId
    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class PipelineChanged:
    """A pipeline was saved, paused, resumed or deleted."""

    pipeline_id: PipelineId
    namespace: str
    pipeline: str
    change: str


@dataclass(frozen=True, slots=True)
class Overrun:
    """Messages were dropped because the watcher was too slow."""


Message: TypeAlias = RunChanged | Progress | LogsWritten | PipelineChanged | Overrun


def run_topic(run_id: RunId) -> str:
    """The topic of one run."""
    return f"run:{run_id}"


def namespace_topic(namespace: str) -> str:
    """The topic of all runs and pipelines of a namespace."""
    return f"namespace:{namespace}"


class Subscription:
    """The messages of one watcher, in the order in which they were published."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._arrived = asyncio.Event()

    def push(self, message: Message) -> None:
        """Add a message; never blocks."""
        if len(self._messages) >= MAX_QUEUED:
            self._messages.clear()
            self._messages.append(Overrun())
        self._messages.append(message)
        self._arrived.set()

    async def wait(self) -> None:
        """Return as soon as there is a message."""
        await self._arrived.wait()

    def take(self) -> list[Message]:
        """All messages that came since the last call."""
        taken = list(self._messages)
        self._messages.clear()
        self._arrived.clear()
        return taken

    async def __aiter__(self) -> AsyncIterator[Message]:
        while True:
            await self.wait()
            for message in self.take():
                yield message


class Bus(Protocol):
    """Carries messages by topic to everyone who is subscribed at that moment, on whatever replica."""

    def publish(self, topic: str, message: Message) -> None:
        """Tell the subscribers of ``topic``. Never blocks, never raises."""
        ...

    def has_watchers(self, topic: str) -> bool:
        """Whether anyone may be listening; False spares the making of a message."""
        ...

    def subscribe(self, topic: str) -> AbstractContextManager[Subscription]:
        """Listen to ``topic`` for the length of a ``with`` block."""
        ...


class MemoryBus:
    """A bus within one process."""

    def __init__(self) -> None:
        self._topics: dict[str, list[Subscription]] = {}

    def publish(self, topic: str, message: Message) -> None:
        """See `Bus.publish`."""
        for subscription in self._topics.get(topic, ()):
            subscription.push(message)

    def has_watchers(self, topic: str) -> bool:
        """See `Bus.has_watchers`."""
        return topic in self._topics

    @contextmanager
    def subscribe(self, topic: str) -> Iterator[Subscription]:
        """See `Bus.subscribe`."""
        subscription = Subscription()
        self._topics.setdefault(topic, []).append(subscription)
        try:
            yield subscription
        finally:
            self._topics[topic].remove(subscription)
            if not self._topics[topic]:
                del self._topics[topic]
