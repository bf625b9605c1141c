"""Runs attempts in this process: the lane of trivial nodes and, on one machine without functions, of all.

Coroutines run on the event loop, plain functions in threads, pure ones too: whoever writes ``async def`` promises not to
block, and nobody else does. A thread can't be stopped: when its time is up the attempt fails, and the function goes on
until it looks at ``context.cancelled`` or returns.

This is the edge of a node call, where whatever a node raises is how it failed: `exit()`, an interrupt and a cancellation
of its own included. Only the cancellation of the attempt's task passes.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from inspect import iscoroutinefunction
from types import TracebackType
from typing import Any
from weakref import WeakSet

from eventing.invocations import MAX_FAILURE_MESSAGE, Answer, Failed, Invocation, Reports
from eventing.node_logs import NodeLog, clean, shortened
from eventing.node_progress import NodeProgress, StreamMask
from eventing.node_threads import NodeThreads, ThreadPlace
from flume.errors import FlumeError, NodeError
from flume.expressions import conceal, reveal
from flume.nodes.context import NodeContext, Secrets
from flume.nodes.invocation import Prepared, failure, prepare, settle
from flume.nodes.node import Node, NodeSettings
from flume.nodes.outcomes import Iterate, Result, Sleep
from flume.nodes.shared import SharedSetups
from flume.nodes.types import NodeType
from flume.secret_values import secrets_for
from flume.values import JsonValue

logger = logging.getLogger(__name__)

THREADS = 32
"""Plain functions that may block at the same time; further ones queue."""

_UNANSWERED = frozenset({"timeout", "connection"})
"""Failures after which nobody knows whether the work was done: its repetition carries the same key."""


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
        timer: Callable[[], float] = time.perf_counter,
        threads: int = THREADS,
    ) -> None:
        self._secrets = dict(secrets)
        self._secret_values = tuple(filter(None, secrets.values()))
        self._stream_mask = StreamMask(self._secret_values)
        self._clock = clock
        self._setups = SharedSetups(settings)
        self._timer = timer
        self._threads = NodeThreads(threads)
        self._tasks_only: WeakSet[type] = WeakSet()

    async def __aenter__(self) -> "InProcessExecutor":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._threads.close()
        await self._setups.aclose()

    async def set_up(self, node_type: NodeType) -> None:
        """Make what the nodes of a type share now, rather than with the first of them. Raises what its ``setup`` raises."""
        await self._setups.of(node_type)

    async def execute(self, invocation: Invocation, reports: Reports) -> Answer:
        """See `Executor.execute`."""
        ties = self._tie(reports)
        async with self._thread_for(invocation.node_type) as thread:
            try:
                return await self._execute(invocation, ties, thread)
            finally:
                ties.progress.end()

    async def _execute(self, invocation: Invocation, ties: "_Ties", thread: ThreadPlace | None) -> Answer:
        scope = asyncio.timeout(invocation.timeout.total_seconds())
        try:
            async with scope:
                shared = await self._setups.of(invocation.node_type)
                prepared = self._prepare(invocation, ties, shared)
                if thread is None:
                    returned = await prepared.node.execute(prepared.input)
                else:
                    returned = await thread.call(partial(prepared.node.execute, prepared.input))
            return self._settle(invocation, returned)
        except BaseException as error:
            ties.is_cancelled = True
            if _is_being_cancelled():
                # Nobody wants the answer, and a node that trips over its cancellation has not failed by that.
                raise asyncio.CancelledError from error
            return _timed_out(invocation) if scope.expired() else self._fail(invocation, error)

    def execute_at_once(self, invocation: Invocation, reports: Reports) -> Answer | None:
        """See `Executor.execute_at_once`. What took longer than it may fails as time-out, although nothing could stop it."""
        node_class = invocation.node_type.implementation
        if node_class is None or node_class in self._tasks_only:
            return None
        if _has_setup(node_class) or not iscoroutinefunction(node_class.execute):
            self._tasks_only.add(node_class)
            return None
        began = self._timer()
        answer = self._at_once(invocation, node_class, reports)
        if answer is not None and self._timer() - began > invocation.timeout.total_seconds():
            return _timed_out(invocation)
        return answer

    def _at_once(self, invocation: Invocation, node_class: type[Node], reports: Reports) -> Answer | None:
        ties = self._tie(reports)
        try:
            prepared = self._prepare(invocation, ties, None)
            finished, returned = _run_to_first_wait(prepared.node.execute(prepared.input))
            if not finished:
                # It waits for something, so it can't be fused. Being pure, it may as well begin again as a task.
                self._tasks_only.add(node_class)
                return None
            return self._settle(invocation, returned)
        except FlumeError as error:
            return self._fail(invocation, error)
        except BaseException:
            # It may have missed being a task, as `asyncio.timeout` does. Should it fail as one too, that is its answer.
            return None
        finally:
            ties.progress.end()

    def _tie(self, reports: Reports) -> "_Ties":
        return _Ties(NodeLog(reports, self._mask, self._clock), NodeProgress(reports, self._stream_mask))

    def _prepare(self, invocation: Invocation, ties: "_Ties", shared: object) -> Prepared:
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
            secrets=Secrets(secrets_for((invocation.node_type,), self._secrets)),
            log_sink=ties.log,
            progress_sink=ties.progress,
            is_cancelled=lambda: ties.is_cancelled,
            clock=self._clock,
        )
        return prepare(invocation.node_type, config, inputs, context=context, shared=shared)

    @asynccontextmanager
    async def _thread_for(self, node_type: NodeType) -> AsyncIterator[ThreadPlace | None]:
        """A thread for a type whose ``execute`` is a plain function, None for others.

        Waiting for it does not count as the attempt's time.
        """
        node_class = node_type.implementation
        if node_class is None or iscoroutinefunction(node_class.execute):
            yield None
            return
        async with self._threads.place() as place:
            yield place

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

    def _fail(self, invocation: Invocation, error: BaseException) -> Failed:
        failed = failure(invocation.node_type, _as_exception(error))
        if not isinstance(error, NodeError):
            # The text of a foreign exception may hold data, so it goes to the run alone.
            logger.debug("node raised", extra={"run": invocation.run_id, "node": invocation.instance})
        return Failed(
            clean(failed.code),
            shortened(self._mask(clean(str(failed))), MAX_FAILURE_MESSAGE),
            retryable=bool(failed.retryable),
            retry_after=failed.retry_after,
            answered=failed.code not in _UNANSWERED,
        )

    def _mask(self, value: JsonValue) -> Any:
        return conceal(value, self._secret_values) if self._secrets else value


@dataclass(slots=True)
class _Ties:
    """What ties a node to its attempt, usable from its thread."""

    log: NodeLog
    progress: NodeProgress
    is_cancelled: bool = False
    """Whether nobody wants the attempt's result any more."""


def _is_being_cancelled() -> bool:
    """Whether somebody wants the present task to end, as opposed to a cancellation that a node made up or passed on."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _timed_out(invocation: Invocation) -> Failed:
    seconds = invocation.timeout.total_seconds()
    return Failed("timeout", f"no answer within {seconds:g} s", retryable=True, answered=False)


def _as_exception(error: BaseException) -> Exception:
    """What a node raised, as something that can be spoken of as its failure."""
    match error:
        case Exception():
            return error
        case SystemExit():
            return RuntimeError(f"the node tried to end the process, with {error.code!r}")
        case asyncio.CancelledError():
            return RuntimeError("what the node waited for was cancelled, and not by Flume")
        case _:
            return RuntimeError(f"the node raised {type(error).__name__}: {error}")


def _has_setup(node_class: type[Node]) -> bool:
    return node_class.setup.__func__ is not Node.setup.__func__  # type: ignore[attr-defined]


def _run_to_first_wait(coroutine: Any) -> tuple[bool, object]:
    """Run a coroutine as far as it goes without waiting: ``(True, result)``, or ``(False, None)`` if it wanted to wait."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return True, finished.value
    coroutine.close()
    return False, None
