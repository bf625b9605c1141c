"""The app's outermost layer: lets requests in by the rules of `orchestrator.api.access`, and guards what goes out.

Written against ASGI itself: streams must pass through it piece by piece, and each call pays for it.
"""

from collections.abc import Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eventing.hook_responses import FORCED_HEADERS
from flume.errors import OverloadedError, TooLargeError
from orchestrator.api.access import Access, Refusal, RequestHead, admit, body_limit, read_head
from orchestrator.api.problems import problem

Headers = tuple[tuple[bytes, bytes], ...]

_ANSWER_HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What every answer carries unless the route says otherwise."""

_NO_ROOM = Refusal(
    429,
    OverloadedError.code,
    "there is no room for more runs just now",
    hint="come back later",
    headers=(("Retry-After", "1"), ("Connection", "close")),
)

_HOOK_HEADERS: Headers = tuple((name.encode(), value.encode()) for name, value in FORCED_HEADERS)


class Entrance:
    """Refuses what may not come in, puts the `Caller` into the request's state, bounds bodies of unknown length.

    ``exchange`` gets what functions fetch and keep: whether a call is one of theirs is decided once, here, so that what needs
    no token of the API can reach nothing else. ``has_room`` tells whether more runs can be taken on.
    """

    def __init__(self, app: ASGIApp, access: Access, exchange: ASGIApp, has_room: Callable[[], bool]) -> None:
        self._app = app
        self._access = access
        self._exchange = exchange
        self._has_room = has_room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        client = scope.get("client")
        send = _adding(send, _HOOK_HEADERS if scope["path"].startswith("/hooks/") else _ANSWER_HEADERS)
        head = read_head(scope["method"], scope["path"], scope["headers"], client[0] if client else "")
        if isinstance(head, Refusal):
            await _refuse(head, scope, receive, send)
            return
        caller = admit(self._access, head)
        if isinstance(caller, Refusal):
            await _refuse(caller, scope, receive, send)
            return
        if head.is_large_start and not self._has_room():
            await _refuse(_NO_ROOM, scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        app = self._exchange if head.is_exchange else self._app
        await app(scope, _bounded(receive, head), send)


def refusal_problem(refusal: Refusal, path: str) -> Response:
    """A refusal as it is told to whoever called ``path``."""
    return problem(
        refusal.status,
        refusal.code,
        refusal.detail,
        instance=path,
        hint=refusal.hint,
        headers=dict(refusal.headers),
    )


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    await refusal_problem(refusal, scope["path"])(scope, receive, send)


def _adding(send: Send, extra: Headers) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            present = {name for name, _ in headers}
            message["headers"] = [*headers, *(each for each in extra if each[0] not in present)]
        await send(message)

    return send_with_headers


def _bounded(receive: Receive, head: RequestHead) -> Receive:
    """``receive`` that raises `TooLargeError`; where the length was told it has been checked already."""
    if b"transfer-encoding" not in head.headers:
        return receive
    limit = body_limit(head)
    size = 0

    async def receive_bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise TooLargeError("the body", limit)
        return message

    return receive_bounded
