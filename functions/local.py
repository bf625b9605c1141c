"""Functions on one machine: processes that start when an event needs one, take more events, and stop when idle.

To the orchestrator this is what Knative is in a cluster: it asks for a place and gets an address.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic, time

from eventing.direct import Place
from eventing.function_status import FunctionStatus
from eventing.invocations import Failed, Invocation
from eventing.remote import DeliveryError, RefusedError
from flume.errors import FlumeError
from flume.ids import Millis
from flume.nodes.types import NodeType
from functions.local_process import LocalProcess, start

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """``command`` and ``environment`` give how the function of a type is started; its own options are added to the command."""

    command: Callable[[NodeType], Sequence[str]]
    environment: Callable[[NodeType], Mapping[str, str]]
    most: int = 4
    """Processes of one type, unless its ``scale.max`` says otherwise."""
    idle_s: float = 30.0
    grace_s: float = 10.0


class LocalFunctions:
    """The `eventing.direct.Functions` of one machine, and their `FunctionDirectory`. Use it as an async context manager."""

    def __init__(self, options: LocalOptions) -> None:
        self._options = options
        self._pools: dict[str, _Pool] = {}
        self._is_closed = False

    async def __aenter__(self) -> "LocalFunctions":
        return self

    async def __aexit__(self, *error: object) -> None:
        self._is_closed = True
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    def statuses(self) -> tuple[FunctionStatus, ...]:
        """See `eventing.function_status.FunctionDirectory.statuses`."""
        return tuple(self._pools[name].status() for name in sorted(self._pools))

    @asynccontextmanager
    async def place(self, invocation: Invocation, on_start: Callable[[], None]) -> AsyncIterator[Place]:
        """See `eventing.direct.Functions.place`. Raises `DeliveryError` once this is left."""
        if self._is_closed:
            raise _stopping()
        pool = self._pool_of(invocation.node_type)
        process = await pool.take(invocation.start_timeout.total_seconds(), on_start)
        try:
            yield process
        finally:
            pool.give_back(process)

    def capacity(self, node_type: NodeType) -> int:
        """Events of a type that all its processes take at a time. More need not be handed over: they would only wait here."""
        return _most(node_type, self._options) * node_type.concurrency

    async def refresh(self, names: Sequence[str]) -> None:
        """Let events go to new processes of these types, whose code has changed; what is under way is finished."""
        await asyncio.gather(*(self._pools[name].renew() for name in names if name in self._pools))

    def _pool_of(self, node_type: NodeType) -> "_Pool":
        pool = self._pools.get(node_type.name)
        if pool is None:
            pool = self._pools[node_type.name] = _Pool(node_type, self._options)
        # As it is now: its code may have changed.
        pool.node_type = node_type
        return pool


def _stopping() -> DeliveryError:
    return DeliveryError("the functions of this machine are stopping")


def _most(node_type: NodeType, options: LocalOptions) -> int:
    return int(node_type.scale.get("max") or options.most)


class _Pool:
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
        self._failure = ""
        self._failures = 0
        self._events = self._cold_starts = 0
        self._cold_start_ms: int | None = None
        self._last_event_at: Millis | None = None

    def status(self) -> FunctionStatus:
        return FunctionStatus(
            name=self.node_type.name,
            instances=len(self._processes) + len(self._starting),
            ready=len(self._serving()),
            most=_most(self.node_type, self._options),
            in_flight=sum(process.in_flight for process in self._processes),
            events=self._events,
            cold_starts=self._cold_starts,
            cold_start_ms=self._cold_start_ms,
            last_event_at=self._last_event_at,
            failure=self._failure,
        )

    async def take(self, timeout_s: float, on_start: Callable[[], None]) -> LocalProcess:
        """A process that has room, started if need be. Raises `RefusedError` when it can't be started."""
        failures, is_told = self._failures, False
        self._waiting += 1
        try:
            while (process := self._with_room()) is None:
                if self._is_closed:
                    raise _stopping()
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
            return self._occupy(process)
        finally:
            self._waiting -= 1

    def give_back(self, process: LocalProcess) -> None:
        """The event was answered, or nobody wants the answer."""
        process.in_flight -= 1
        self._notify()
        if process.in_flight == 0 and not process.is_ending:
            self._retire_later(process)

    async def renew(self) -> None:
        """Give events to new processes alone; return when the present ones have ended."""
        for task in self._starting:
            task.cancel()
        for process in self._serving():
            self._end(process)
        self._notify()
        await asyncio.gather(*self._starting, *self._ending, return_exceptions=True)

    async def close(self) -> None:
        """End all processes, and let none start any more; those at work get the grace."""
        self._is_closed = True
        await self.renew()
        await asyncio.gather(*self._watching)

    def _serving(self) -> list[LocalProcess]:
        return [each for each in self._processes if not (each.is_ending or each.is_dead)]

    def _with_room(self) -> LocalProcess | None:
        """The busiest process that has room, so that the others become idle."""
        fit = [] if self._is_closed else self._serving()
        free = [each for each in fit if each.in_flight < self.node_type.concurrency]
        return max(free, key=lambda each: each.in_flight, default=None)

    def _needs_another(self) -> bool:
        is_allowed = len(self._serving()) + len(self._starting) < _most(self.node_type, self._options)
        return is_allowed and len(self._starting) * self.node_type.concurrency < self._waiting

    def _occupy(self, process: LocalProcess) -> LocalProcess:
        self._keep_up(process)
        process.in_flight += 1
        self._events += 1
        self._last_event_at = Millis(int(time() * 1000))
        return process

    def _start(self, timeout_s: float) -> None:
        task = asyncio.create_task(self._start_one(timeout_s), name=f"start of {self.node_type.name}")
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start_one(self, timeout_s: float) -> None:
        began = monotonic()
        node_type, options = self.node_type, self._options
        try:
            command, environment = options.command(node_type), options.environment(node_type)
            process = await start(node_type.name, command, environment, timeout_s=timeout_s)
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
            self._end(process)

    def _end(self, process: LocalProcess) -> None:
        self._keep_up(process)
        process.is_ending = True
        task = asyncio.create_task(process.end(self._options.grace_s), name=f"end of {process.name}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _notify(self) -> None:
        """Wake all who wait for a place, in the order in which they came."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
