"""What only a socket shows: bounds on what is read, streams that end, ports."""

import asyncio
import socket
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import Response

from eventing.http_serving import Server, listen
from flume.errors import SettingError
from orchestrator.api.event_stream import EventStream
from orchestrator.api.server import serve
from orchestrator.bus import namespace_topic


async def app(scope, receive, send):
    if scope["path"] != "/stream":
        await Response(b"hello")(scope, receive, send)
        return

    async def pieces():
        yield b": first\n\n"
        await asyncio.Event().wait()

    await EventStream(pieces())(scope, receive, send)


NAPS = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: nap}
triggers: [{type: webhook, path: nap, response: wait}]
inputs: {for: {type: string, default: 1h}}
nodes: [{id: nap, type: delay, config: {duration: "{{ inputs.for }}"}}]
"""


@asynccontextmanager
async def serving(app=app, **options):
    stop = asyncio.Event()
    port = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(
            app, host="127.0.0.1", port=0, stop=stop, on_listening=lambda host, free: port.set_result(free), **options
        )
    )
    try:
        yield await port, stop, task
    finally:
        stop.set()
        await task


async def waiting_call(site, port, path, **options):
    """A call that waits for the run it has begun."""
    with site.orchestrator.bus.subscribe(namespace_topic("default")) as changes:
        call = asyncio.create_task(call_and_wait(f"http://127.0.0.1:{port}{path}", options))
        async with asyncio.timeout(10):
            await changes.wait()
    return call


async def call_and_wait(url, options):
    async with httpx.AsyncClient() as client:
        return await client.post(url, headers={"Prefer": "wait=60"}, **options)


async def test_port_zero_takes_a_free_one_and_tells_it() -> None:
    async with serving() as (port, _, _), httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/")

    assert (answer.text, "server" in answer.headers) == ("hello", False)


async def test_a_taken_port_stops_the_start_with_its_address() -> None:
    async with serving() as (port, _, _):
        with pytest.raises(SettingError, match=f"can't listen on 127.0.0.1:{port}"):
            await serve(app, host="127.0.0.1", port=port, stop=asyncio.Event())


async def test_a_stream_ends_properly_when_the_server_stops() -> None:
    async with serving() as (port, stop, task), httpx.AsyncClient() as client:
        async with client.stream("GET", f"http://127.0.0.1:{port}/stream") as answer:
            pieces = answer.aiter_bytes()
            first = await anext(pieces)
            stop.set()
            rest = [piece async for piece in pieces]
        await task

    assert (first, rest) == (b": first\n\n", [])


@pytest.mark.slow
async def test_a_call_that_is_not_done_when_the_server_stops_is_told_to_come_back() -> None:
    begun = asyncio.Event()

    async def endless(scope, receive, send):
        begun.set()
        await asyncio.Event().wait()

    async with serving(endless, grace_s=0.05) as (port, stop, _), httpx.AsyncClient() as client:
        call = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
        await begun.wait()
        stop.set()
        answer = await call

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/api/v1/pipelines/nap/invoke", "/hooks/default/nap"])
async def test_a_caller_that_waits_when_the_server_stops_learns_where_its_run_is(site, path) -> None:
    await site.save(NAPS)
    async with serving(site.app, grace_s=0.05) as (port, stop, _):
        call = await waiting_call(site, port, path)
        stop.set()
        answer = await call

    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert answer.headers["location"] == f"/api/v1/runs/{answer.json()['id']}"


@pytest.mark.slow
async def test_a_run_that_ends_soon_after_the_server_was_stopped_is_answered(site) -> None:
    await site.save(NAPS)
    async with serving(site.app, grace_s=10) as (port, stop, _):
        call = await waiting_call(site, port, "/api/v1/pipelines/nap/invoke", json={"for": "300ms"})
        stop.set()
        answer = await call

    assert (answer.status_code, answer.json()["status"]) == (200, "completed")


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nX-Long: ", b"GET /"])
async def test_a_head_that_does_not_end_is_given_up(head) -> None:
    async with serving() as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        for _ in range(80):
            writer.write(b"x" * 1024)
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_bodies_do_not_count_as_head() -> None:
    async with serving() as (port, _, _), httpx.AsyncClient() as client:
        answer = await client.post(f"http://127.0.0.1:{port}/", content=b"x" * 300_000)

    assert answer.text == "hello"


@pytest.mark.parametrize("size", [65_000, 70_000, 1_000_000, 3_000_000])
async def test_a_large_body_on_a_kept_connection_is_answered_like_any_other(size) -> None:
    async with serving() as (port, _, _), httpx.AsyncClient() as client:
        for _ in range(5):
            answer = await client.post(f"http://127.0.0.1:{port}/", content=b"x" * size)
            assert (answer.status_code, answer.text) == (200, "hello")


CALL = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def connected(port):
    """A connection that the system has made; the server learns of it when the loop goes on."""
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def answer_on(connection):
    """All that comes until the server closes the connection."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def answer_until(connection, end):
    """What comes up to these bytes."""
    answer = b""
    while not answer.endswith(end):
        answer += connection.recv(65536)
    return answer


@asynccontextmanager
async def served(app=app):
    """A server that is served, and its socket."""
    listener, started = listen("127.0.0.1", 0, setting="--port"), asyncio.Event()
    server = Server(app, max_head_bytes=1000, grace_s=10, on_started=started.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await started.wait()
    try:
        yield server, listener
    finally:
        server.stop(10)
        await serving


async def test_who_has_connected_when_the_server_stops_is_answered() -> None:
    async with served() as (server, listener):
        connection = connected(listener.getsockname()[1])
        connection.sendall(CALL)
        # The loop does not turn in between: the server finds the connection in its queue when it stops.
        await server.shutdown([listener])

    answer = answer_on(connection)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()


async def test_a_call_that_meets_the_end_of_its_idle_connection_is_answered() -> None:
    async with served() as (server, listener):
        connection = connected(listener.getsockname()[1])
        connection.sendall(CALL)
        first = await asyncio.to_thread(answer_until, connection, b"hello")
        connection.sendall(CALL)
        # Here too the loop does not turn: the call waits on a connection that is idle as far as the server knows.
        await server.shutdown([listener])

    second = answer_on(connection)
    assert b"connection: close" not in first.lower()
    assert second.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in second.lower()


async def test_idle_connections_do_not_hold_the_end_up() -> None:
    async with serving(grace_s=60) as (port, stop, task):
        with connected(port):
            await asyncio.sleep(0.05)
            stop.set()
            async with asyncio.timeout(10):
                await task
