"""Orders through the broker of this process: what Triggers do on a cluster, for functions on one machine.

A Trigger for each node type carries its orders to the function; the reply is the answer, which goes back into the broker, and
another Trigger carries it to whoever takes answers. What can't be delivered is a dead letter.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from eventing.attempts import OpenAttempt, OpenAttempts
from eventing.broker import Bounds, Broker, Trigger
from eventing.cloudevents import CloudEvent, MalformedEventError
from eventing.datarefs import reference_of
from eventing.delivery import NO_ANSWER, Delivery, Reply, Subscriber
from eventing.function_calls import FunctionCalls, bad_answer, read_answer
from eventing.invocations import Failed, Invocation
from eventing.message_reading import attempt_in
from eventing.messages import COMPLETED, FAILED, INVOKE, answer_event
from eventing.remote import MAX_CRASHES, BusyError, CrashError, DeliveryError, RefusedError
from flume.errors import StoreError, UnavailableError
from flume.filters import parse_filters

BOUNDS = Bounds(unfinished=50_000, at_once=50_000)
"""No order waits for another one here: how many there may be of a type was decided before they were published."""

_ORDERS = Delivery(timeout=timedelta(days=1))
"""Whoever waits for an attempt knows how long it may take, and ends its deliveries."""

_ANSWERS = parse_filters([{"any": [{"exact": {"type": COMPLETED}}, {"exact": {"type": FAILED}}]}])


class BrokerDispatch:
    """The `eventing.broker_sender.Outlet` that is a broker of this process, whose triggers are set here.

    ``orders`` gets them, ``answers`` what came of them, ``dead_letters`` what of both could not be delivered.
    """

    def __init__(self, broker: Broker, *, orders: Subscriber, answers: Subscriber, dead_letters: Subscriber) -> None:
        self._broker = broker
        self._orders = orders
        self._dead_letters = dead_letters
        self._triggers = {"": Trigger("answers", answers, _ANSWERS, dead_letters=dead_letters)}

    async def publish(self, event: CloudEvent) -> None:
        """See `eventing.broker_sender.Outlet.publish`."""
        node_type = event.extensions["flumenodetype"]
        if node_type not in self._triggers:
            self._triggers[node_type] = self._trigger_of(node_type)
            self._broker.set_triggers(tuple(self._triggers.values()))
        try:
            self._broker.publish(event)
        except UnavailableError as error:
            raise BusyError(str(error), wait=error.retry_after) from error

    def _trigger_of(self, node_type: str) -> Trigger:
        wanted = parse_filters([{"exact": {"type": INVOKE, "flumenodetype": node_type}}])
        name = f"the function '{node_type}'"
        return Trigger(name, self._orders, wanted, delivery=_ORDERS, dead_letters=self._dead_letters)


class OrderSubscriber:
    """Delivers orders to functions, for as long as somebody waits for the attempt; the answer is the reply."""

    def __init__(self, calls: FunctionCalls, attempts: OpenAttempts) -> None:
        self._calls = calls
        self._attempts = attempts

    async def deliver(self, event: CloudEvent) -> Reply:
        """See `eventing.delivery.Subscriber.deliver`."""
        attempt = self._attempts.find(attempt_in(event))
        if attempt is None:
            return Reply()
        calling = asyncio.create_task(self._call(event, attempt), name=f"deliver {event.id}")
        try:
            waiting: set[asyncio.Future[Any]] = {calling, attempt.answered}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return calling.result() if calling.done() else Reply()
        finally:
            calling.cancel()
            # It swallows no cancellation of this task, as awaiting the other would.
            await asyncio.wait({calling})

    async def _call(self, order: CloudEvent, attempt: OpenAttempt) -> Reply:
        invocation = attempt.invocation
        try:
            answer = await self._calls.call(order, invocation, attempt.starting)
            return Reply(200, event=_checked(answer, invocation))
        except RefusedError as refused:
            # A cluster would make a dead letter of it; here it is known what is wrong, so that is told.
            return _failed(invocation, refused.failed)
        except CrashError as crash:
            # Two deliveries may have been at one process, which died once.
            attempt.deaths.add(crash.where)
            if len(attempt.deaths) >= MAX_CRASHES:
                return _failed(invocation, Failed("crashed", str(crash), retryable=True, answered=False))
            return Reply(NO_ANSWER)
        except DeliveryError as error:
            return Reply(429 if isinstance(error, BusyError) else 503, retry_after=error.wait)


class Taker:
    """The `eventing.delivery.Subscriber` that hands events to a function of this process, which answers nothing.

    ``take`` may raise `MalformedEventError`, which ends the matter, and `StoreError` and `UnavailableError`.
    """

    def __init__(self, take: Callable[[CloudEvent], Awaitable[object]]) -> None:
        self._take = take

    async def deliver(self, event: CloudEvent) -> Reply:
        """See `eventing.delivery.Subscriber.deliver`."""
        try:
            await self._take(event)
        except MalformedEventError as error:
            return Reply(400, body=str(error).encode())
        except UnavailableError as error:
            return Reply(503, retry_after=error.retry_after)
        except StoreError:
            return Reply(503)
        return Reply()


def _checked(answer: CloudEvent, invocation: Invocation) -> CloudEvent:
    """An answer that is one as far as can be seen from here: its data may be kept apart. Raises `RefusedError`."""
    try:
        is_apart = reference_of(answer) is not None
    except MalformedEventError as error:
        raise bad_answer(invocation, error) from error
    if not is_apart:
        read_answer(answer, invocation)
    return answer


def _failed(invocation: Invocation, failed: Failed) -> Reply:
    return Reply(200, event=answer_event(invocation, failed, logs=(), execute_ms=0))
