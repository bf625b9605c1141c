"""What Flume's HTTP servers have in common: how they listen and stop, and uvicorn with bounds on what it buffers.

Nothing is printed here, and no signal is taken: whoever starts a server decides when to stop it. A head that is whole has to
be measured by the application, since it may come in one piece; one that does not end is given up here.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from flume.errors import SettingError

BACKLOG = 1024

KEEP_ALIVE_S = 75

LAST_CALL_S = 0.25
"""How long a server that stops listens on connections where nothing is under way: a call may be on its way already."""

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

    def stop(self, grace_s: float) -> None:
        """Take no more calls; what is being answered gets this long in place of the grace that was given at first."""
        # The setting is declared as whole seconds, and is given as it is to what waits.
        self.config.timeout_graceful_shutdown = grace_s  # type: ignore[assignment]
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take calls, and tell so."""
        await super().startup(sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, answer the calls on those there are, and close them.

        Whoever has connected is answered, even if the connection was not taken yet: closing the socket would reset those
        that wait in its queue, and their callers could not know what became of their calls.
        """
        waiting = [connection for listener in sockets or [] for connection in _taken(listener)]
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        for connection in waiting:
            await loop.connect_accepted_socket(self._protocol, connection)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        made: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = made(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol


def _taken(listener: socket.socket) -> Iterator[socket.socket]:
    """The connections that wait in the queue of a socket."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            # Nothing waits, or the caller has gone, or the socket was closed before.
            return
        connection.setblocking(False)
        yield connection


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

    _is_last_call = False
    """Whether the server stops: what is answered from now on is the last on its connection."""

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
        if self._is_last_call:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._head_bytes, self._has_completed = 0, True
        super().on_message_complete()

    def shutdown(self) -> None:
        """Close the connection after the answers to what was asked, or in a moment if nothing was."""
        self._is_last_call = True
        if self._is_idle():
            self.loop.call_later(LAST_CALL_S, self._close_if_idle)
        else:
            super().shutdown()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _close_if_idle(self) -> None:
        if self._is_idle():
            self.transport.close()
