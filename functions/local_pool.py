"""The processes of one node type on one machine: which of them takes an event, when another one starts, and when one ends."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic, time

from eventing.function_status import Crash, FunctionStatus
from eventing.invocations import Failed
from eventing.remote import BusyError, DeliveryError, RefusedError, UnreachedError
from flume.errors import FlumeError
from flume.ids import Millis
from flume.nodes.types import NodeType
from functions.acquaintances import Acquaintances
from functions.local_process import LocalProcess, Output, start

logger = logging.getLogger(__name__)

LAST_WORDS_S = 2.0
"""What a process gets beyond the grace to say what it had to cut short, before it is killed."""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """``command`` and ``environment`` give how the function of a type is started; its own options are added to the command."""

    command: Callable[[NodeType], Sequence[str]]
    environment: Callable[[NodeType], Mapping[str, str]]
    most: int = 4
    """Processes of one type, unless its ``scale.max`` says otherwise."""
    idle_s: float = 30.0
    grace_s: float = 10.0
    """How long what is under way may take in a process that is to end because there is a newer one."""
    closing_s: float = 10.0
    """The same when all of them end."""
    answer_s: float = 3.0
    """How long a process over which an event was given up may take to say that it can take events."""
    conceal: Callable[[str], str] = lambda line: line
    """Takes secrets out of what a process prints, before it is told, kept or logged."""
    on_line: Callable[[str, str], None] = lambda name, line: None
    """Told what a process prints, line by line, with the name of its type. It must not raise."""
    on_change: Callable[[], None] = lambda: None
    """Called when a status has become another, with every event for one: it must be cheap."""

    def most_of(self, node_type: NodeType) -> int:
        """Processes that a type may have."""
        return int(node_type.scale.get("max") or self.most)


def stopping() -> DeliveryError:
    """What to raise for an event that comes when all processes are to end."""
    return DeliveryError("the functions of this machine are stopping")


def _now() -> Millis:
    return Millis(int(time() * 1000))


class ProcessPool:
    """The processes of one type."""

    def __init__(self, node_type: NodeType, options: LocalOptions) -> None:
        self.node_type = node_type
        self._options = options
        self._processes: list[LocalProcess] = []
        self._starting: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._watching: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._is_closed = False
        self._waiting = 0
        self._timers: dict[LocalProcess, asyncio.TimerHandle] = {}
        self._probes: set[asyncio.Task[None]] = set()
        self._acquaintances = Acquaintances()
        self._failure = ""
        self._failures = 0
        self._events = self._cold_starts = 0
        self._cold_start_ms: int | None = None
        self._last_event_at: Millis | None = None
        self._crash: Crash | None = None

    def status(self) -> FunctionStatus:
        """What can be told of the type now."""
        return FunctionStatus(
            name=self.node_type.name,
            instances=len(self._processes) + len(self._starting),
            starting=len(self._starting),
            ready=len(self._serving()),
            most=self._options.most_of(self.node_type),
            in_flight=sum(process.in_flight for process in self._processes),
            events=self._events,
            cold_starts=self._cold_starts,
            cold_start_ms=self._cold_start_ms,
            last_event_at=self._last_event_at,
            failure=self._failure,
            crash=self._crash,
            concurrency=self.node_type.concurrency,
        )

    async def take(self, key: str, timeout_s: float, on_start: Callable[[], None]) -> LocalProcess:
        """The process that is at work on this idempotency key, or one that has room, started if need be.

        Raises `RefusedError` when it can't be started.
        """
        failures, is_told = self._failures, False
        self._waiting += 1
        try:
            while (process := self._choose(key)) is None:
                if self._is_closed:
                    raise stopping()
                has_failed = self._failures > failures
                if has_failed and not self._starting and not self._serving():
                    raise RefusedError(Failed("start-failed", self._failure, retryable=True))
                # Who saw a start fail leaves the next one to others: all together they would try without end.
                if not has_failed and self._needs_another():
                    self._start(timeout_s)
                if self._starting and not is_told:
                    is_told = True
                    on_start()
                await self._changed.wait()
            self._acquaintances.open(key, process)
            return self._occupy(process)
        finally:
            self._waiting -= 1

    def give_back(self, process: LocalProcess, key: str, error: BaseException | None = None) -> None:
        """The event was answered; or it was not, and ``error`` says why: a cancellation, that nobody waits any more."""
        match error:
            case None | RefusedError():
                self._acquaintances.close(key, process)
            case BusyError():
                self._acquaintances.forget(key, process)
                # It works on what was given up here, so this place is none yet.
                asyncio.get_running_loop().call_later(error.wait.total_seconds(), self._release, process)
                return
            case UnreachedError():
                self._acquaintances.forget(key, process)
                self._doubt(process)
            case _ if process.is_ending:
                self._acquaintances.forget(key, process)
            case _:
                self._acquaintances.leave_open(key, process)
                self._doubt(process)
        self._release(process)

    def _release(self, process: LocalProcess) -> None:
        process.in_flight -= 1
        self._notify()
        if process.in_flight == 0 and not process.is_ending:
            self._retire_later(process)

    def renew(self) -> None:
        """Give events to new processes alone."""
        self._end_all(self._serving(), self._options.grace_s + LAST_WORDS_S)

    def _end_all(self, processes: Sequence[LocalProcess], grace_s: float) -> None:
        for task in self._starting:
            task.cancel()
        for process in processes:
            self._end(process, grace_s)
        self._notify()

    async def close(self) -> None:
        """End all processes, and let none start any more; those at work get the grace."""
        self._is_closed = True
        # Those too that have been told to end, and were given more time.
        self._end_all([each for each in self._processes if not each.is_dead], self._options.closing_s)
        for probe in self._probes:
            probe.cancel()
        await asyncio.gather(*self._starting, *self._ending, *self._probes, return_exceptions=True)
        await asyncio.gather(*self._watching)

    def _serving(self) -> list[LocalProcess]:
        return [each for each in self._processes if not (each.is_ending or each.is_dead)]

    def _choose(self, key: str) -> LocalProcess | None:
        """Where work goes now, if anywhere. To repeat how work ended, or goes on, a process needs no room."""
        if self._is_closed:
            return None
        known = self._acquaintances.process_of(key)
        if known is not None and not known.is_dead and (self._acquaintances.is_open(key) or not known.is_ending):
            # Without room too: it remembers, or says that it is busy, and is not asked again. Whether one in doubt is well
            # is known in a moment, and another one would do again what it has done.
            return None if known.is_doubted else known
        # The busiest, so that the others become idle.
        free = [each for each in self._serving() if self._has_room(each)]
        return max(free, key=lambda each: each.in_flight, default=None)

    def _has_room(self, process: LocalProcess) -> bool:
        return _is_fit(process) and process.in_flight < self.node_type.concurrency

    def _needs_another(self) -> bool:
        serving = self._serving()
        if any(each.is_doubted and each.in_flight < self.node_type.concurrency for each in serving):
            # Most that are in doubt say in a moment that all is well.
            return False
        is_allowed = len(serving) + len(self._starting) < self._options.most_of(self.node_type)
        return is_allowed and len(self._starting) * self.node_type.concurrency < self._waiting

    def _occupy(self, process: LocalProcess) -> LocalProcess:
        self._keep_up(process)
        process.in_flight += 1
        self._events += 1
        self._last_event_at = _now()
        self._options.on_change()
        return process

    def _start(self, timeout_s: float) -> None:
        task = asyncio.create_task(self._start_one(timeout_s), name=f"start of {self.node_type.name}")
        self._starting.add(task)
        task.add_done_callback(self._forget_start)
        self._options.on_change()

    def _forget_start(self, task: "asyncio.Task[None]") -> None:
        """One that was cancelled before its first step has told nobody of its end."""
        if task in self._starting:
            self._starting.discard(task)
            self._notify()

    async def _start_one(self, timeout_s: float) -> None:
        began = monotonic()
        node_type, options = self.node_type, self._options
        try:
            command, environment = options.command(node_type), options.environment(node_type)
            output = Output(partial(options.on_line, node_type.name), options.conceal)
            process = await start(node_type.name, command, environment, timeout_s=timeout_s, output=output)
        # Whatever it is, those who wait must hear of it: they would start one after the other for ever.
        except Exception as error:
            self._failure, self._failures = str(error) or type(error).__name__, self._failures + 1
            facts = {"type": node_type.name, "reason": self._failure}
            logger.warning("a function can't be started", extra=facts, exc_info=not isinstance(error, FlumeError))
        else:
            self._failure = ""
            self._cold_starts += 1
            self._cold_start_ms = round((monotonic() - began) * 1000)
            self._add(process)
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._starting.discard(task)
            self._notify()

    def _add(self, process: LocalProcess) -> None:
        self._processes.append(process)
        self._retire_later(process)
        watching = asyncio.create_task(self._watch(process), name=f"watch {process.name}")
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)

    async def _watch(self, process: LocalProcess) -> None:
        await process.ended()
        if not process.is_ending:
            self._crash = Crash(_now(), process.end_reason, process.output)
        self._processes.remove(process)
        self._keep_up(process)
        self._notify()

    def _retire_later(self, process: LocalProcess) -> None:
        loop = asyncio.get_running_loop()
        self._timers[process] = loop.call_later(self._options.idle_s, self._retire, process)

    def _keep_up(self, process: LocalProcess) -> None:
        """Let it not retire: it has work, or it is ending already."""
        if (timer := self._timers.pop(process, None)) is not None:
            timer.cancel()

    def _retire(self, process: LocalProcess) -> None:
        """End a process that has been idle."""
        if process.in_flight == 0 and not process.is_ending:
            self._end(process, self._options.grace_s + LAST_WORDS_S)

    def _doubt(self, process: LocalProcess) -> None:
        """Give a process of which nothing was heard no more events until it says that it can take them."""
        if process.is_doubted or process.is_ending or process.is_dead or self._is_closed:
            return
        process.is_doubted = True
        probe = asyncio.create_task(self._probe(process), name=f"probe of {process.name}")
        self._probes.add(probe)
        probe.add_done_callback(self._probes.discard)

    async def _probe(self, process: LocalProcess) -> None:
        """End a process that does not answer: what it has may never end, and would be sent to it again and again."""
        is_ready = await process.is_ready(self._options.answer_s)
        process.is_doubted = False
        if not (is_ready or process.is_ending or process.is_dead):
            logger.warning(
                "a function process does not answer and is ended", extra={"type": process.name, "pid": process.pid}
            )
            self._acquaintances.forget_process(process)
            self._end(process, self._options.grace_s + LAST_WORDS_S)
        self._notify()

    def _end(self, process: LocalProcess, grace_s: float) -> None:
        self._keep_up(process)
        process.is_ending = True
        task = asyncio.create_task(process.end(grace_s), name=f"end of {process.name}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _notify(self) -> None:
        """Wake all who wait for a place, in the order in which they came, and whoever watches."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self._options.on_change()


def _is_fit(process: LocalProcess) -> bool:
    """Whether orders can be given to it."""
    return not (process.is_ending or process.is_dead or process.is_doubted)
