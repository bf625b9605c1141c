"""Reads the events of a request, of which anyone may send some: bounded by what the sender has shown, and beside the loop.

A body of many small values takes hundreds of times as long to check as one long text of the same size.
"""

import asyncio

from fastapi import Request

from eventing.cloudevents import CloudEvent, decode
from orchestrator.api.context import Caller, Role
from orchestrator.api.parameters import MAX_DATA_BYTES, read_bounded

MAX_UNKNOWN_BYTES = 4 * 1024 * 1024
"""The largest body of who has shown no token of ours: room for a full batch of a function's signs of life, log lines included."""

MAX_LETTER_BYTES = 1024 * 1024
"""The largest body of dead letters: orders and answers are 64 KiB and their attributes, one or a few at a time."""

ASIDE_FROM = 64 * 1024
"""Bytes from which a body is read in a thread; on the loop, the worst of this size holds it for ten milliseconds."""


def most_of(caller: Caller) -> int:
    """The largest body of events that a caller may send, in bytes."""
    return MAX_UNKNOWN_BYTES if caller.role is Role.NONE else MAX_DATA_BYTES


async def read_events(request: Request, most: int = MAX_DATA_BYTES) -> tuple[CloudEvent, ...]:
    """The events of a request. Raises `flume.errors.TooLargeError` and `eventing.cloudevents.MalformedEventError`."""
    body = await read_bounded(request.stream(), request.headers, most)
    headers = request.headers.items()
    return decode(headers, body) if len(body) < ASIDE_FROM else await asyncio.to_thread(decode, headers, body)
