"""Passes ``/api`` on to the orchestrator, with the token out of the visitor's cookie; the browser never reads it.

Answers pass piece by piece, so that live events arrive when they happen. What is passed is a list of headers: nothing that
the browser sends to the console, such as cookies, reaches the orchestrator by accident.
"""

import asyncio
from contextlib import aclosing
from typing import Any

import httpx
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from console.engine import Engine, EngineUnreachable
from console.visitors import visitor_of

CONSOLE_HEADER = "x-flume-console"
"""What a call that changes something has to carry: no page of another origin can send it without being asked for leave."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_TO_ENGINE = (
    "accept",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "prefer",
)
_TO_BROWSER = (
    "cache-control",
    "content-type",
    "etag",
    "flume-run",
    "location",
    "retry-after",
    "vary",
    "x-accel-buffering",
)


class Passage:
    """The ASGI app behind ``/api``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        request = Request(scope, receive)
        if request.method not in SAFE_METHODS and request.headers.get(CONSOLE_HEADER) != "1":
            detail = "a call that changes something needs the header X-Flume-Console: 1"
            await _problem(403, "foreign-origin", detail)(scope, receive, send)
            return
        try:
            await self._pass(request, scope, receive, send)
        except EngineUnreachable as error:
            await _problem(502, error.code, str(error), error.hint)(scope, receive, send)
        except ClientDisconnect:
            # Nobody is left who could be answered.
            return

    async def _pass(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_below_api(scope["path"]):
            await _problem(404, "not-found", "there is nothing at this path")(scope, receive, send)
            return
        calls = self._engine.calls(visitor_of(request))
        headers = {name: request.headers[name] for name in _TO_ENGINE if name in request.headers}
        # Read whole: a call's body is bounded by the gate, and the orchestrator wants to know its length.
        body = await request.body()
        target = _target_of(scope)
        async with calls.passing(request.method, target, headers, body or None) as answer:
            await _PassedOn(answer)(scope, receive, send)


class _PassedOn(Response):
    """An answer of the orchestrator, sent on until it ends or the browser leaves."""

    def __init__(self, answer: httpx.Response) -> None:
        given = {name: answer.headers[name] for name in _TO_BROWSER if name in answer.headers}
        super().__init__(status_code=answer.status_code, headers=given)
        if "content-length" in answer.headers:
            self.headers["content-length"] = answer.headers["content-length"]
        else:
            del self.headers["content-length"]
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._send(send))
            leaving = tasks.create_task(_left(receive))
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            leaving.cancel()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        pieces: Any = self._answer.aiter_raw()
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except httpx.TransportError:
            if "content-length" in self.headers:
                raise
            # A stream broke off, as it does when the orchestrator is killed: the page goes on behind the last whole event.
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def is_below_api(path: str) -> bool:
    """Whether a path, decoded, is one of the API, and no detour to what else the orchestrator serves, such as metrics."""
    return path.startswith("/api/") and not {".", ".."} & set(path.split("/"))


def _target_of(scope: Scope) -> str:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def _problem(status: int, code: str, detail: str, hint: str = "") -> Response:
    record = {"type": f"urn:flume:problem:{code}", "status": status, "code": code, "detail": detail, "hint": hint}
    return Response(orjson.dumps(record), status, media_type="application/problem+json")
