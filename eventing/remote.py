"""Runs attempts in functions: hands an order over, waits for the answer, and hands it over again when nothing is heard.

An order that is handed over again is the *same* event, so a function that is at work on it, or has done it, says so instead
of doing it twice. How an order travels is the business of a `Sender`: directly (`eventing.direct`) or by a broker.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import orjson

from eventing.attempts import OpenAttempt, OpenAttempts
from eventing.cloudevents import CloudEvent
from eventing.invocations import Answer, Failed, Invocation, Reports
from eventing.messages import invoke_event
from flume.nodes.invocation import MAX_META_BYTES
from flume.nodes.outcomes import Result

logger = logging.getLogger(__name__)

MAX_SENDS = 3
"""An attempt of which nothing is heard is handed over so often in all; then it has failed as ``lost``."""

MAX_CRASHES = 2
"""Processes that may die over one attempt; then it is taken to be what kills them."""

LONGEST_PAUSE = timedelta(seconds=30)
"""No pause before a next try is longer, whatever the function asks for."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long nothing may be heard of an attempt that was heard of before, and the pause after a failed delivery."""

    silence: timedelta = timedelta(seconds=30)
    pause: timedelta = timedelta(milliseconds=200)


class DeliveryError(Exception):
    """An order could not be handed over, or the connection was lost before the answer; trying again may help."""

    def __init__(self, reason: str, *, wait: timedelta = timedelta(0)) -> None:
        self.wait = wait
        super().__init__(reason)


class BusyError(DeliveryError):
    """The function has as much as it takes just now. It does not count as a try."""


class CrashError(DeliveryError):
    """The process that had the order died. The reason holds what it wrote last."""


class RefusedError(Exception):
    """The order can't be carried out, whoever gets it; ``failed`` says why."""

    def __init__(self, failed: Failed) -> None:
        self.failed = failed
        super().__init__(failed.message)


class Sender(Protocol):
    """Hands orders over."""

    async def send(self, event: CloudEvent, attempt: OpenAttempt) -> None:
        """Hand an order over; a sender that gets the answer with it gives it to ``attempt``.

        Raises `DeliveryError` and `RefusedError`. Being cancelled means that the order is handed over again, or that nobody
        wants it any more.
        """
        ...


class Gate(Protocol):
    """Bounds how much is under way at once, fairly between runs."""

    def slot(self, key: str) -> AbstractAsyncContextManager[None]:
        """Hold one place for the length of the block; waits for its turn first."""
        ...


