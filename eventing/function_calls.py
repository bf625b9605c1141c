"""Calls of functions over HTTP: an order in, the answer out of the reply. Whoever delivers orders to functions uses it.

Where a function is, is the business of `Functions`: a Knative Service has one address for all its instances, a machine starts
processes of its own.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from hmac import compare_digest
from typing import Protocol

import aiohttp

from eventing.aside import aside
from eventing.cloudevents import CloudEvent, MalformedEventError, decode_one, encode_binary
from eventing.datarefs import PAYLOAD_MOST
from eventing.http_calls import NOT_REACHED, HttpReply, open_session, post, refusal, unreached
from eventing.invocations import Failed, Invocation
from eventing.message_reading import read_report
from eventing.messages import Answered, attempt_of
from eventing.remote import CrashError, DeliveryError, RefusedError

_TRIED_AGAIN = frozenset({408, 410})
"""410: the work was cut short because nobody seemed to want it."""


class Place(Protocol):
    """Where one event is handed over."""

    @property
    def url(self) -> str:
        """The address that takes the event."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """What a call has to carry to be heard there, besides the event."""
        ...

    async def epitaph(self) -> str | None:
        """What the process there said last, if it is dead; None if it lives or nobody knows."""
        ...


class Functions(Protocol):
    """The functions behind node types."""

    def place(self, invocation: Invocation, on_start: Callable[[], None]) -> AbstractAsyncContextManager[Place]:
        """A place that takes this event, for the length of the block; waits until there is one.

        ``on_start`` is called if a process has to be started for it. What leaves the block is how it went: a `DeliveryError`,
        or a cancellation where nothing was heard for too long or nobody wants the answer. Raises `RefusedError` if there can't
        be a place.
        """
        ...


def refused_by(reply: HttpReply) -> DeliveryError | RefusedError:
    """What to raise for a function's reply that is no answer."""
    return refusal("the function", reply, tried_again=_TRIED_AGAIN)


class FunctionCalls:
    """Calls functions. Use it as an async context manager. ``refusal_of`` judges a reply that is no answer."""

    def __init__(
        self, functions: Functions, refusal_of: Callable[[HttpReply], DeliveryError | RefusedError] = refused_by
    ) -> None:
        self._functions = functions
        self._refusal_of = refusal_of
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> "FunctionCalls":
        self._session = open_session(total_s=None)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def call(self, order: CloudEvent, invocation: Invocation, on_start: Callable[[], None]) -> CloudEvent:
        """What a function answers to an order; the order and the answer are as they travel.

        Raises `DeliveryError` and `RefusedError`. Being cancelled drops the connection, which cancels no work.
        """
        async with self._functions.place(invocation, on_start) as place:
            reply = await self._exchange(place, order)
            if reply.status != 200:
                raise self._refusal_of(reply)
        try:
            return await aside(len(reply.content), decode_one, reply.headers, reply.content)
        except MalformedEventError as error:
            raise bad_answer(invocation, error) from error

    async def _exchange(self, place: Place, order: CloudEvent) -> HttpReply:
        headers, body = encode_binary(order)
        try:
            return await post(self._session, place.url, {**headers, **place.headers}, body, most=PAYLOAD_MOST)
        except NOT_REACHED as error:
            # It has not reached the function, so even if that is dead it did not die of it.
            raise unreached("the function", error) from error
        except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
            epitaph = await place.epitaph()
            if epitaph is not None:
                raise CrashError(epitaph, where=place.url) from error
            raise DeliveryError(f"the connection was lost: {type(error).__name__}") from error


def read_answer(answer: CloudEvent, invocation: Invocation) -> Answered:
    """What an answer with its data says. Raises `RefusedError` if it is none, another attempt's, or has not its token."""
    try:
        report = read_report(answer)
        if not isinstance(report, Answered) or report.attempt != attempt_of(invocation):
            raise MalformedEventError("it is about another attempt")
        if not compare_digest(report.token.encode(), invocation.token.encode()):
            raise MalformedEventError("its token is not that of the order")
    except MalformedEventError as error:
        raise bad_answer(invocation, error) from error
    return report


def bad_answer(invocation: Invocation, error: MalformedEventError) -> RefusedError:
    """What to raise for something that is no answer to the order."""
    message = f"the function '{invocation.node_type.name}' answered what is no answer: {error}"
    return RefusedError(Failed("bad-answer", message))
