"""The function runtime: an invoke event in, the answer as an event out, each order carried out once.

It knows no HTTP: `functions.app` does. Work belongs to the process and not to the call that ordered it: a caller that goes
away cancels nothing, since it may have died and come back, and then it is told how the work ended.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from time import monotonic

from eventing.cloudevents import CloudEvent
from eventing.invocations import Executor, Invocation
from eventing.message_reading import read_invoke
from eventing.messages import answer_event
from flume.errors import UnavailableError
from flume.nodes.types import NodeType
from functions.journal import Journal
from functions.memo import Done, Memo
from functions.reporter import Reporter


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FullError(UnavailableError):
    """The process has as many events as it takes at a time."""

    code = "busy"


class DrainingError(UnavailableError):
    """The process finishes what it has taken, and takes no more."""

    code = "draining"


class CutShortError(UnavailableError):
    """The process had to stop before the work was done, so nobody knows how much of it was."""

    code = "cut-short"


class GoneError(UnavailableError):
    """Nobody wants the answer any more, so the work was cut short."""

    code = "gone"


class Runtime:
    """Runs the node types of one process, ``capacity`` events at a time."""

    def __init__(
        self,
        *,
        type_named: Callable[[str], NodeType],
        executor: Executor,
        memo: Memo,
        capacity: int,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._type_named = type_named
        self._executor = executor
        self._memo = memo
        self._capacity = capacity
        self._clock = clock
        self._reporter: Reporter | None = None
        self._works: dict[str, asyncio.Task[Done]] = {}
        self._ready_at: float | None = None
        self._is_draining = False
        self.taken = 0
        """Events that were taken so far."""

    def report_to(self, reporter: Reporter) -> None:
        """Have signs of life sent."""
        self._reporter = reporter

    def become_ready(self) -> None:
        """The process can work from now on: by this its answers tell whether an order had to wait for it."""
        self._ready_at = monotonic()

    @property
    def in_flight(self) -> int:
        """Events that are being worked on."""
        return len(self._works)

    @property
    def is_draining(self) -> bool:
        """Whether no more is taken."""
        return self._is_draining

    async def answer(self, event: CloudEvent) -> CloudEvent:
        """Do what an invoke event orders, unless it was done before, and give the answer.

        Raises `MalformedEventError` and `NotFoundError` for what can't be taken, `FullError` and `DrainingError` for what
        can't be taken now, `CutShortError` for what was begun and not finished, `GoneError` when the orchestrator wanted it no
        more.
        """
        invocation = read_invoke(event, self._type_named, self._clock())
        keep_s = invocation.timeout.total_seconds()
        done = await self._memo.once(event.id, invocation.key, keep_s, partial(self._admit, event.id, invocation))
        return answer_event(invocation, done.answer, logs=done.logs, execute_ms=done.execute_ms, ready_ms=done.ready_ms)

    def cancel(self, event_id: str) -> None:
        """Cut short the work on an order; nothing happens if it has ended."""
        if (work := self._works.get(event_id)) is not None:
            work.cancel()

    async def drain(self, grace_s: float) -> None:
        """Take no more and wait until what was taken is done; what is not done by the end of the grace is cut short."""
        self._is_draining = True
        if self._works:
            await asyncio.wait(self._works.values(), timeout=grace_s)
        for work in self._works.values():
            work.cancel()

    def _admit(self, event_id: str, invocation: Invocation) -> Awaitable[Done]:
        if self._is_draining:
            raise DrainingError("this process is stopping; send the event again, another one takes it")
        if len(self._works) >= self._capacity:
            raise FullError(f"this process takes {self._capacity} events at a time; come back, or start another one")
        return self._supervise(event_id, invocation)

    async def _supervise(self, event_id: str, invocation: Invocation) -> Done:
        self.taken += 1
        work = asyncio.ensure_future(self._work(invocation))
        self._works[event_id] = work
        try:
            return await work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if work.cancelled() and task is not None and not task.cancelling():
                raise self._why_cut_short() from None
            work.cancel()
            raise
        finally:
            del self._works[event_id]

    def _why_cut_short(self) -> UnavailableError:
        if self._is_draining:
            return CutShortError("this process had to stop before the work was done")
        return GoneError("nobody wants the answer any more")

    async def _work(self, invocation: Invocation) -> Done:
        journal = Journal(invocation)
        if self._reporter is not None:
            self._reporter.add(journal)
        began = monotonic()
        try:
            answer = await self._executor.execute(invocation, journal)
        finally:
            if self._reporter is not None:
                self._reporter.remove(journal)
        ready_ms = None if self._ready_at is None else round((began - self._ready_at) * 1000)
        return Done(answer, journal.rest(), round((monotonic() - began) * 1000), ready_ms)
