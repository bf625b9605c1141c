"""What probes of the operator's pods ask: whether it lives, and whether it reaches the cluster's API server."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from eventing.http_serving import Server

CONTACT_S = 60.0
"""An operator that has not reached the API server for so long is not ready. One that waits for its turn is."""

ROUND_S = 900.0
"""A leader that could not look at the cluster for so long is started anew: it may be its own fault."""


class Pulse:
    """When what happened last, by a monotonic clock in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._contact: float | None = None
        self._leading_since: float | None = None

    def contact(self) -> None:
        """The API server has answered."""
        self._contact = self._clock()

    def leads(self, is_leading: bool) -> None:
        """The process begins to act, or waits again."""
        self._leading_since = self._clock() if is_leading else None

    def round(self) -> None:
        """A round could look at the cluster."""
        self._leading_since = self._clock()

    @property
    def is_ready(self) -> bool:
        """Whether the API server was reached lately."""
        return self._contact is not None and self._clock() - self._contact < CONTACT_S

    @property
    def is_alive(self) -> bool:
        """Whether a restart would not help."""
        return self._leading_since is None or self._clock() - self._leading_since < ROUND_S


def health_server(pulse: Pulse) -> Server:
    """A server for ``/healthz`` and ``/readyz``."""

    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        good = {"/healthz": pulse.is_alive, "/readyz": pulse.is_ready}.get(scope["path"])
        status, text = (404, b"not found") if good is None else (200, b"ok") if good else (503, b"not yet")
        head = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": text})

    return Server(app, max_head_bytes=8192, grace_s=1)
