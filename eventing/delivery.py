"""How an event is delivered to a subscriber, as in Knative: which answers are tried again and when, and what a dead letter tells.

Pure but for `Subscriber`, the protocol of those that get events.
"""

from base64 import b64encode
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol, assert_never

from eventing.cloudevents import CloudEvent
from flume.pipeline import Backoff

MAX_WAIT = timedelta(minutes=10)
"""No wait between two tries is longer, whatever the policy or the subscriber says."""

NO_ANSWER = -1
"""The status of a delivery that was not answered: nobody listens, the connection broke, or time was up."""

MAX_ERROR_BYTES = 768
"""What a dead letter keeps of the answer's body; in Base64 that makes the 1,024 characters that Knative allows."""

_TRIED_AGAIN = frozenset({NO_ANSWER, 404, 408, 409, 429})
"""Knative's list, beside 5xx; 404 is in it because a subscriber may be starting, 409 because another may be at work."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How a subscriber answered: an HTTP status, an event to be published in turn, and the body of an error."""

    status: int = 202
    event: CloudEvent | None = None
    body: bytes = field(default=b"", repr=False)
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        """Whether the subscriber has taken the event."""
        return 200 <= self.status < 300

    @property
    def may_succeed_later(self) -> bool:
        """Whether a failed delivery is worth another try."""
        return self.status in _TRIED_AGAIN or self.status >= 500


class Subscriber(Protocol):
    """Gets events, each at least once and in no promised order."""

    async def deliver(self, event: CloudEvent) -> Reply:
        """Take an event.

        Raises `OSError` (`ConnectionError`, `TimeoutError`) where there was no answer. Being cancelled means that time is up.
        """
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """How hard a delivery is tried; the defaults are those of a Knative broker.

    ``retries`` come after the first try. The wait before them is ``delay`` once, twice, three times and so on (linear), or
    doubles each time (exponential). ``timeout`` is for one try.
    """

    retries: int = 10
    backoff: Backoff = Backoff.EXPONENTIAL
    delay: timedelta = timedelta(milliseconds=200)
    timeout: timedelta = timedelta(minutes=10)

    def wait(self, retry: int, reply: Reply) -> timedelta:
        """How long to wait before this retry (from 1), given the answer to the try before; ``Retry-After`` is a floor."""
        match self.backoff:
            case Backoff.FIXED:
                factor = 1
            case Backoff.LINEAR:
                factor = retry
            case Backoff.EXPONENTIAL:
                # A greater shift is beyond the longest wait already and would only make huge integers.
                factor = 1 << min(retry - 1, 30)
            case _:
                assert_never(self.backoff)
        # Compared in seconds: a product of timedeltas may be too large for one.
        seconds = self.delay.total_seconds() * factor
        if reply.retry_after is not None:
            seconds = max(seconds, reply.retry_after.total_seconds())
        return timedelta(seconds=min(seconds, MAX_WAIT.total_seconds()))


def dead_letter(event: CloudEvent, destination: str, reply: Reply) -> CloudEvent:
    """The event as a dead-letter sink gets it: with the destination, the last status and the begin of the answer's body."""
    told = {"knativeerrordest": destination, "knativeerrorcode": str(reply.status)}
    if reply.body:
        told["knativeerrordata"] = b64encode(reply.body[:MAX_ERROR_BYTES]).decode()
    return replace(event, extensions={**event.extensions, **told})
