"""Serves the app over HTTP, in the event loop of whoever calls: uvicorn with bounds on what it buffers, and an end to streams.

Nothing is printed here, and no signal is taken: the roof decides when to stop.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from flume.errors import SettingError
from orchestrator.api.access import MAX_HEAD_BYTES
from orchestrator.api.last_call import LastCall
from orchestrator.tasks import task_group

BACKLOG = 1024

KEEP_ALIVE_S = 75

WAITING_SHARE = 0.8
"""How much of the grace callers may go on waiting for a run: many runs end in that time, and the rest is for their answers."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


async def serve(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    on_listening: Callable[[str, int], None] = lambda host, port: None,
    grace_s: float = 10.0,
    listener: socket.socket | None = None,
) -> None:
    """Serve until ``stop`` is set; then streams end, and other calls get ``grace_s`` to be answered.

    Those that wait for a run are told where it is before that time is over.

    ``port`` 0 takes a free one; ``on_listening`` is told the host and the real port once calls are taken. ``listener`` is a
    socket of `listen` that has the address already. Raises `SettingError` if the address can't be listened on.
    """
    listener = listener or listen(host, port)
    streams, last_call = _EndingStreams(app), LastCall()
    config = uvicorn.Config(
        _announcing(last_call, streams),
        http=_BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Whoever is on this machine could otherwise claim any address for the audit log.
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(round(grace_s), 1),
    )
    server = _Server(config, lambda: on_listening(host, listener.getsockname()[1]))
    async with task_group() as tasks:
        stopping = tasks.create_task(_stop(server, streams, last_call, stop, grace_s))
        try:
            await server.serve(sockets=[listener])
        finally:
            stopping.cancel()


def listen(host: str, port: int) -> socket.socket:
    """A socket that has the address. Callers wait in its queue until it is served, or are turned away once it is closed.

    Raises `SettingError` if the address can't be listened on.
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
        raise SettingError("--host, --port", f"can't listen on {host}:{port}: {error.strerror or error}") from error
    return listener


async def _stop(
    server: uvicorn.Server, streams: "_EndingStreams", last_call: LastCall, stop: asyncio.Event, grace_s: float
) -> None:
    await stop.wait()
    streams.end()
    server.should_exit = True
    await asyncio.sleep(grace_s * WAITING_SHARE)
    last_call.make()


def _announcing(last_call: LastCall, app: ASGIApp) -> ASGIApp:
    async def announced(scope: Scope, receive: Receive, send: Send) -> None:
        last_call.announce(scope)
        await app(scope, receive, send)

    return announced


class _Server(uvicorn.Server):
    """A server that leaves signals to others and tells when it takes calls."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


class _BoundedProtocol(HttpToolsProtocol):
    """Gives up a connection whose request head does not end: the parser itself would collect it for ever."""

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
        if self._head_bytes > MAX_HEAD_BYTES:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._head_bytes, self._has_completed = None, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._head_bytes, self._has_completed = 0, True
        super().on_message_complete()


class _EndingStreams:
    """Ends event streams when the server stops: they would go on as long as their run, and hold the server up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._streams: set[asyncio.Task[None]] = set()
        self._is_ending = False

    def end(self) -> None:
        """End the streams under way, and each that begins from now on."""
        self._is_ending = True
        for task in self._streams:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        task = asyncio.current_task()
        assert task is not None, "a server calls the app within a task"
        is_stream = False

        async def send_noticing(message: Message) -> None:
            nonlocal is_stream
            if message["type"] == "http.response.start" and _is_event_stream(message):
                is_stream = True
                self._streams.add(task)
                if self._is_ending:
                    task.cancel()
            await send(message)

        try:
            await self._app(scope, receive, send_noticing)
        except asyncio.CancelledError:
            if not (is_stream and self._is_ending):
                raise
            task.uncancel()
            # A proper end, so that the client knows that nothing was cut off.
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.discard(task)


def _is_event_stream(message: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message.get("headers", ())
    )
