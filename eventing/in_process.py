"""Runs attempts in this process: the lane of trivial nodes and, on one machine without functions, of all.

Coroutines run on the event loop, plain functions in threads. A thread can't be stopped: when its time is up the attempt
fails, and the function goes on until it looks at ``context.cancelled`` or returns.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from inspect import isawaitable, iscoroutinefunction
from types import TracebackType
from typing import Any

from eventing.invocations import Answer, Failed, Invocation, LogRecord, Reports
from flume.errors import FlumeError, NodeError
from flume.expressions import conceal, reveal
from flume.ids import Millis
from flume.nodes.context import LogLevel, NodeContext, Secrets
from flume.nodes.invocation import Prepared, as_json, failure, prepare, settle
from flume.nodes.node import Node, NodeSettings
from flume.nodes.outcomes import Iterate, Result, Sleep
from flume.nodes.shared import SharedSetups
from flume.nodes.types import NodeType
from flume.values import BadValueError, JsonValue, check_value

logger = logging.getLogger(__name__)

THREADS = 32
"""Plain functions that may block at the same time; further ones queue."""

_UNANSWERED = frozenset({"timeout", "connection"})
"""Failures after which nobody knows whether the work was done: its repetition carries the same key."""

MAX_LOG_MESSAGE = 8 * 1024
MAX_LOG_FIELDS = 32


def _utc_now() -> datetime:
    return datetime.now(UTC)


class InProcessExecutor:
    """An `Executor` for node types whose class is known here. Use it as an async context manager: leaving tears types down."""

    def __init__(
        self,
        settings: NodeSettings,
        secrets: Mapping[str, str],
        *,
        clock: Callable[[], datetime] = _utc_now,
        threads: int = THREADS,
    ) -> None:
        self._secrets = dict(secrets)
        self._visible = Secrets(secrets)
        self._clock = clock
        self._setups = SharedSetups(settings)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="node")
        self._free_threads = asyncio.Semaphore(threads)
        self._suspending: set[type] = set()

    async def __aenter__(self) -> "InProcessExecutor":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._setups.aclose()

    async def execute(self, invocation: Invocation, reports: Reports) -> Answer:
        """See `Executor.execute`."""
        flag = _CancelFlag()
        async with self._thread_for(invocation.node_type) as thread:
            return await self._execute(invocation, reports, flag, thread)

    async def _execute(
        self, invocation: Invocation, reports: Reports, flag: "_CancelFlag", thread: "_Thread | None"
    ) -> Answer:
        timeout = invocation.timeout.total_seconds()
        scope = asyncio.timeout(timeout)
        try:
            async with scope:
                shared = await self._setups.of(invocation.node_type)
                prepared = self._prepare(invocation, reports, shared, flag)
                if thread is None:
                    returned = await prepared.node.execute(prepared.input)
                else:
                    returned = await thread.call(prepared)
            return self._settle(invocation, returned)
        except asyncio.CancelledError:
            flag.is_set = True
            raise
        # The edge of a node call: whatever a node raises is how it failed, `exit()` included.
        except (Exception, SystemExit) as error:
            flag.is_set = True
            if scope.expired():
                return Failed("timeout", f"no answer within {timeout:g} s", retryable=True, answered=False)
            return self._fail(invocation, error)

    def execute_at_once(self, invocation: Invocation, reports: Reports) -> Answer | None:
        """See `Executor.execute_at_once`."""
        node_class = invocation.node_type.implementation
        if node_class is None or node_class in self._suspending or _has_setup(node_class):
            return None
        is_async = False
        try:
            prepared = self._prepare(invocation, reports, None, _CancelFlag())
            is_async = prepared.is_async
            returned: Any = prepared.node.execute(prepared.input)
            if isawaitable(returned):
                finished, returned = _run_to_first_wait(returned)
                if not finished:
                    # It waits for something, so it can't be fused. Being pure, it may as well begin again as a task.
                    self._suspending.add(node_class)
                    return None
            return self._settle(invocation, returned)
        # The edge of a node call, as above.
        except (Exception, SystemExit) as error:
            if is_async and not isinstance(error, FlumeError):
                # It may have missed being a task, as `asyncio.timeout` does. Should it fail as one too, that is its answer.
                return None
            return self._fail(invocation, error)

    def _prepare(self, invocation: Invocation, reports: Reports, shared: object, flag: "_CancelFlag") -> Prepared:
        config, inputs = dict(invocation.config), dict(invocation.inputs)
        if self._secrets and not invocation.node_type.pure:
            config = reveal(config, invocation.nonce, self._secrets.__getitem__)
            inputs = reveal(inputs, invocation.nonce, self._secrets.__getitem__)
        context = NodeContext(
            run_id=invocation.run_id,
            node_id=invocation.node_id,
            instance=invocation.instance,
            attempt=invocation.attempt,
            idempotency_key=invocation.key,
            now=invocation.now,
            deadline=self._clock() + invocation.timeout,
            hops=invocation.hops,
            traceparent=invocation.traceparent,
            secrets=self._visible,
            log_sink=_LogSink(reports, self._mask, self._clock),
            progress_sink=lambda text: reports.progress(self._mask(text)),
            is_cancelled=lambda: flag.is_set,
            clock=self._clock,
        )
        return prepare(invocation.node_type, config, inputs, context=context, shared=shared)

    @asynccontextmanager
    async def _thread_for(self, node_type: NodeType) -> AsyncIterator["_Thread | None"]:
        """A thread for a type whose ``execute`` is a plain function, None for others.

        Waiting for it does not count as the attempt's time. A function whose time was up keeps its thread until it returns.
        """
        node_class = node_type.implementation
        if node_class is None or iscoroutinefunction(node_class.execute):
            yield None
            return
        await self._free_threads.acquire()
        thread = _Thread(self._threads, self._free_threads.release)
        try:
            yield thread
        finally:
            thread.leave()

    def _settle(self, invocation: Invocation, returned: object) -> Answer:
        outcome = settle(invocation.node_type, dict(invocation.config), returned)
        if not self._secrets:
            return outcome
        match outcome:
            case Result():
                return Result(self._mask(outcome.output), self._mask(outcome.meta), outcome.port)
            case Sleep():
                return Sleep(outcome.until, self._mask(outcome.output))
            case Iterate():
                return Iterate(self._mask(outcome.items), outcome.times)

    def _fail(self, invocation: Invocation, error: Exception | SystemExit) -> Failed:
        if isinstance(error, SystemExit):
            error = RuntimeError(f"the node tried to end the process, with {error.code!r}")
        failed = failure(invocation.node_type, error)
        if not isinstance(error, NodeError):
            # The text of a foreign exception may hold data, so it goes to the run alone.
            logger.debug("node raised", extra={"run": invocation.run_id, "node": invocation.instance})
        return Failed(
            failed.code,
            self._mask(_without_surrogates(str(failed))),
            retryable=bool(failed.retryable),
            retry_after=failed.retry_after,
            answered=failed.code not in _UNANSWERED,
        )

    def _mask(self, value: JsonValue) -> Any:
        return conceal(value, self._secrets.values()) if self._secrets else value


class _CancelFlag:
    """Whether an attempt's result is still wanted, readable from its thread."""

    __slots__ = ("is_set",)

    def __init__(self) -> None:
        self.is_set = False


