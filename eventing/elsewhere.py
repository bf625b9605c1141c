"""Functions that others keep, each at an address of its own: services are called, and sinks start a job for each order.

Whoever keeps them starts them when an order comes and may take a while: what it answers meanwhile is no failure of the attempt
until its time to start is over.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import aiohttp

from eventing.attempts import OpenAttempt
from eventing.cloudevents import CloudEvent, encode_binary
from eventing.datarefs import DataDepot
from eventing.function_calls import Place, refused_by
from eventing.http_calls import NOT_REACHED, HttpReply, open_session, post, refusal, unreached
from eventing.invocations import Invocation
from eventing.remote import DeliveryError, RefusedError, Sender, UnreachedError
from flume.pipeline import Lane

ACCEPTED_S = 30.0
"""A sink takes an order within this, or has not."""

MAX_REPLY = 64 * 1024

NO_SINK = frozenset({400, 404})
"""What is answered for a sink that is not there yet. Orders are well-formed, so it is not about them."""

PROBLEM = "application/problem+json"
"""The type of what functions say when they refuse; an ingress in front of them says it otherwise."""

AddressOf = Callable[[Invocation], str]
"""Where the function of an order takes it. The invocation names the function."""


class _Address:
    """The `eventing.function_calls.Place` of a function that others keep: nobody here knows how its processes fare."""

    headers: Mapping[str, str] = {}

    def __init__(self, url: str) -> None:
        self.url = url

    async def epitaph(self) -> str | None:
        return None


class FunctionsElsewhere:
    """The `eventing.function_calls.Functions` that are services at addresses of their own."""

    def __init__(self, address_of: AddressOf) -> None:
        self._address_of = address_of

    @asynccontextmanager
    async def place(self, invocation: Invocation, on_start: Callable[[], None]) -> AsyncIterator[Place]:
        """See `eventing.function_calls.Functions.place`."""
        yield _Address(self._address_of(invocation))


def refused_elsewhere(reply: HttpReply) -> DeliveryError | RefusedError:
    """What to raise for a reply that is no answer: a 404 of the ingress is a service that does not serve yet."""
    if reply.status == 404 and not _is_problem(reply):
        return UnreachedError("the function does not serve yet: its address answered 404")
    return refused_by(reply)


class JobSender:
    """The `eventing.remote.Sender` for sinks that start a job for each order; the job posts its answer by itself.

    Use it as an async context manager.
    """

    def __init__(self, address_of: AddressOf, depot: DataDepot) -> None:
        self._address_of = address_of
        self._depot = depot
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> "JobSender":
        self._session = open_session(total_s=ACCEPTED_S)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def send(self, event: CloudEvent, attempt: OpenAttempt) -> None:
        """See `eventing.remote.Sender.send`. It never gives the answer."""
        order = await self._depot.travelling(event, attempt.invocation)
        reply = await self._posted(self._address_of(attempt.invocation), order)
        if not 200 <= reply.status < 300:
            raise refusal("the sink for jobs", reply, tried_again=frozenset({408, 409}), not_yet=NO_SINK)
        attempt.starting()

    async def _posted(self, url: str, order: CloudEvent) -> HttpReply:
        headers, body = encode_binary(order)
        try:
            return await post(self._session, url, headers, body, most=MAX_REPLY)
        except NOT_REACHED as error:
            raise unreached("the sink for jobs", error) from error
        except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
            # It may have been taken all the same: the same order again starts no second job.
            raise DeliveryError(f"the sink for jobs did not answer: {type(error).__name__}") from error


class ByLane:
    """The `eventing.remote.Sender` that gives orders for jobs to one sender and all others to another."""

    def __init__(self, *, jobs: Sender, others: Sender) -> None:
        self._jobs = jobs
        self._others = others

    async def send(self, event: CloudEvent, attempt: OpenAttempt) -> None:
        """See `eventing.remote.Sender.send`."""
        sender = self._jobs if attempt.invocation.lane is Lane.JOB else self._others
        await sender.send(event, attempt)


def starts_once(invocation: Invocation) -> bool:
    """Whether an order starts something but once: the same order again starts no second job."""
    return invocation.lane is Lane.JOB


def _is_problem(reply: HttpReply) -> bool:
    return any(name == "content-type" and value.startswith(PROBLEM) for name, value in reply.headers)
