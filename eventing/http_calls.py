"""Events on their way over HTTP: one pooled session for each destination, and what the status of a reply means for the sender.

Only what certainly did not arrive is sent again here: a call for which no connection came about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from eventing.invocations import Failed
from eventing.remote import BusyError, DeliveryError, RefusedError, UnreachedError

CONNECT_S = 10.0
CONNECT_TRIES = 3

NOT_REACHED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""What aiohttp raises when no connection came about, so that nothing can have arrived."""

SHOWN = 500
"""Bytes of a refusal's body that its message shows."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What a call was answered. Names of headers are in lower case."""

    status: int
    headers: Sequence[tuple[str, str]]
    content: bytes = field(repr=False)

    @property
    def retry_after(self) -> timedelta:
        """How long to stay away, where that was said in seconds; else zero."""
        for name, value in self.headers:
            if name == "retry-after" and value.isascii() and value.isdigit() and len(value) < 6:
                return timedelta(seconds=int(value))
        return timedelta(0)


def open_session(*, total_s: float | None) -> aiohttp.ClientSession:
    """A pool of connections. ``total_s`` None: an answer may take as long as it may; only the connection must come about soon."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
        timeout=aiohttp.ClientTimeout(total=total_s, sock_connect=CONNECT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
    )


async def post(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], body: bytes, *, most: int
) -> HttpReply:
    """One call. Raises `RefusedError` for an answer of more than ``most`` bytes, and what aiohttp raises."""
    async for trial in AsyncRetrying(
        retry=retry_if_exception_type(aiohttp.ClientConnectorError),
        stop=stop_after_attempt(CONNECT_TRIES),
        wait=wait_exponential_jitter(multiplier=0.05, max=1, jitter=0.05),
        reraise=True,
    ):
        with trial:
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                found = [(name.lower(), value) for name, value in response.headers.items()]
                return HttpReply(response.status, found, await _bounded(response, most))
    raise AssertionError("the last trial returns or raises")


def unreached(who: str, error: Exception) -> UnreachedError:
    """What to raise for one of `NOT_REACHED`. The address, which may hold secrets, is not told."""
    reason = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else "no connection came about in time"
    return UnreachedError(f"{who} can't be reached: {reason}")


def refusal(
    who: str, reply: HttpReply, *, tried_again: frozenset[int], not_yet: frozenset[int] = frozenset()
) -> DeliveryError | RefusedError:
    """What to raise for a reply by which ``who`` did not take an event.

    ``tried_again`` are 4xx that may pass, ``not_yet`` those of somebody who does not serve yet and has certainly begun nothing.
    """
    detail = reply.content[:SHOWN].decode(errors="replace")
    said = f"answered {reply.status}: {detail}" if detail else f"answered {reply.status}"
    if reply.status == 429:
        return BusyError(f"{who} {said}", wait=reply.retry_after)
    if reply.status == 503 or reply.status in not_yet:
        return UnreachedError(f"{who} {said}", wait=reply.retry_after)
    if reply.status >= 500 or reply.status in tried_again:
        return DeliveryError(f"{who} {said}", wait=reply.retry_after)
    return RefusedError(Failed("refused", f"{who} did not take the event; it {said}"))


async def _bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    parts: list[bytes] = []
    left = most
    async for part in response.content.iter_any():
        left -= len(part)
        if left < 0:
            raise RefusedError(Failed("too-large", f"the answer is larger than {most:,} bytes"))
        parts.append(part)
    return b"".join(parts)
