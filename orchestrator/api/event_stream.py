"""Server-Sent Events: how they are written, and the response that sends them for as long as the client listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import orjson
from fastapi import Response
from starlette.types import Receive, Scope, Send

from orchestrator.bus import Message, Subscription
from orchestrator.tasks import task_group

HEARTBEAT_S = 15.0
"""A stream in which nothing happens sends a comment this often, so that nobody between takes it for dead."""

HEARTBEAT = b": still here\n\n"

MEDIA_TYPE = "text/event-stream"


def event(name: str, record: object, id: str | None = None) -> bytes:
    """One event; ``record`` is JSON-able. Without ``id`` it does not count for resuming."""
    head = f"event: {name}\n" if id is None else f"id: {id}\nevent: {name}\n"
    # JSON has no line breaks of its own, so one data line holds it.
    return head.encode() + b"data: " + orjson.dumps(record) + b"\n\n"


async def messages_or_none(subscription: Subscription, wait_s: float) -> list[Message] | None:
    """What arrived, as soon as something did; None when nothing came within ``wait_s``."""
    try:
        async with asyncio.timeout(wait_s):
            await subscription.wait()
    except TimeoutError:
        return None
    return subscription.take()


class EventStream(Response):
    """Sends pieces until there are none left or the client goes; then the generator is closed, and with it all that it holds.

    A slow client holds back the generator, which keeps nothing for it meanwhile.
    """

    media_type = MEDIA_TYPE

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        async with task_group() as tasks:
            sending = tasks.create_task(self._send(send))
            leaving = tasks.create_task(_disconnected(receive))
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            leaving.cancel()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._pieces) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
