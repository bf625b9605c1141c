"""What the watcher asks of Kubernetes' API, over plain HTTP: three kinds of objects are read, and none is written.

The client libraries would add more memory to an operator than all the rest of it, and know every field of every kind.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from flume.errors import SettingError
from knative.operator.connection import Connection
from knative.platform.findings import Observed

CONNECTION_S = 60.0
"""How long a token is used before it is read anew."""

CALL_S = 30.0
WATCH_S = 300
"""How long the server keeps a watch open; it is begun again where it ended."""

MOST_LINE = 4 * 1024 * 1024
"""Bytes of one object: more than the 1.5 MiB that Kubernetes keeps of any."""


class ExpiredError(Exception):
    """The server does not remember that far back: list again, and watch from there."""


class KubernetesError(Exception):
    """The server did not do what was asked, or could not be reached; it may go better later."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Objects of a kind, and the version from which a watch tells what changes of them."""

    items: tuple[Observed, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one object. ``version`` is where a watch goes on after it; ``object`` None: nothing but the version."""

    version: str
    object: Observed | None = None
    is_deleted: bool = False


class KubernetesApi:
    """Calls the API server that ``connect`` finds; it is asked again now and then, since a pod's token is replaced."""

    def __init__(self, session: aiohttp.ClientSession, connect: Callable[[], Connection]) -> None:
        self._session = session
        self._connect = connect
        self._connection: Connection | None = None
        self._found_at = 0.0

    async def list(self, path: str, selector: str) -> Listed:
        """All objects at a path such as ``/api/v1/namespaces/flume/pods``. Raises `KubernetesError`."""
        found = orjson.loads(await self._get(path, {"labelSelector": selector}))
        return Listed(tuple(found.get("items") or ()), found["metadata"]["resourceVersion"])

    async def watch(self, path: str, selector: str, version: str) -> AsyncIterator[Change]:
        """What changes after a version, until the server ends it. Raises `ExpiredError` and `KubernetesError`."""
        query = {
            "labelSelector": selector,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_S),
        }
        connection = await self._current()
        try:
            async with self._get_from(connection, path, query, _watch_timeout()) as response:
                await _check(response)
                buffer = bytearray()
                async for chunk in response.content.iter_any():
                    buffer += chunk
                    while (end := buffer.find(b"\n")) >= 0:
                        line = bytes(buffer[:end])
                        del buffer[: end + 1]
                        if line.strip():
                            yield _change(orjson.loads(line))
                    if len(buffer) > MOST_LINE:
                        raise KubernetesError(f"{path}: an object is larger than {MOST_LINE:,} bytes")
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            raise KubernetesError(f"the watch of {path} was lost: {type(error).__name__}") from error

    async def read(self, path: str) -> Observed | None:
        """One object; None if it is not there. Raises `KubernetesError`."""
        try:
            found: Observed = orjson.loads(await self._get(path, {}))
        except _MissingError:
            return None
        return found

    async def log(self, path: str, query: Mapping[str, str]) -> str:
        """The log of a container, at a path such as ``/api/v1/namespaces/flume/pods/NAME/log``; empty if it is gone.

        Raises `KubernetesError`.
        """
        try:
            return (await self._get(path, query)).decode(errors="replace")
        except _MissingError:
            return ""

    async def _get(self, path: str, query: Mapping[str, str]) -> bytes:
        connection = await self._current()
        try:
            async with self._get_from(connection, path, query, aiohttp.ClientTimeout(total=CALL_S)) as response:
                await _check(response)
                return await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise KubernetesError(f"{path} can't be read: {type(error).__name__}") from error

    async def _current(self) -> Connection:
        now = asyncio.get_running_loop().time()
        if self._connection is None or now - self._found_at > CONNECTION_S:
            try:
                self._connection, self._found_at = await asyncio.to_thread(self._connect), now
            except (SettingError, OSError) as error:
                raise KubernetesError(f"the API server is not known: {error}") from error
        return self._connection

    def _get_from(
        self, connection: Connection, path: str, query: Mapping[str, str], limit: aiohttp.ClientTimeout
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._session.get(
            connection.server.rstrip("/") + path,
            params=dict(query),
            headers={**connection.headers, "Accept": "application/json, */*"},
            ssl=True if connection.tls is None else connection.tls,
            timeout=limit,
        )


class _MissingError(Exception):
    """It is not there, or not any more."""


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status == 200:
        return
    if response.status == 410:
        raise ExpiredError
    path = response.url.path
    # 400: a container that has not begun has no log.
    if response.status == 404 or (response.status == 400 and path.endswith("/log")):
        raise _MissingError
    raise KubernetesError(f"{path} answered {response.status}{_reason_in(await response.read())}")


def _reason_in(content: bytes) -> str:
    """What a refusal says; it names who may not do what."""
    try:
        message = orjson.loads(content).get("message")
    except (orjson.JSONDecodeError, AttributeError):
        return ""
    return f": {str(message)[:500]}" if message else ""


def _change(event: Mapping[str, Any]) -> Change:
    found = event.get("object") or {}
    if event.get("type") == "ERROR":
        if found.get("code") == 410:
            raise ExpiredError
        raise KubernetesError(f"the watch ended: {str(found.get('message'))[:500]}")
    version = str((found.get("metadata") or {}).get("resourceVersion", ""))
    if event.get("type") == "BOOKMARK":
        return Change(version)
    return Change(version, found, is_deleted=event.get("type") == "DELETED")


def _watch_timeout() -> aiohttp.ClientTimeout:
    # A server that is gone without a word is noticed: it sends bookmarks about every minute.
    return aiohttp.ClientTimeout(total=WATCH_S + CALL_S, sock_connect=CALL_S, sock_read=150)
