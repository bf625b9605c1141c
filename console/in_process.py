"""Calls an ASGI app of the same process as if over HTTP, streams included (httpx's own transport collects the answer first)."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

logger = logging.getLogger(__name__)

CLIENT = "flume.client"
"""The extension of a request that says for which network address it is made."""

_PIECES_AHEAD = 16
"""Pieces that an app may be ahead of its reader; then it waits, as it would for a slow socket."""


class InProcessTransport(httpx.AsyncBaseTransport):
    """Each request is a task that runs the app; closing the response ends it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        exchange = _Exchange(await request.aread())
        exchange.begin(self._app, _scope_of(request))
        try:
            start = await exchange.start()
        except BaseException:
            await exchange.aclose()
            raise
        return httpx.Response(start["status"], headers=start.get("headers", ()), stream=exchange)


class _Exchange(httpx.AsyncByteStream):
    """One call: what the app receives, and what it sends as a stream."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue(_PIECES_AHEAD)
        self._is_left = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        self._task = asyncio.create_task(self._run(app, scope), name="in-process call")

    async def start(self) -> Message:
        message = await self._messages.get()
        if message is None:
            raise httpx.ReadError("the app gave no answer")
        return message

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._messages.get()
            if message is None:
                return
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body", False):
                return

    async def aclose(self) -> None:
        self._is_left.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._messages.put)
        # The edge of a call: what fails here has answered 500 already, or the reader is told that nothing came.
        except Exception:
            logger.exception("a call within the process failed", extra={"path": scope["path"]})
        finally:
            if not self._is_left.is_set():
                await self._messages.put(None)

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._is_left.wait()
        return {"type": "http.disconnect"}


def _scope_of(request: httpx.Request) -> dict[str, Any]:
    raw_path = request.url.raw_path.split(b"?")[0]
    client = request.extensions.get(CLIENT)
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": raw_path,
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": (client, 0) if client else None,
        "root_path": "",
    }
