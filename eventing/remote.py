"""Runs attempts in functions: hands an order over, waits for the answer, and hands it over again when nothing is heard.

An order that is handed over again is the *same* event, so a function that is at work on it, or has done it, says so instead
of doing it twice. How an order travels is the business of a `Sender`: directly (`eventing.direct`) or by a broker
(`eventing.broker_sender`).
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from eventing.answers import settled
from eventing.attempts import OpenAttempt, OpenAttempts
from eventing.cloudevents import CloudEvent
from eventing.invocations import Answer, Failed, Invocation, Reports
from eventing.messages import invoke_event, plain_values, with_deadline, written_values
from flume.nodes.types import NodeType

logger = logging.getLogger(__name__)

MAX_SENDS = 3
"""An attempt of which nothing is heard is handed over so often in all; then it has failed as ``lost``."""

MAX_CRASHES = 2
"""Processes that may die over one attempt; then it is taken to be what kills them."""

MAX_DOUBLINGS = 5
"""How often the pause is doubled while an order can't be handed over."""

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


class UnreachedError(DeliveryError):
    """The order has certainly not been begun: nobody took it. It is no try until the time to start it is over."""


class BusyError(UnreachedError):
    """The function has as much as it takes just now. It is no try as long as anybody waits for the attempt."""


