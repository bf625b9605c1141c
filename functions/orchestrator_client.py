"""How a function process reaches its orchestrator: signs of life, and data too large for an event.

It uses the standard library's client in threads: a function process makes ten calls a second at most, and every other client
costs more time to import than all the rest of it. The threads are its own: those of the event loop are for nodes, which may
block as many as there are, and no sign of life would get out.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TypeVar, cast
from urllib.parse import urlsplit

import orjson

from eventing.cloudevents import CloudEvent, encode_batch
from eventing.datarefs import PAYLOAD_MOST, large_data, payload_id, reference_of, with_data, without_data
from eventing.invocations import Failed
from eventing.messages import failed_instead, token_of
from eventing.node_threads import NodeThreads
from flume.errors import NodeError

TIMEOUT_S = 10.0
PAYLOAD_TIMEOUT_S = 120.0
MOST_REPLY = 1024 * 1024

PAYLOADS_AT_ONCE = 4

_T = TypeVar("_T")


class OrchestratorClient:
    """Calls one orchestrator at ``url``, such as ``http://flume.flume.svc:8000``. For one event loop."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._parts = urlsplit(self._url)
        self._connection: HTTPConnection | None = None
        self._report_thread = NodeThreads(1, name="reports")
        self._payload_threads = NodeThreads(PAYLOADS_AT_ONCE, name="payloads")
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Give up all calls, those under way too: they raise `ConnectionError`."""
        self._closed.set()
        self._report_thread.close()
        self._payload_threads.close()

    async def report(self, events: Sequence[CloudEvent]) -> Collection[str]:
        """See `functions.reporter.Orchestrator.report`."""
        headers, body = encode_batch(events)
        status, content = await self._call_in(self._report_thread, partial(self._post, headers, body))
        if status == 410:
            return _read_gone(content)
        if status != 202:
            raise ConnectionError(f"{self._url}/events answered {status}")
        return ()

    async def send(self, event: CloudEvent) -> int:
        """Deliver an answer by itself; the status that says whether it was taken. Raises `ConnectionError` if it can't be now."""
        headers, body = encode_batch([event])
        status, _ = await self._call_in(self._report_thread, partial(self._post, headers, body))
        if status >= 500 or status in (408, 429):
            raise ConnectionError(f"{self._url}/events answered {status}")
        return status

    async def whole(self, event: CloudEvent) -> CloudEvent:
        """The event with its data, wherever that is.

        Raises `ConnectionError` if it can't be had now, and `NodeError` if it can't be had any more: ``retryable`` if the
        same event has it once it is handed over again.
        """
        reference = reference_of(event)
        if reference is None:
            return event
        address, token = reference
        fetch = partial(self._fetch, address, token, event.id)
        return with_data(event, await self._call_in(self._payload_threads, fetch))

    async def travelling(self, event: CloudEvent) -> CloudEvent:
        """The answer as it can travel: with its data kept at the orchestrator if it is large.

        Raises `ConnectionError` if it can't be kept now, `NodeError` if never.
        """
        content = large_data(event)
        if content is None:
            return event
        if len(content) > PAYLOAD_MOST:
            message = f"the output takes {len(content):,} bytes of JSON, more than {PAYLOAD_MOST:,}"
            return failed_instead(event, Failed("too-large", message))
        token = token_of(event)
        address = f"{self._url}/api/v1/payloads/{payload_id(token, 'answer')}"
        await self._call_in(self._payload_threads, partial(self._store, address, token, event.id, content))
        return without_data(event, address)

    async def _call_in(self, threads: NodeThreads, function: Callable[[], _T]) -> _T:
        """What a call gives, or a `ConnectionError` once all are given up: its thread may wait for long still, and dies alone."""
        calling = asyncio.ensure_future(_call(threads, function))
        closing = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait({calling, closing}, return_when=asyncio.FIRST_COMPLETED)
            if calling.done():
                return calling.result()
            raise ConnectionError(f"{self._url} did not answer before this process had to stop")
        finally:
            calling.cancel()
            closing.cancel()

    def _post(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        for is_last in (self._connection is None, True):
            connection = self._connection or self._connect(TIMEOUT_S)
            self._connection = None
            try:
                connection.request("POST", f"{self._parts.path}/events", body, dict(headers))
                response = connection.getresponse()
                content = response.read(MOST_REPLY)
            # A connection that was kept may have been closed meanwhile.
            except (OSError, HTTPException) as error:
                connection.close()
                if is_last:
                    raise ConnectionError(f"{self._url}: {type(error).__name__}") from error
                continue
            self._connection = connection
            return response.status, content
        raise AssertionError("the last try returns or raises")

    def _fetch(self, address: str, token: str, event_id: str) -> bytes:
        """Data from the orchestrator. The address is taken as a path on it: no event can send the token elsewhere."""
        content = self._call("GET", urlsplit(address).path, token, event_id)
        if len(content) > PAYLOAD_MOST:
            raise NodeError(f"its data is larger than {PAYLOAD_MOST:,} bytes", code="too-large", retryable=False)
        return content

    def _store(self, address: str, token: str, event_id: str, content: bytes) -> None:
        self._call("PUT", urlsplit(address).path, token, event_id, content)

    def _call(self, method: str, path: str, token: str, event_id: str, content: bytes | None = None) -> bytes:
        """What the orchestrator answers, up to one byte more than is taken at all."""
        connection = self._connect(PAYLOAD_TIMEOUT_S)
        headers = {
            "Authorization": f"Bearer {token}",
            "Flume-Attempt": event_id,
            "Content-Type": "application/json",
            "Connection": "close",
        }
        try:
            connection.request(method, path, content, headers)
            with connection.getresponse() as response:
                status, found = response.status, response.read(PAYLOAD_MOST + 1)
                is_cut = bool(response.length) and len(found) <= PAYLOAD_MOST
        except (OSError, HTTPException) as error:
            raise ConnectionError(f"{self._url}: {type(error).__name__}") from error
        finally:
            connection.close()
        if is_cut or status >= 500 or status in (408, 429):
            raise ConnectionError(f"{self._url}{path} answered {status}{', and broke off' if is_cut else ''}")
        if status >= 300:
            message = f"{self._url}{path} answered {status} to {method}"
            # An orchestrator that lost the run may have taken the data away; who hands the order over again keeps it anew.
            is_gone = status == 404 and method == "GET"
            raise NodeError(message, code="payload-gone" if is_gone else "payload-refused", retryable=is_gone)
        return found

    def _connect(self, timeout_s: float) -> HTTPConnection:
        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=timeout_s)


async def _call(threads: NodeThreads, function: Callable[[], _T]) -> _T:
    async with threads.place() as place:
        return cast("_T", await place.call(function))


def _read_gone(content: bytes) -> frozenset[str]:
    try:
        gone = orjson.loads(content)["gone"]
        return frozenset(each for each in gone if isinstance(each, str))
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        # A proxy between them, perhaps. It must not end the process.
        raise ConnectionError("410 without the list of what is gone") from error
