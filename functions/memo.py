"""Remembers how work ended, so that an order that comes again is answered and not carried out again.

An attempt that is sent twice is known by its event id. A new attempt of work whose end nobody had heard of carries the same
idempotency key: it gets the remembered answer if there is one, and waits while the first is still at work.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson

from eventing.invocations import Answer, Failed, LogRecord
from flume.nodes.outcomes import Result

SHORTEST_S = 600.0
"""An answer is remembered for at least so long."""

MOST_BYTES = 64 * 1024 * 1024
"""What all remembered answers may take; the oldest are forgotten first."""

_OVERHEAD = 500


@dataclass(frozen=True, slots=True)
class Done:
    """Work that ended: the answer, the log lines that nobody got yet, and how long it took."""

    answer: Answer = field(repr=False)
    logs: tuple[LogRecord, ...]
    execute_ms: int

    @property
    def is_known(self) -> bool:
        """Whether it is known what the work did; after a time-out, for one, it is not."""
        return not isinstance(self.answer, Failed) or self.answer.answered


@dataclass(frozen=True, slots=True)
class _Remembered:
    done: Done
    names: tuple[str, ...]
    until: float
    size: int


class Memo:
    """What one process remembers. ``now`` gives seconds that only rise."""

    def __init__(self, now: Callable[[], float], *, most_bytes: int = MOST_BYTES) -> None:
        self._now = now
        self._most_bytes = most_bytes
        self._bytes = 0
        self._oldest_first: deque[_Remembered] = deque()
        self._by_name: dict[str, _Remembered] = {}
        self._at_work: dict[str, asyncio.Task[Done]] = {}

    async def once(self, event_id: str, key: str, keep_s: float, work: Callable[[], Awaitable[Done]]) -> Done:
        """How the work ended that is known by either name; it is done now unless it was done before or is being done.

        It goes on if the caller is cancelled. Raises what ``work`` raises, which is not remembered.
        """
        names = (f"event:{event_id}", f"key:{key}")
        while True:
            if (done := self._find(names)) is not None:
                return done
            first = self._at_work.get(names[0]) or self._at_work.get(names[1])
            if first is None:
                task = asyncio.create_task(self._remember(names, keep_s, work), name=f"work {event_id}")
                # Its caller may have gone away, so that nobody asks how it failed.
                task.add_done_callback(_notice)
                self._at_work |= dict.fromkeys(names, task)
                return await asyncio.shield(task)
            await asyncio.wait([first])

    async def _remember(self, names: tuple[str, str], keep_s: float, work: Callable[[], Awaitable[Done]]) -> Done:
        try:
            done = await work()
            # Before anyone hears of it: an order that comes a moment later must find it.
            kept = names if done.is_known else names[:1]
            self._keep(_Remembered(done, kept, self._now() + max(keep_s, SHORTEST_S), _size(done, kept)))
            return done
        finally:
            for name in names:
                del self._at_work[name]

    def _find(self, names: tuple[str, str]) -> Done | None:
        """By the event first: a time-out is the answer to it alone."""
        self._forget_old()
        found = self._by_name.get(names[0]) or self._by_name.get(names[1])
        return None if found is None else found.done

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


def _size(done: Done, names: tuple[str, ...]) -> int:
    output = done.answer.output if isinstance(done.answer, Result) else None
    texts = sum(map(len, names)) + sum(_OVERHEAD + len(line.message) for line in done.logs)
    return _OVERHEAD + len(orjson.dumps(output)) + texts
