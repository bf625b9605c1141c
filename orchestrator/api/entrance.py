"""The app's outermost layer: lets requests in by the rules of `orchestrator.api.access`, and guards what goes out.

Written against ASGI itself: streams must pass through it piece by piece, and each call pays for it.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eventing.hook_responses import FORCED_HEADERS
from flume.errors import TooLargeError
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

_HOOK_HEADERS: Headers = tuple((name.encode(), value.encode()) for name, value in FORCED_HEADERS)


class Entrance:
    """Refuses what may not come in, puts the `Caller` into the request's state, bounds bodies of unknown length."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

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
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, _bounded(receive, head), send)


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    response = problem(
        refusal.status,
        refusal.code,
        refusal.detail,
        instance=scope["path"],
        hint=refusal.hint,
        headers=dict(refusal.headers),
    )
    await response(scope, receive, send)


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
    limit = body_limit(head.path)
    size = 0

    async def receive_bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise TooLargeError("the body", limit)
        return message

    return receive_bounded
