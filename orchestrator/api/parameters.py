"""What routes read from a request beside its body: the namespace, moments, and the headers that starts take."""

import re
from collections.abc import AsyncIterable
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime
from starlette.datastructures import Headers

from flume.errors import RequestError, TooLargeError
from flume.ids import Millis
from orchestrator.tracing import read_traceparent

MAX_DATA_BYTES = 8 * 1024 * 1024
"""The largest body that becomes a run's data."""

MAX_WAIT_S = 300.0
"""The longest that a call is held open for a run."""

MAX_KEY_LENGTH = 255

KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same body gives the same run; with another body it is an error.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
}
"""How the description of the API tells of the header."""

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6}(?:\.\d{1,3})?)\"?(?=$|[,;\s])", re.ASCII | re.IGNORECASE)


def to_millis(moment: AwareDatetime | datetime | None) -> Millis | None:
    """A moment that a query names."""
    return None if moment is None else Millis(int(moment.timestamp() * 1000))


def wanted_wait_s(headers: Headers) -> float:
    """How long the caller wants to wait for the result: ``Prefer: wait=20``, at most `MAX_WAIT_S`; 0 without it."""
    found = _WAIT.search(headers.get("prefer", ""))
    return 0.0 if found is None else min(float(found.group(1)), MAX_WAIT_S)


def idempotency_key(headers: Headers) -> str | None:
    """The caller's ``Idempotency-Key``. Raises `RequestError` for one that is empty or too long."""
    key = headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= MAX_KEY_LENGTH:
        raise RequestError(f"an Idempotency-Key has 1 to {MAX_KEY_LENGTH} characters", code="bad-key")
    return key


def start_key(headers: Headers) -> str | None:
    """The start key that ``Idempotency-Key`` stands for. Raises `RequestError` as `idempotency_key` does."""
    key = idempotency_key(headers)
    return None if key is None else f"key:{key}"


def hops(headers: Headers) -> int:
    """How many pipelines have started one another up to this call. Raises `RequestError`."""
    text = headers.get("flume-hops", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise RequestError("Flume-Hops is a whole number", code="bad-hops")
    return int(text)


def traceparent(headers: Headers) -> str | None:
    """The trace that the call belongs to, if it says so."""
    return read_traceparent(headers.get("traceparent"))


async def read_bounded(stream: AsyncIterable[bytes], headers: Headers, limit: int = MAX_DATA_BYTES) -> bytes:
    """A body, refused as soon as it is known to be above ``limit``. Raises `TooLargeError`."""
    announced = headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit:
        raise TooLargeError("the body", limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit:
            raise TooLargeError("the body", limit)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
