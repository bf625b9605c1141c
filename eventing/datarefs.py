"""Data too large for an event: it is kept apart, and the event says where (the CloudEvents extension ``dataref``).

What is apart is the event's whole data as JSON. Its id follows from the attempt's token, so that only the two who know the
token know it, and a repetition replaces what it repeats. The token travels beside it, as the extension ``flumetoken``.
"""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Literal, Protocol

import orjson

from eventing.cloudevents import CloudEvent, MalformedEventError
from eventing.invocations import Invocation
from eventing.json_data import read_json
from eventing.messages import token_of
from flume.errors import RequestError

INLINE_MOST = 64 * 1024
"""Bytes of data as JSON that travel within an event."""

PAYLOAD_MOST = 256 * 1024 * 1024
"""Bytes of data that are taken at all."""

Purpose = Literal["invoke", "answer"]


class DataDepot(Protocol):
    """Keeps data that is too large for an event, and gives what functions kept.

    Both raise `eventing.remote.DeliveryError` when that can't be done now.
    """

    async def travelling(self, event: CloudEvent, invocation: Invocation) -> CloudEvent:
        """The order as it can travel."""
        ...

    async def whole(self, event: CloudEvent, invocation: Invocation) -> CloudEvent:
        """The answer with its data. Raises `MalformedEventError` if the data is not this attempt's, or is no JSON."""
        ...


def payload_id(token: str, purpose: Purpose) -> str:
    """Where the data of an attempt's invoke or answer is kept: 24 hexadecimal digits."""
    return sha256(f"{purpose}:{token}".encode()).hexdigest()[:24]


def large_data(event: CloudEvent) -> bytes | None:
    """The event's data as JSON if it is too large to travel with it, else None."""
    if not isinstance(event.data, Mapping):
        return None
    encoded = orjson.dumps(event.data)
    return encoded if len(encoded) > INLINE_MOST else None


def without_data(event: CloudEvent, url: str) -> CloudEvent:
    """The event as it travels when its data is kept at ``url``."""
    return replace(event, data=None, extensions={**event.extensions, "dataref": url, "flumetoken": token_of(event)})


def with_data(event: CloudEvent, content: bytes) -> CloudEvent:
    """The event with the data that was kept apart. Raises `MalformedEventError` if it is no JSON."""
    extensions = {name: value for name, value in event.extensions.items() if name not in ("dataref", "flumetoken")}
    try:
        return replace(event, data=read_json(content), extensions=extensions)
    except RequestError as error:
        raise MalformedEventError(f"what 'dataref' refers to is not right: {error}") from error


def reference_of(event: CloudEvent) -> tuple[str, str] | None:
    """The address and the token of data that is kept apart; None if the event holds its data. Raises `MalformedEventError`."""
    address = event.extensions.get("dataref")
    if address is None:
        return None
    token = event.extensions.get("flumetoken")
    if not token:
        raise MalformedEventError("an event with 'dataref' needs 'flumetoken', the token of its attempt")
    if not (address + token + event.id).isascii():
        # They are about to become a request.
        raise MalformedEventError("'dataref', 'flumetoken' and the id of an event with data apart are ASCII")
    return address, token
