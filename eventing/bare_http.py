"""What a bare ASGI application needs of HTTP, where a framework would cost more time to start than all else."""

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

import orjson

from eventing.cloudevents import MalformedEventError
from flume.errors import TooLargeError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def headers_of(scope: Message) -> list[tuple[str, str]]:
    """The headers of a request; names are in lower case."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]


async def read_body(receive: Receive, most: int, *, what: str = "the event") -> bytes:
    """The whole body of a request. Raises `TooLargeError` above ``most`` bytes, `MalformedEventError` if the caller goes away."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedEventError(f"the caller went away before {what} was whole")
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise TooLargeError(what, most)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def problem(
    send: Send, status: int, detail: str, *, retry_after: str = "", allow: Collection[str] = (), authenticate: str = ""
) -> None:
    """Answer that, and why, a request was not carried out."""
    body = orjson.dumps({"status": status, "detail": detail})
    headers = {
        "content-type": "application/problem+json",
        "retry-after": retry_after,
        "allow": ", ".join(sorted(allow)),
        "www-authenticate": authenticate,
    }
    await respond(send, status, {name: value for name, value in headers.items() if value}, body)


async def answer(
    send: Send, status: int, body: bytes = b"", *, content_type: str = "text/plain", retry_after: str = ""
) -> None:
    """Answer with a text, or with nothing."""
    headers = {"content-type": content_type} if body else {}
    await respond(send, status, {**headers, "retry-after": retry_after} if retry_after else headers, body)


async def respond(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    """Send a whole response."""
    written = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    written.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": written})
    await send({"type": "http.response.body", "body": body})
