"""A scripted HTTP server on a free port of the loopback interface."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

Answer = Callable[["Asked", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Asked:
    """A request as the server saw it; header names are lower-case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """Where the server is, and what it was asked, in order."""

    url: str
    asked: list[Asked] = field(default_factory=list)


Serve = Callable[[Answer], Awaitable[Server]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers that answer as told, and stops them after the test."""
    async with AsyncExitStack() as servers:

        async def start(answer: Answer) -> Server:
            return await servers.enter_async_context(_serving(answer))

        yield start


@asynccontextmanager
async def _serving(answer: Answer) -> AsyncIterator[Server]:
    server = Server("")
    open_connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_connections.add(task)
        try:
            while True:
                asked = await _read_request(reader)
                server.asked.append(asked)
                await answer(asked, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            open_connections.discard(task)
            writer.transport.abort()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        for task in list(open_connections):
            task.cancel()
        await asyncio.gather(*open_connections, return_exceptions=True)
        await listening.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, body)


def reply(body: bytes = b"", status: str = "200 OK", **headers: str) -> Answer:
    """The same whole response to every request; ``content_type="…"`` becomes a ``Content-Type`` field."""
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
        writer.write(head.encode("latin-1") + (b"" if asked.method == "HEAD" else body))

    return answer


@pytest.fixture(name="reply")
def reply_fixture() -> Callable[..., Answer]:
    """`reply`, for test modules, which can't import a conftest."""
    return reply