class CrashError(DeliveryError):
    """The process that had the order, at the address ``where``, died. The reason holds what it wrote last."""

    def __init__(self, reason: str, *, where: str = "") -> None:
        self.where = where
        super().__init__(reason)


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
    """The `eventing.invocations.Executor` of the lanes outside the engine. ``gate_of`` bounds the events in flight, by type.

    ``function_of`` names the function that an order is for, or says why there is none. ``repeats`` says whether an order of which
    nothing is heard reaches anybody when it is handed over again; where it does not, the attempt is lost at once.
    """

    def __init__(
        self,
        sender: Sender,
        attempts: OpenAttempts,
        *,
        gate_of: Callable[[NodeType], Gate],
        function_of: Callable[[Invocation], str | Failed] = lambda invocation: "",
        repeats: Callable[[Invocation], bool] = lambda invocation: True,
        patience: Patience = Patience(),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sender = sender
        self._attempts = attempts
        self._gate_of = gate_of
        self._function_of = function_of
        self._repeats = repeats
        self._patience = patience
        self._clock = clock

    def execute_at_once(self, invocation: Invocation, reports: Reports) -> Answer | None:
        """See `eventing.invocations.Executor.execute_at_once`: nothing outside the engine is done at once."""
        return None

    async def execute(self, invocation: Invocation, reports: Reports) -> Answer:
        """See `eventing.invocations.Executor.execute`."""
        function = self._function_of(invocation)
        if isinstance(function, Failed):
            return function
        invocation = replace(invocation, function=function)
        async with self._gate_of(invocation.node_type).slot(invocation.run_id):
            with self._attempts.open(invocation, reports) as attempt:
                answer = attempt.explained(await self._deliver(invocation, attempt))
        node_type = invocation.node_type
        return settled(node_type.name, node_type.ports_for(invocation.config), answer)

    async def _deliver(self, invocation: Invocation, attempt: OpenAttempt) -> Answer:
        now = self._clock()
        event = await _order(invocation, now)
        begin_by, free_by = _limits(invocation, now)
        sends = crashes = refusals = 0
        reason = ""
        while sends < MAX_SENDS:
            if attempt.taken_up_at is None:
                # Nobody is at work on it, so whoever takes it now has all its time.
                event = with_deadline(event, self._clock() + invocation.start_timeout + invocation.timeout)
            try:
                if await self._try(event, invocation, attempt):
                    return attempt.answered.result().answer
                if self._has_overrun(invocation, attempt):
                    return _overrun(invocation)
                reason = "nothing was heard of it"
                if not self._repeats(invocation):
                    return _lost(invocation, sends + 1, reason)
            except RefusedError as refused:
                return refused.failed
            except UnreachedError as error:
                reason = str(error)
                is_busy = isinstance(error, BusyError)
                if self._clock() >= (free_by if is_busy else begin_by):
                    break
                # A place among busy ones may become free at any moment.
                await self._pause(error, attempt, doublings=0 if is_busy else refusals)
                refusals += not is_busy
                if not attempt.answered.done():
                    continue
            except CrashError as crash:
                reason = str(crash)
                crashes += 1
                attempt.taken_up_at = None
                if crashes >= MAX_CRASHES:
                    return Failed("crashed", reason, retryable=True, answered=False)
            except DeliveryError as error:
                reason = str(error)
                attempt.taken_up_at = None
                await self._pause(error, attempt)
            if attempt.answered.done():
                return attempt.answered.result().answer
            sends += 1
            # It was taken once: whoever takes it next may need as long to start as the first.
            (begin_by, free_by), refusals = _limits(invocation, self._clock()), 0
            _log_failed_send(invocation, sends, reason)
        return _lost(invocation, sends, reason)

    async def _try(self, event: CloudEvent, invocation: Invocation, attempt: OpenAttempt) -> bool:
        """Hand the order over once and wait; False when nothing was heard for too long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        attempt.handed_over()
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
            silent_at = began + invocation.start_timeout.total_seconds()
        else:
            silent_at = attempt.heard_at + self._patience.silence.total_seconds()
        # Also after it was handed over again: a function that hangs has had its time.
        return min(silent_at, self._overrun_at(invocation, attempt))

    def _overrun_at(self, invocation: Invocation, attempt: OpenAttempt) -> float:
        """When a function that keeps time has answered long since, in seconds of the event loop."""
        if attempt.taken_up_at is None:
            return float("inf")
        return attempt.taken_up_at + (invocation.timeout + self._patience.silence).total_seconds()

    def _has_overrun(self, invocation: Invocation, attempt: OpenAttempt) -> bool:
        return asyncio.get_running_loop().time() >= self._overrun_at(invocation, attempt)

    async def _pause(self, error: DeliveryError, attempt: OpenAttempt, *, doublings: int = 0) -> None:
        """Wait before the next try; an answer that comes by another way ends the wait."""
        own = min(self._patience.pause * 2 ** min(doublings, MAX_DOUBLINGS), LONGEST_PAUSE)
        wait = min(max(error.wait, own), LONGEST_PAUSE)
        await asyncio.wait({attempt.answered}, timeout=wait.total_seconds())


async def _order(invocation: Invocation, deadline: datetime) -> CloudEvent:
    # Writing moments as text is slow in large values, and the event loop has more to do.
    values = plain_values(invocation) or await asyncio.to_thread(written_values, invocation)
    return invoke_event(invocation, deadline, values)


def _limits(invocation: Invocation, now: datetime) -> tuple[datetime, datetime]:
    """Until when an order that nobody can take is handed over, and until when one for which all are busy."""
    begin_by = now + invocation.start_timeout
    return begin_by, begin_by + invocation.timeout


def _lost(invocation: Invocation, sends: int, reason: str) -> Failed:
    match sends:
        case 0:
            asked = "and could not be reached in all its time to start"
        case 1:
            asked = "asked once"
        case _:
            asked = f"asked {sends} times"
    message = f"the function '{invocation.node_type.name}' did not answer, {asked}: {reason}"
    return Failed("lost", message, retryable=True, answered=False)


def _overrun(invocation: Invocation) -> Failed:
    seconds = invocation.timeout.total_seconds()
    return Failed("timeout", f"no answer within {seconds:g} s", retryable=True, answered=False)


def _log_failed_send(invocation: Invocation, sends: int, reason: str) -> None:
    facts = {"run": invocation.run_id, "node": invocation.instance, "attempt": invocation.attempt}
    message = "an attempt got no answer" if sends == MAX_SENDS else "an attempt is handed over again"
    logger.warning(message, extra={**facts, "sends": sends, "reason": reason[:200]})