class RemoteExecutor:
    """The `eventing.invocations.Executor` of the lanes outside the engine. ``gates`` bound the events in flight, by type."""

    def __init__(
        self,
        sender: Sender,
        attempts: OpenAttempts,
        *,
        gate_of: Callable[[str], Gate],
        patience: Patience = Patience(),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sender = sender
        self._attempts = attempts
        self._gate_of = gate_of
        self._patience = patience
        self._clock = clock

    def execute_at_once(self, invocation: Invocation, reports: Reports) -> Answer | None:
        """See `eventing.invocations.Executor.execute_at_once`: nothing outside the engine is done at once."""
        return None

    async def execute(self, invocation: Invocation, reports: Reports) -> Answer:
        """See `eventing.invocations.Executor.execute`."""
        async with self._gate_of(invocation.node_type.name).slot(invocation.run_id):
            with self._attempts.open(invocation, reports) as attempt:
                return _settled(invocation, await self._deliver(invocation, attempt))

    async def _deliver(self, invocation: Invocation, attempt: OpenAttempt) -> Answer:
        deadline = self._clock() + invocation.start_timeout + invocation.timeout
        event = invoke_event(invocation, deadline)
        sends = crashes = 0
        reason = ""
        while sends < MAX_SENDS:
            try:
                if await self._try(event, invocation, attempt):
                    return attempt.answered.result().answer
                if self._has_overrun(invocation, attempt):
                    return _overrun(invocation)
                reason = "nothing was heard of it"
            except RefusedError as refused:
                return refused.failed
            except BusyError as busy:
                reason = str(busy)
                if self._clock() >= deadline:
                    break
                await self._pause(busy, attempt)
                if not attempt.answered.done():
                    continue
            except CrashError as crash:
                reason = str(crash)
                crashes += 1
                if crashes >= MAX_CRASHES:
                    return Failed("crashed", reason, retryable=True, answered=False)
            except DeliveryError as error:
                reason = str(error)
                await self._pause(error, attempt)
            if attempt.answered.done():
                return attempt.answered.result().answer
            sends += 1
            _log_failed_send(invocation, sends, reason)
        message = f"the function '{invocation.node_type.name}' did not answer, asked {sends} times: {reason}"
        return Failed("lost", message, retryable=True, answered=False)

    async def _try(self, event: CloudEvent, invocation: Invocation, attempt: OpenAttempt) -> bool:
        """Hand the order over once and wait; False when nothing was heard for too long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        sending = asyncio.create_task(self._sender.send(event, attempt), name=f"send {event.id}")
        try:
            while not attempt.answered.done():
                left = self._until_silent(invocation, attempt, began) - loop.time()
                if left <= 0:
                    return False
                waiting: set[asyncio.Future[Any]] = {attempt.answered}
                if not sending.done():
                    waiting.add(sending)
                # A sign of life wakes nobody, but shortens what is left: its silence must not be waited for any longer.
                left = min(left, self._patience.silence.total_seconds())
                await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if sending.done() and not attempt.answered.done():
                    sending.result()
            return True
        finally:
            sending.cancel()
            # It swallows no cancellation of this task, as awaiting the other would.
            await asyncio.wait({sending})
            if not sending.cancelled():
                # The answer came by another way; how this one failed matters no more.
                sending.exception()

    def _until_silent(self, invocation: Invocation, attempt: OpenAttempt, began: float) -> float:
        """When the attempt is given up unless something is heard before, in seconds of the event loop."""
        if attempt.heard_at is None or attempt.heard_at < began:
            return began + invocation.start_timeout.total_seconds()
        return min(attempt.heard_at + self._patience.silence.total_seconds(), self._overrun_at(invocation, attempt))

    def _overrun_at(self, invocation: Invocation, attempt: OpenAttempt) -> float:
        """When a function that keeps time has answered long since, in seconds of the event loop."""
        if attempt.taken_up_at is None:
            return float("inf")
        return attempt.taken_up_at + (invocation.timeout + self._patience.silence).total_seconds()

    def _has_overrun(self, invocation: Invocation, attempt: OpenAttempt) -> bool:
        return asyncio.get_running_loop().time() >= self._overrun_at(invocation, attempt)

    async def _pause(self, error: DeliveryError, attempt: OpenAttempt) -> None:
        """Wait before the next try; an answer that comes by another way ends the wait."""
        wait = min(max(error.wait, self._patience.pause), LONGEST_PAUSE)
        await asyncio.wait({attempt.answered}, timeout=wait.total_seconds())


def _overrun(invocation: Invocation) -> Failed:
    seconds = invocation.timeout.total_seconds()
    return Failed("timeout", f"no answer within {seconds:g} s", retryable=True, answered=False)


def _log_failed_send(invocation: Invocation, sends: int, reason: str) -> None:
    facts = {"run": invocation.run_id, "node": invocation.instance, "attempt": invocation.attempt}
    message = "an attempt got no answer" if sends == MAX_SENDS else "an attempt is handed over again"
    logger.warning(message, extra={**facts, "sends": sends, "reason": reason[:200]})


def _settled(invocation: Invocation, answer: Answer) -> Answer:
    """Hold an answer against its node type, as is done with nodes of this process: a function may be in any language."""
    if not isinstance(answer, Result):
        return answer
    ports = invocation.node_type.ports_for(invocation.config)
    if answer.port not in ports:
        problem = f"left by port '{answer.port[:100]}'; it has: {', '.join(ports)}"
    elif (size := len(orjson.dumps(dict(answer.meta)))) > MAX_META_BYTES:
        problem = f"meta takes {size:,} bytes of JSON, more than {MAX_META_BYTES:,}; return it as output"
    else:
        return answer
    return Failed("bad-output", f"function '{invocation.node_type.name}': {problem}")
