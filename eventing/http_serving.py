"""What Flume's HTTP servers have in common: how they listen, and uvicorn with bounds on what it buffers.

Nothing is printed here, and no signal is taken: whoever starts a server decides when to stop it. A head that is whole has to
be measured by the application, since it may come in one piece; one that does not end is given up here.
"""

import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from flume.errors import SettingError

BACKLOG = 1024

KEEP_ALIVE_S = 75

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


def listen(host: str, port: int, *, setting: str) -> socket.socket:
    """A socket that has the address. Callers wait in its queue until it is served, or are turned away once it is closed.

    ``port`` 0 takes a free one. Raises `SettingError` about ``setting`` if the address can't be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, since asyncio switches Nagle's algorithm off only for sockets that say they are TCP; it costs 40 ms a call.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # After a crash the port must be free at once, though old connections linger.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise SettingError(setting, f"can't listen on {host}:{port}: {error.strerror or error}") from error
    return listener


class Server(uvicorn.Server):
    """Serves an ASGI application until ``should_exit``; what is being answered then gets ``grace_s``.

    Signals are left to others. A connection whose request head goes beyond ``max_head_bytes`` without an end is given up.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        *,
        max_head_bytes: int,
        grace_s: float,
        on_started: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(_config(app, max_head_bytes, grace_s))
        self._on_started = on_started

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Take none."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take calls, and tell so."""
        await super().startup(sockets)
        self._on_started()


def _config(app: Callable[..., Awaitable[None]], max_head_bytes: int, grace_s: float) -> uvicorn.Config:
    protocol: Any = type("BoundedProtocol", (_BoundedProtocol,), {"max_head_bytes": max_head_bytes})
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Whoever is on this machine could otherwise claim any address, for the audit log for one.
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(round(grace_s), 1),
    )


class _BoundedProtocol(HttpToolsProtocol):
    """Gives up a connection whose request head does not end: the parser itself would collect it for ever."""

    max_head_bytes: int

    _head_bytes: int | None = 0
    """What has come of an unfinished head; None while a body is read."""

    _has_completed = False
    """Whether a head or a message ended in the data at hand, so that not all of it belongs to an unfinished head."""

    def data_received(self, data: bytes) -> None:
        self._has_completed = False
        super().data_received(data)
        if self._head_bytes is None or self._has_completed or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.max_head_bytes:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._head_bytes, self._has_completed = None, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._head_bytes, self._has_completed = 0, True
        super().on_message_complete()
