"""What the operator's pods are asked: whether it lives, whether it reaches the cluster's API server, and for its metrics."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from eventing.http_serving import Server
from knative.operator.metrics import CONTENT_TYPE, Metrics

CONTACT_S = 60.0
"""An operator that has not reached the API server for so long is not ready. One that waits for its turn is."""

ROUND_S = 900.0
"""A leader that could not look at the cluster for so long is started anew: it may be its own fault."""


App: TypeAlias = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]

_TEXT = "text/plain; charset=utf-8"


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


def health_server(pulse: Pulse, metrics: Metrics) -> Server:
    """A server of `health_app`."""
    return Server(health_app(pulse, metrics), max_head_bytes=8192, grace_s=1)


def health_app(pulse: Pulse, metrics: Metrics) -> App:
    """Answers ``/healthz``, ``/readyz`` and ``/metrics``, as ASGI has it."""

    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        status, kind, text = _answer(scope["path"], pulse, metrics)
        head = [(b"content-type", kind.encode()), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": text})

    return app


def _answer(path: str, pulse: Pulse, metrics: Metrics) -> tuple[int, str, bytes]:
    """Status, content type and body."""
    match path:
        case "/metrics":
            return 200, CONTENT_TYPE, metrics.render()
        case "/healthz" | "/readyz":
            is_good = pulse.is_alive if path == "/healthz" else pulse.is_ready
            return (200, _TEXT, b"ok") if is_good else (503, _TEXT, b"not yet")
        case _:
            return 404, _TEXT, b"not found"
