"""Serves the app over HTTP, in the event loop of whoever calls, with an end to streams and to callers that wait.

Nothing is printed here, and no signal is taken: the roof decides when to stop.
"""

import asyncio
import socket
from collections.abc import Callable
from math import ceil

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eventing.http_serving import Server, listen
from flume.errors import UnavailableError
from orchestrator.api.access import MAX_HEAD_BYTES
from orchestrator.api.last_call import LastCall
from orchestrator.api.problems import problem
from orchestrator.tasks import task_group

ADDRESS = "--host, --port"
"""What decides where it listens, for messages."""

WAITING_SHARE = 0.8
"""How much of the grace callers may go on waiting for a run: many runs end in that time, and the rest is for their answers."""


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
    socket of `eventing.http_serving.listen` that has the address already. Raises `SettingError` if the address can't be
    listened on.
    """
    listener = listener or listen(host, port, setting=ADDRESS)
    ending, last_call = _Ending(app), LastCall()
    server = Server(
        _announcing(last_call, ending),
        max_head_bytes=MAX_HEAD_BYTES,
        grace_s=grace_s,
        on_started=lambda: on_listening(host, listener.getsockname()[1]),
    )
    async with task_group() as tasks:
        stopping = tasks.create_task(_stop(server, ending, last_call, stop, grace_s))
        try:
            await server.serve(sockets=[listener])
        finally:
            stopping.cancel()


async def _stop(server: Server, ending: "_Ending", last_call: LastCall, stop: asyncio.Event, grace_s: float) -> None:
    await stop.wait()
    ending.begin()
    server.should_exit = True
    await asyncio.sleep(grace_s * WAITING_SHARE)
    last_call.make()


def _announcing(last_call: LastCall, app: ASGIApp) -> ASGIApp:
    async def announced(scope: Scope, receive: Receive, send: Send) -> None:
        last_call.announce(scope)
        await app(scope, receive, send)

    return announced


class _Ending:
    """Ends what is under way when the server stops, so that every caller knows how it was left.

    Event streams end at once: they would go on as long as their run, and hold the server up. A call that the server gives up
    at the end of the grace is told to come back; the store did not answer in time, say.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._streams: set[asyncio.Task[None]] = set()
        self._is_ending = False

    def begin(self) -> None:
        """End the streams under way, and each that begins from now on."""
        self._is_ending = True
        for task in self._streams:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        task = asyncio.current_task()
        assert task is not None, "a server calls the app within a task"
        is_stream = is_answered = False

        async def send_noticing(message: Message) -> None:
            nonlocal is_stream, is_answered
            is_answered = True
            if message["type"] == "http.response.start" and _is_event_stream(message):
                is_stream = True
                self._streams.add(task)
                if self._is_ending:
                    task.cancel()
            await send(message)

        try:
            await self._app(scope, receive, send_noticing)
        except asyncio.CancelledError:
            if not self._is_ending or (is_answered and not is_stream):
                raise
            task.uncancel()
            if is_stream:
                # A proper end, so that the client knows that nothing was cut off.
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                await _given_up(scope)(scope, receive, send)
        finally:
            self._streams.discard(task)


def _given_up(scope: Scope) -> ASGIApp:
    error = UnavailableError("Flume stopped before this was done; send it again, with its key if it has one")
    headers = {"Retry-After": str(max(ceil(error.retry_after.total_seconds()), 1))}
    return problem(503, error.code, str(error), instance=scope["path"], headers=headers)


def _is_event_stream(message: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message.get("headers", ())
    )
