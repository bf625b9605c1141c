"""Over HTTP, with a durable store: a synchronous invoke at a steady rate, and as many as the server takes."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from uuid import uuid4

from bench.harness import Row
from bench.pipelines import chain
from bench.places import mongodb
from bench.servers import Connection, Server, bare_server, flume_server

RATE = 100
IN_FLIGHT = 64
REPLICAS = (1, 2, 4)
INVOKE = "/api/v1/pipelines/chain-3/invoke"


async def measure_invoke(scale: float) -> list[Row]:
    """A 3-node pipeline, invoked synchronously 100 times a second, and then by 64 callers at once."""
    seconds, count = max(10 * scale, 2), max(int(6000 * scale), 500)
    with tempfile.TemporaryDirectory(prefix="flume-bench-") as folder:
        async with flume_server({"FLUME_DATA": folder}) as server, bare_server() as bare:
            await _save(server)
            await _many([server], 300)
            floor = await _steadily(bare, seconds)
            steady = await _steadily(server, seconds)
            cpu = server.cpu_s()
            rate = await _many([server], count)
            cpu = (server.cpu_s() - cpu) / count * 1000
            floor_rate = await _many([bare], count)
    return [
        Row("synchronous invoke of 3 nodes at 100/s", steady, bar=5, goal=2, floor=floor),
        Row("the same, 99th percentile", (_percentile(steady, 0.99),), bar=25, goal=10),
        Row("synchronous invokes, 64 in flight", (rate,), unit="/s", bar=500, goal=1500, floor=(floor_rate,)),
        Row("CPU of the server per invoke", (cpu,), bar=1.5, goal=0.5),
    ]


async def measure_replicas(scale: float) -> list[Row]:
    """The same by 64 callers who turn to 1, 2 and 4 orchestrators on one MongoDB in turn."""
    count = max(int(4000 * scale), 500)
    rows = []
    async with mongodb() as place:
        for replicas in REPLICAS:
            async with AsyncExitStack() as stack:
                database = f"flume-bench-{uuid4().hex}"
                settings = {"MONGODB_URL": place.mongodb_url, "DB_NAME": database, "LOG_LEVEL": "warning"}
                servers = [await stack.enter_async_context(flume_server(settings)) for _ in range(replicas)]
                await _save(servers[0])
                await _many(servers, 300)
                cpu = sum(server.cpu_s() for server in servers)
                rate = await _many(servers, count)
                used = (sum(server.cpu_s() for server in servers) - cpu) / count * 1000
                memory = max(server.memory_mb() for server in servers)
            rows.append(Row(f"synchronous invokes, 64 in flight, {replicas} orchestrators", (rate,), unit="/s"))
            rows.append(Row("CPU of all of them per invoke", (used,)))
            rows.append(Row("memory of the largest", (memory,), unit="MB"))
    return rows


async def _save(server: Server) -> None:
    status, answer = await Connection.call(
        server.port, "POST", "/api/v1/pipelines", chain(3).encode(), content_type="application/yaml"
    )
    if status != 201:
        raise AssertionError(f"the pipeline was refused: {answer.decode()}")


async def _steadily(server: Server, seconds: float) -> tuple[float, ...]:
    """Milliseconds of each of ``RATE`` calls a second, sent when they are due whether the others were answered or not."""
    idle: list[Connection] = []
    found: list[float] = []

    async def one(due: float) -> None:
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        connection = idle.pop() if idle else await Connection.open(server.port)
        began = time.perf_counter()
        await _invoke(connection)
        found.append((time.perf_counter() - began) * 1000)
        idle.append(connection)

    start = time.perf_counter() + 0.1
    await asyncio.gather(*(one(start + number / RATE) for number in range(int(RATE * seconds))))
    for connection in idle:
        connection.close()
    return tuple(found)


async def _many(servers: Sequence[Server], count: int) -> float:
    """Calls per second with ``IN_FLIGHT`` callers, spread over the servers."""
    left = iter(range(count))

    async def caller(number: int) -> None:
        connection = await Connection.open(servers[number % len(servers)].port)
        for _ in left:
            await _invoke(connection)
        connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(caller(number) for number in range(IN_FLIGHT)))
    return count / (time.perf_counter() - began)


async def _invoke(connection: Connection) -> None:
    status, answer = await connection.ask("POST", INVOKE, b'{"a": 1}', prefer="wait=20")
    if status != 200:
        raise AssertionError(f"a call was answered {status}: {answer.decode()[:500]}")


def _percentile(values: tuple[float, ...], share: float) -> float:
    return statistics.quantiles(values, n=1000)[int(share * 1000) - 1]
