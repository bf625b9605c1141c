"""Hands orders to functions over HTTP and reads the answer from the reply: the direct way (spec 4.3).

Where a function is, is the business of `Functions`: a Knative Service has one address for all its instances, a machine starts
processes of its own.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from eventing.attempts import OpenAttempt
from eventing.cloudevents import CloudEvent, MalformedEventError, decode_one, encode_binary
from eventing.datarefs import PAYLOAD_MOST
from eventing.invocations import Failed, Invocation
from eventing.messages import Answered, attempt_of, read_report
from eventing.remote import BusyError, CrashError, DeliveryError, RefusedError

CONNECT_S = 10.0
CONNECT_TRIES = 3


class Place(Protocol):
    """Where one event is handed over."""

    @property
    def url(self) -> str:
        """The address that takes the event."""
        ...

    async def epitaph(self) -> str | None:
        """What the process there said last, if it is dead; None if it lives or nobody knows."""
        ...


class Functions(Protocol):
    """The functions behind node types."""

    def place(self, invocation: Invocation, on_start: Callable[[], None]) -> AbstractAsyncContextManager[Place]:
        """A place that takes this event, for the length of the block; waits until there is one.

        ``on_start`` is called if a process has to be started for it. Raises `RefusedError` if there can't be one.
        """
        ...


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


class DirectSender:
    """The `eventing.remote.Sender` that calls functions. Use it as an async context manager."""

    def __init__(self, functions: Functions, depot: DataDepot) -> None:
        self._functions = functions
        self._depot = depot
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> "DirectSender":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            # An attempt may take as long as it may; the connection must come about soon.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def send(self, event: CloudEvent, attempt: OpenAttempt) -> None:
        """See `eventing.remote.Sender.send`."""
        invocation = attempt.invocation
        headers, body = encode_binary(await self._depot.travelling(event, invocation))
        async with self._functions.place(invocation, attempt.starting) as place:
            try:
                status, reply_headers, content = await self._exchange(place.url, headers, body)
            except aiohttp.ClientConnectorError as error:
                # It has not reached the function, so even if that is dead it did not die of it.
                raise DeliveryError(f"the function can't be reached: {error.os_error}") from error
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                epitaph = await place.epitaph()
                if epitaph is not None:
                    raise CrashError(epitaph) from error
                raise DeliveryError(f"the connection was lost: {type(error).__name__}") from error
        if status != 200:
            raise _refusal(status, reply_headers, content)
        try:
            answer = await self._depot.whole(decode_one(reply_headers, content), invocation)
            report = read_report(answer)
            _check(report, invocation)
        except MalformedEventError as error:
            message = f"the function '{invocation.node_type.name}' answered what is no answer: {error}"
            raise RefusedError(Failed("bad-answer", message)) from error
        attempt.take(report)

    async def _exchange(
        self, url: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """One call. Only what certainly did not reach the function is tried again here: that no connection came about."""
        async for trial in AsyncRetrying(
            retry=retry_if_exception_type(aiohttp.ClientConnectorError),
            stop=stop_after_attempt(CONNECT_TRIES),
            wait=wait_exponential_jitter(multiplier=0.05, max=1, jitter=0.05),
            reraise=True,
        ):
            with trial:
                async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                    found = [(name.lower(), value) for name, value in response.headers.items()]
                    return response.status, found, await _bounded(response)
        raise AssertionError("the last trial returns or raises")


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    left = PAYLOAD_MOST
    async for part in response.content.iter_any():
        left -= len(part)
        if left < 0:
            raise RefusedError(Failed("too-large", f"the answer is larger than {PAYLOAD_MOST:,} bytes"))
        parts.append(part)
    return b"".join(parts)


def _check(report: object, invocation: Invocation) -> None:
    if not isinstance(report, Answered) or report.attempt != attempt_of(invocation):
        raise MalformedEventError("it is about another attempt")


def _refusal(status: int, headers: list[tuple[str, str]], content: bytes) -> Exception:
    detail = content[:500].decode(errors="replace")
    said = f"it answered {status}: {detail}" if detail else f"it answered {status}"
    wait = _retry_after(headers)
    if status == 429:
        return BusyError(said, wait=wait)
    if status >= 500 or status in (408, 410):
        return DeliveryError(said, wait=wait)
    return RefusedError(Failed("refused", f"the function did not take the event; {said}"))


def _retry_after(headers: list[tuple[str, str]]) -> timedelta:
    for name, value in headers:
        if name == "retry-after" and value.isascii() and value.isdigit() and len(value) < 6:
            return timedelta(seconds=int(value))
    return timedelta(0)