class _Thread:
    """A place in the thread pool, for one call; ``release`` is called once, when nothing uses it any more."""

    def __init__(self, pool: ThreadPoolExecutor, release: Callable[[], None]) -> None:
        self._pool = pool
        self._release = release
        self._is_used = False

    async def call(self, prepared: Prepared) -> object:
        """Run a node's function."""
        loop = asyncio.get_running_loop()
        self._is_used = True
        work = self._pool.submit(_call_plainly, prepared)
        work.add_done_callback(lambda _: None if loop.is_closed() else loop.call_soon_threadsafe(self._release))
        return await asyncio.wrap_future(work)

    def leave(self) -> None:
        """Give the place back if nothing was called."""
        if not self._is_used:
            self._release()


def _call_plainly(prepared: Prepared) -> object:
    try:
        return prepared.node.execute(prepared.input)
    except StopIteration as error:
        # A future can't hold it: whoever waits would wait for ever.
        raise RuntimeError("the node raised StopIteration") from error


class _LogSink:
    """Turns a node's log call into a bounded, JSON-able, masked record."""

    def __init__(self, reports: Reports, mask: Callable[[JsonValue], Any], clock: Callable[[], datetime]) -> None:
        self._reports = reports
        self._mask = mask
        self._clock = clock

    def __call__(self, level: LogLevel, message: str, fields: Mapping[str, object]) -> None:
        at = Millis(int(self._clock().timestamp() * 1000))
        text = _without_surrogates(str(message)[:MAX_LOG_MESSAGE])
        kept = {key: _loggable(fields[key]) for key in list(fields)[:MAX_LOG_FIELDS]}
        self._reports.log(LogRecord(at, level, self._mask(text), self._mask(kept)))


def _has_setup(node_class: type[Node]) -> bool:
    return node_class.setup.__func__ is not Node.setup.__func__  # type: ignore[attr-defined]


def _loggable(value: object) -> JsonValue:
    try:
        plain = as_json(value)
        check_value(plain)
    except (BadValueError, RecursionError):
        return _without_surrogates(repr(value)[:MAX_LOG_MESSAGE])
    return plain


def _without_surrogates(text: str) -> str:
    return text if text.isascii() else text.encode(errors="replace").decode()


def _run_to_first_wait(coroutine: Any) -> tuple[bool, object]:
    """Run a coroutine as far as it goes without waiting: ``(True, result)``, or ``(False, None)`` if it wanted to wait."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return True, finished.value
    coroutine.close()
    return False, None
