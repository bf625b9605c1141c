"""Threads for plain node functions, which may block for as long as they like.

A thread can't be stopped, and one of the standard pools keeps a process alive until its function returns. These never
do: whoever stops has waited for its grace already.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock, Thread


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of a call: what it returned, unless it raised."""

    returned: object
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Call:
    """A call to make in a thread, and whom to tell."""

    function: Callable[[], object]
    report: Callable[[_Outcome], None]


class NodeThreads:
    """Places for up to ``most`` functions at a time, in threads that are called ``name``. For one event loop."""

    def __init__(self, most: int, *, name: str = "node") -> None:
        self._free = asyncio.Semaphore(most)
        self._threads = _Threads(name)

    @asynccontextmanager
    async def place(self) -> AsyncIterator["ThreadPlace"]:
        """A place for one call; waits for one if need be. A function that was given up keeps its place until it returns."""
        await self._free.acquire()
        place = ThreadPlace(self._threads, self._free.release)
        try:
            yield place
        finally:
            place.leave()

    def close(self) -> None:
        """Let threads end that have nothing to do, and the others after their call."""
        self._threads.close()


class ThreadPlace:
    """One of the places; ``release`` is called once, when nothing uses it any more."""

    def __init__(self, threads: "_Threads", release: Callable[[], None]) -> None:
        self._threads = threads
        self._release = release
        self._is_used = False

    async def call(self, function: Callable[[], object]) -> object:
        """What ``function`` returns or raises. Cancelling leaves it behind; it goes on until it returns."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Outcome] = loop.create_future()

        def finish(outcome: _Outcome) -> None:
            self._release()
            if not answer.done():
                answer.set_result(outcome)

        def report(outcome: _Outcome) -> None:
            # The loop may close at any moment once nobody waits for this call any more.
            try:
                loop.call_soon_threadsafe(finish, outcome)
            except RuntimeError:
                return

        self._is_used = True
        self._threads.start(_Call(function, report))
        outcome = await answer
        if outcome.error is not None:
            raise outcome.error
        return outcome.returned

    def leave(self) -> None:
        """Give the place back if nothing was called."""
        if not self._is_used:
            self._release()


class _Threads:
    """As many threads as there are calls at a time; one that has nothing to do takes the next call."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._lock = Lock()
        self._idle = 0
        self._is_closed = False

    def start(self, call: _Call) -> None:
        """Have a call made at once."""
        with self._lock:
            is_one_idle = self._idle > 0
            self._idle -= is_one_idle
        self._calls.put(call)
        if not is_one_idle:
            Thread(target=self._work, name=self._name, daemon=True).start()

    def close(self) -> None:
        """Have every thread end as soon as it has nothing to do."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, 0
        for _ in range(idle):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            outcome = _outcome_of(call.function)
            with self._lock:
                is_last = self._is_closed
                # Before the place is free again, so that the next call finds this thread.
                self._idle += not is_last
            call.report(outcome)
            if is_last:
                return
            # What a call held must not stay in memory until the next one.
            del call, outcome


def _outcome_of(function: Callable[[], object]) -> _Outcome:
    try:
        return _Outcome(function())
    except StopIteration as error:
        # It can't be raised in a coroutine, which is where the caller waits.
        renamed = RuntimeError("the node raised StopIteration")
        renamed.__cause__ = error
        return _Outcome(None, renamed)
    # The edge of a node call: in a thread there is nobody else whom an interrupt or `exit()` could be meant for.
    except BaseException as error:
        return _Outcome(None, error)
