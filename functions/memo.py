"""Remembers how work ended, so that an order that comes again is answered and not carried out again.

An attempt that is sent twice is known by its event id. A new attempt of work whose end nobody had heard of carries the same
idempotency key: it gets the remembered answer if there is one, and waits while the first is still at work.

Answers are remembered as JSON: as objects they would take several times the room, by an amount that nobody can tell.
`functions.shared_memo` remembers across processes, by way of the memo of each.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from eventing.invocations import Answer, Failed, LogRecord
from eventing.message_reading import read_answered
from eventing.messages import Attempt, answer_data
from flume.ids import Instance, RunId

SHORTEST_S = 600.0
"""An answer is remembered for at least so long."""

MOST_BYTES = 64 * 1024 * 1024
"""What all remembered answers may take; the oldest are forgotten first."""

_OVERHEAD = 500

_ANY_ATTEMPT = Attempt(RunId(""), Instance(""), 0)
"""What is remembered answers whoever asks."""


@dataclass(frozen=True, slots=True)
class Done:
    """Work that ended: the answer, the log lines that nobody got yet, and how long it took.

    ``ready_ms`` is how long the process had been ready when the work began; None if that is not known.
    """

    answer: Answer = field(repr=False)
    logs: tuple[LogRecord, ...]
    execute_ms: int
    ready_ms: int | None = None

    @property
    def is_known(self) -> bool:
        """Whether it is known what the work did; after a time-out, for one, it is not."""
        return not isinstance(self.answer, Failed) or self.answer.answered


class Memo(Protocol):
    """Remembers how work ended."""

    async def once(self, event_id: str, key: str, keep_s: float, work: Callable[[], Awaitable[Done]]) -> Done:
        """How the work ended that is known by either name; it is done now unless it was done before or is being done.

        It goes on if the caller is cancelled. Raises what ``work`` raises, which is not remembered.
        """
        ...


@dataclass(frozen=True, slots=True)
class Names:
    """What an order is known by: its event alone, and the work that it is about."""

    event: str
    key: str

    @staticmethod
    def of(event_id: str, key: str) -> "Names":
        """The names of an order, which never meet."""
        return Names(f"event:{event_id}", f"key:{key}")

    def kept_for(self, done: Done) -> tuple[str, ...]:
        """The names by which an answer is found: by the event alone if it is not known what the work did."""
        return (self.event, self.key) if done.is_known else (self.event,)


def written(done: Done) -> bytes:
    """How work ended, as JSON."""
    kind, data = answer_data(done.answer, logs=done.logs, execute_ms=done.execute_ms, ready_ms=done.ready_ms)
    # Copied, since behind the text orjson leaves room, of up to several times its size.
    return bytes(memoryview(orjson.dumps([kind, data])))


def read(content: bytes) -> Done:
    """How work ended, from `written`. Raises `ValueError` and `MalformedEventError` for anything else."""
    match orjson.loads(content):
        case [str(kind), dict(data)]:
            said = read_answered(_ANY_ATTEMPT, kind, data)
            return Done(said.answer, said.logs, said.execute_ms, said.ready_ms)
        case _:
            raise ValueError("it is no answer")


@dataclass(frozen=True, slots=True)
class _Remembered:
    content: bytes = field(repr=False)
    names: tuple[str, ...]
    until: float

    @property
    def size(self) -> int:
        return _OVERHEAD + len(self.content) + sum(map(len, self.names))


class LocalMemo:
    """What one process remembers. ``now`` gives seconds that only rise."""

    def __init__(self, now: Callable[[], float], *, most_bytes: int = MOST_BYTES) -> None:
        self._now = now
        self._most_bytes = most_bytes
        self._bytes = 0
        self._oldest_first: deque[_Remembered] = deque()
        self._by_name: dict[str, _Remembered] = {}
        self._at_work: dict[str, asyncio.Task[Done]] = {}

    async def once(self, event_id: str, key: str, keep_s: float, work: Callable[[], Awaitable[Done]]) -> Done:
        """See `Memo.once`."""
        names = Names.of(event_id, key)
        while True:
            if (done := self._find(names)) is not None:
                return done
            first = self._at_work.get(names.event) or self._at_work.get(names.key)
            if first is None:
                task = asyncio.create_task(self._remember(names, keep_s, work), name=f"work {event_id}")
                # Its caller may have gone away, so that nobody asks how it failed.
                task.add_done_callback(_notice)
                self._at_work |= dict.fromkeys((names.event, names.key), task)
                return await asyncio.shield(task)
            await asyncio.wait([first])

    async def _remember(self, names: Names, keep_s: float, work: Callable[[], Awaitable[Done]]) -> Done:
        try:
            done = await work()
            # Before anyone hears of it: an order that comes a moment later must find it.
            until = self._now() + max(keep_s, SHORTEST_S)
            self._keep(_Remembered(written(done), names.kept_for(done), until))
            return done
        finally:
            for name in (names.event, names.key):
                del self._at_work[name]

    def _find(self, names: Names) -> Done | None:
        """By the event first: a time-out is the answer to it alone."""
        self._forget_old()
        found = self._by_name.get(names.event) or self._by_name.get(names.key)
        return None if found is None else read(found.content)

    def _keep(self, kept: _Remembered) -> None:
        self._oldest_first.append(kept)
        self._bytes += kept.size
        for name in kept.names:
            self._by_name[name] = kept
        self._forget_old()

    def _forget_old(self) -> None:
        """Forget what is past its time, and the oldest while all take too much; the newest stays, however large."""
        now = self._now()
        while self._oldest_first:
            oldest = self._oldest_first[0]
            if oldest.until > now and (self._bytes <= self._most_bytes or len(self._oldest_first) == 1):
                return
            self._forget(self._oldest_first.popleft())

    def _forget(self, forgotten: _Remembered) -> None:
        self._bytes -= forgotten.size
        for name in forgotten.names:
            # A newer one may have taken the name over.
            if self._by_name.get(name) is forgotten:
                del self._by_name[name]


def _notice(task: "asyncio.Task[Done]") -> None:
    if not task.cancelled():
        task.exception()
