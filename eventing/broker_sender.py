"""Hands orders to a broker, which carries them to functions (spec 4.3); their answers come by themselves, at ``/events``.

A broker says no more than that it took an order. Whether a function has it shows by its signs of life, and an order that could
not be delivered comes back as a dead letter.
"""

from typing import Protocol
from urllib.parse import urlsplit

import aiohttp

from eventing.attempts import OpenAttempt
from eventing.cloudevents import CloudEvent, encode_binary
from eventing.datarefs import DataDepot
from eventing.http_calls import NOT_REACHED, open_session, post, refusal, unreached
from eventing.remote import DeliveryError

PUBLISH_S = 30.0
"""A broker takes an event within this, or has not."""

MAX_REPLY = 64 * 1024

TRIED_AGAIN = frozenset({408, 409})
"""What Knative's own senders try again, besides `NOT_YET`."""

NOT_YET = frozenset({404})
"""What a broker that does not serve yet is answered for; they try that again, too."""


class Outlet(Protocol):
    """Whoever takes events to carry them on."""

    async def publish(self, event: CloudEvent) -> None:
        """Give an event away; it is carried on once this returns.

        Raises `eventing.remote.DeliveryError` when that may go better later, `eventing.remote.RefusedError` when it never will.
        """
        ...


class BrokerSender:
    """The `eventing.remote.Sender` that gives orders to a broker. ``depot`` keeps data that is too large for an event."""

    def __init__(self, outlet: Outlet, depot: DataDepot) -> None:
        self._outlet = outlet
        self._depot = depot

    async def send(self, event: CloudEvent, attempt: OpenAttempt) -> None:
        """See `eventing.remote.Sender.send`. It never gives the answer."""
        await self._outlet.publish(await self._depot.travelling(event, attempt.invocation))


class HttpBroker:
    """The `Outlet` that is a Knative Broker, or whatever else takes CloudEvents at ``url``. An async context manager.

    ``tried_again`` are statuses from 400 to 499 that may go better later; 429 always may.
    """

    def __init__(self, url: str, *, tried_again: frozenset[int] = TRIED_AGAIN) -> None:
        self._url = url
        self._tried_again = tried_again
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> "HttpBroker":
        self._session = open_session(total_s=PUBLISH_S)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def publish(self, event: CloudEvent) -> None:
        """See `Outlet.publish`."""
        headers, body = encode_binary(event)
        try:
            reply = await post(self._session, self._url, headers, body, most=MAX_REPLY)
        except NOT_REACHED as error:
            raise unreached(f"the broker at {self._host}", error) from error
        except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
            # It may have been taken all the same: then the order comes twice.
            raise DeliveryError(f"the broker at {self._host} did not answer: {type(error).__name__}") from error
        if not 200 <= reply.status < 300:
            raise refusal("the broker", reply, tried_again=self._tried_again, not_yet=NOT_YET)

    @property
    def _host(self) -> str:
        """Where the broker is, without what a URL may hold of secrets."""
        return urlsplit(self._url).hostname or self._url[:100]
