"""The cluster's API server, as far as the operator uses it: lists, server-side apply, deletion, events and a lease.

Plain HTTP with JSON, since a client library costs four times the memory of the whole rest of the operator.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import aiohttp
import orjson

from flume.errors import FlumeError, SettingError
from knative.manifests.objects import FIELD_MANAGER, Manifest
from knative.operator.connection import Connection
from knative.operator.kinds import Kind, Reference, reference_to

TIMEOUT_S = 20.0

PAGE = 500

CONNECTION_S = 60.0
"""How long a token is used before it is read anew."""

_APPLY = "application/apply-patch+yaml"
_MISSING, _GONE = 404, 410


_AWAY = (0, 401, 408, 429, 502, 503, 504)
"""Statuses that say nothing of what was asked for. A 500 does: it is also how a webhook that fails is told."""


class KubernetesError(FlumeError):
    """The API server refused, or could not be reached: ``status`` 0. ``reason`` is in its words."""

    code = "kubernetes"

    def __init__(self, call: str, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"{call}: " + (f"{status}: {reason}" if status else reason))

    @property
    def is_refusal(self) -> bool:
        """Whether it is about the very object, so that others may go well."""
        return self.status not in _AWAY


class Kubernetes:
    """Calls the API server that ``connect`` finds. Use it in an ``async with`` block, from one event loop."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._read_at = 0.0
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Kubernetes":
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def list(
        self, kind: Kind, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> tuple[Manifest, ...]:
        """All objects of a kind, in a namespace or everywhere (None), with all of ``labels``. Raises `KubernetesError`."""
        query = {"limit": str(PAGE)}
        if labels:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        while True:
            try:
                return await self._pages(kind, kind.path(namespace), query)
            except KubernetesError as error:
                # The list changed so much between two pages that the server lost the place: from the beginning, then.
                if error.status != _GONE:
                    raise

    async def read(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """One object; None if there is none. Raises `KubernetesError`."""
        try:
            return await self.call("GET", kind.path(namespace, name))
        except KubernetesError as error:
            if error.status != _MISSING:
                raise
            return None

    async def apply(self, manifest: Manifest) -> Manifest:
        """Make an object be so by server-side apply; what is there afterwards. Raises `KubernetesError`."""
        target = reference_to(manifest)
        return await self._apply(target.kind.path(target.namespace, target.name), manifest)

    async def apply_status(self, target: Reference, status: Mapping[str, Any]) -> None:
        """Say how an object is doing, if it is still the same one. Raises `KubernetesError`."""
        metadata = {"name": target.name, "namespace": target.namespace, "uid": target.uid}
        body = {"apiVersion": target.kind.api, "kind": target.kind.name, "metadata": metadata, "status": dict(status)}
        await self._apply(target.kind.path(target.namespace, target.name) + "/status", body)

    async def delete(self, target: Reference) -> None:
        """Delete an object if it is still the same one, and do nothing if it is not. Raises `KubernetesError`."""
        body = {"preconditions": {"uid": target.uid}, "propagationPolicy": "Background"}
        try:
            await self.call("DELETE", target.kind.path(target.namespace, target.name), body)
        except KubernetesError as error:
            if error.status not in (404, 409):
                raise

    async def tell(self, target: Reference, message: str, *, is_warning: bool, now: datetime) -> None:
        """Leave an event about an object, which ``kubectl describe`` shows. Raises `KubernetesError`."""
        reason, _, _ = message.partition(":")
        at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        about = {"apiVersion": target.kind.api, "kind": target.kind.name, "name": target.name}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{target.name[:40]}-", "namespace": target.namespace},
            "involvedObject": {**about, "namespace": target.namespace, "uid": target.uid},
            "reason": reason[:100],
            "message": message[:1000],
            "type": "Warning" if is_warning else "Normal",
            "source": {"component": "flume-operator"},
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        }
        await self.call("POST", f"/api/v1/namespaces/{target.namespace}/events", event)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        media: str = "application/json",
    ) -> Manifest:
        """One call; what it answers, as JSON. Raises `KubernetesError`."""
        if self._session is None:
            raise RuntimeError("use it in an async with block")
        what = f"{method} {path}"
        connection = await self._current(what)
        headers = {**connection.headers, "Accept": "application/json", "Content-Type": media}
        try:
            async with self._session.request(
                method,
                connection.server + path,
                json=body,
                params=query,
                headers=headers,
                ssl=connection.tls if connection.tls is not None else True,
            ) as answer:
                text = await answer.text()
                found = _object_in(text)
                if answer.status >= 400:
                    if answer.status == 401:
                        self._connection = None
                    raise KubernetesError(what, answer.status, str(found.get("message") or text[:300] or answer.reason))
                return found
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise KubernetesError(what, 0, str(error) or type(error).__name__) from error

    async def _pages(self, kind: Kind, path: str, query: Mapping[str, str]) -> tuple[Manifest, ...]:
        found: list[Manifest] = []
        place = ""
        while True:
            page = await self.call("GET", path, query={**query, "continue": place} if place else query)
            # Items of a list do not say what they are.
            found += [{"apiVersion": kind.api, "kind": kind.name, **each} for each in page.get("items") or ()]
            place = str(page.get("metadata", {}).get("continue") or "")
            if not place:
                return tuple(found)

    async def _apply(self, path: str, body: Manifest) -> Manifest:
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return await self.call("PATCH", path, body, query, _APPLY)

    async def _current(self, what: str) -> Connection:
        now = time.monotonic()
        if self._connection is None or now - self._read_at > CONNECTION_S:
            try:
                self._connection, self._read_at = await asyncio.to_thread(self._connect), now
            except (SettingError, OSError) as error:
                # A token that is just being replaced is there with the next try.
                raise KubernetesError(what, 0, f"the API server is not known: {error}") from error
        return self._connection


def _object_in(text: str) -> Manifest:
    try:
        found = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
