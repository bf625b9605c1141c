"""The live bus: tells whoever watches that something changed. Nothing durable travels on it; a message may be lost, never wrong.

A watcher subscribes first and reads the store then, and again at each `Overrun`; so it misses nothing, whatever happens in
between. Replicas are watchers, too: each of its own topic, on which others tell it what arrived for it.
`orchestrator.buses` has the ways in which messages travel.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from eventing.function_status import FunctionStatus
from flume.ids import Instance, Millis, PipelineId, RunId
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
    """Lines of a run of ``pipeline`` were stored."""

    run_id: RunId
    lines: tuple[LogLine, ...]
    pipeline: str


@dataclass(frozen=True, slots=True)
class PipelineChanged:
    """A pipeline was saved, paused, resumed or deleted."""

    pipeline_id: PipelineId
    namespace: str
    pipeline: str
    change: str


@dataclass(frozen=True, slots=True)
class FunctionChanged:
    """A function is another than before: it was started or stopped, took an event or gave it back."""

    status: FunctionStatus


@dataclass(frozen=True, slots=True)
class InboxGrew:
    """Something waits in the inbox of a run. For the replica that owns it."""

    run_id: RunId


@dataclass(frozen=True, slots=True)
class RunsReady:
    """Runs need an owner: the replica that had them has let go of them."""


@dataclass(frozen=True, slots=True)
class SignOfLife:
    """A function is at work on an attempt. For the replica that waits for it; log lines are in the store already.

    ``offset`` counts the characters of partial output before ``text``.
    """

    run_id: RunId
    instance: Instance
    attempt: int
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class FunctionHindered:
    """What keeps processes of a function from coming up. For all replicas, each of which may wait for it."""

    function: str
    code: str
    message: str
    at: Millis


@dataclass(frozen=True, slots=True)
class AttemptHindered:
    """What keeps the process of an attempt from coming up. For the replica that waits for it, whichever that is."""

    run_id: RunId
    instance: Instance
    attempt: int
    code: str
    message: str
    at: Millis


@dataclass(frozen=True, slots=True)
class Overrun:
    """Messages may be missing: the watcher was too slow, or they were lost on the way."""


Signal: TypeAlias = InboxGrew | RunsReady | SignOfLife | FunctionHindered | AttemptHindered
"""What replicas tell each other, and nobody else."""

Message: TypeAlias = RunChanged | Progress | LogsWritten | PipelineChanged | FunctionChanged | Overrun | Signal

FUNCTIONS_TOPIC = "functions"
"""The topic of all functions, which belong to no namespace. Each replica tells its own watchers of those that it reaches."""

REPLICAS_TOPIC = "replicas"
"""The topic of what concerns all replicas."""


def replica_topic(owner: str) -> str:
    """The topic of what is meant for one replica, by the name under which it owns runs."""
    return f"replica:{owner}"


def run_topic(run_id: RunId) -> str:
    """The topic of one run."""
    return f"run:{run_id}"


def namespace_topic(namespace: str) -> str:
    """The topic of all runs and pipelines of a namespace."""
    return f"namespace:{namespace}"


def logs_topic(namespace: str) -> str:
    """The topic of lines that runs of a namespace log: apart from what changes of them, since only some want to know."""
    return f"logs:{namespace}"


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

    def overrun(self) -> None:
        """Tell that messages may be missing from here on; once is enough until something else came."""
        if not self._messages or self._messages[-1] != Overrun():
            self.push(Overrun())

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
        """Whether anyone may be listening; False spares the making of a message.

        A replica listens to its own topic: where nobody does, the bus does not reach it, and who watches what it does asks the
        store now and then.
        """
        ...

    def subscribe(self, *topics: str) -> AbstractContextManager[Subscription]:
        """Listen to ``topics`` for the length of a ``with`` block."""
        ...
