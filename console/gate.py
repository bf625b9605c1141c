"""The console's outermost layer: which requests may come in, and the headers that keep a page from being misused.

Written against ASGI itself, since live streams pass through. The decisions are pure functions; `console.csp` has the
policy.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.passage import SAFE_METHODS

MAX_BODY_BYTES = 9 * 1024 * 1024
"""Above what the orchestrator takes, so that it is the one to say no, with its own words."""

_HEADERS = {
    "x-content-type-options": "nosniff",
    # Not no-referrer: with it, browsers send "Origin: null" with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Doors:
    """Under which names the console may be called, and where people find it. ``public_url`` empty: where it listens."""

    knows_host: Callable[[str], bool] = lambda host: True
    public_url: str = ""


class Gate:
    """Refuses unknown hosts, foreign pages and bodies that are too large; adds a nonce and the headers of a page."""

    def __init__(self, app: ASGIApp, doors: Doors, policy: Callable[[str], str]) -> None:
        self._app = app
        self._doors = doors
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        nonce = secrets.token_urlsafe(16)
        state = scope.setdefault("state", {})
        state["nonce"] = nonce
        state["is_secure"] = is_secure(self._doors, scope["scheme"])
        send = _adding(send, {**_HEADERS, "content-security-policy": self._policy(nonce)})
        refusal = refuse(self._doors, scope["method"], headers)
        if refusal is not None:
            status, sentence = refusal
            await PlainTextResponse(sentence, status)(scope, receive, send)
            return
        await self._app(scope, _bounded(receive), send)


def refuse(doors: Doors, method: str, headers: Headers) -> tuple[int, str] | None:
    """Why a request may not come in, as status and sentence; None if it may."""
    host = headers.get("host", "").lower()
    if not doors.knows_host(host):
        return 421, f"The console is not known as '{host[:100]}'. Name it in FLUME_ALLOWED_HOSTS if it is meant."
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length[:20]) > MAX_BODY_BYTES:
        return 413, f"What was sent is larger than the limit of {MAX_BODY_BYTES:,} bytes."
    if method not in SAFE_METHODS and is_foreign(doors, headers):
        return 403, "A web page of another origin may not do this."
    return None


def is_foreign(doors: Doors, headers: Headers) -> bool:
    """Whether a page of another origin sends it; what is no browser sends neither header."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    parts = urlsplit(origin.lower())
    public = urlsplit(doors.public_url.lower())
    is_ours = parts.scheme in ("http", "https") and parts.netloc == headers.get("host", "").lower()
    return not (is_ours or (public.netloc and (parts.scheme, parts.netloc) == (public.scheme, public.netloc)))


def is_secure(doors: Doors, scheme: str) -> bool:
    """Whether browsers reach us over TLS, which may end before us."""
    return scheme == "https" or doors.public_url.lower().startswith("https://")


def _adding(send: Send, extra: dict[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in extra.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers


def _bounded(receive: Receive) -> Receive:
    """``receive`` that refuses a body of unknown length as soon as it is too large."""
    size = 0

    async def receive_bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise HTTPException(413, f"what was sent is larger than the limit of {MAX_BODY_BYTES:,} bytes")
        return message

    return receive_bounded
