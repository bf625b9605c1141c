"""The process itself: how soon it is ready, what it holds and does when idle, and how it comes back after ``kill -9``."""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable

from bench.harness import Row
from bench.pipelines import sleeper
from bench.servers import Connection, Server, bare_server, flume_server


async def measure_process(scale: float) -> list[Row]:
    """Start to ready, memory and processor of an idle orchestrator; the floor is the bare HTTP server."""
    ready, floor = [], []
    for _ in range(max(int(5 * scale), 2)):
        with tempfile.TemporaryDirectory(prefix="flume-bench-") as folder:
            async with flume_server({"FLUME_DATA": folder}) as server:
                ready.append(server.seconds_to_ready)
        async with bare_server() as bare:
            floor.append(bare.seconds_to_ready)
            floor_memory = bare.memory_mb()
    with tempfile.TemporaryDirectory(prefix="flume-bench-") as folder:
        async with flume_server({"FLUME_DATA": folder}) as server:
            await asyncio.sleep(2)
            cpu, began = server.cpu_s(), time.perf_counter()
            await asyncio.sleep(10)
            busy = (server.cpu_s() - cpu) / (time.perf_counter() - began) * 100
            memory = server.memory_mb()
    return [
        Row("orchestrator: start to ready", tuple(ready), unit="s", bar=2, floor=tuple(floor)),
        Row("orchestrator: memory when idle", (memory,), unit="MB", bar=120, floor=(floor_memory,)),
        Row("orchestrator: processor when idle", (busy,), unit="% of a core", bar=1),
    ]


async def measure_crash(scale: float) -> list[Row]:
    """``kill -9`` with many runs in flight, and a restart: when the first goes on, and that all of them end once."""
    count = max(int(1000 * scale), 100)
    with tempfile.TemporaryDirectory(prefix="flume-bench-") as folder:
        async with flume_server({"FLUME_DATA": folder}) as server:
            text = sleeper().replace("duration: 1d", "duration: 4s")
            await Connection.call(
                server.port, "POST", "/api/v1/pipelines", text.encode(), content_type="application/yaml"
            )
            started = await asyncio.gather(*(_start(server, share) for share in _shares(count, 20)))
        ids = {run_id for share in started for run_id in share}
        began = time.perf_counter()
        async with flume_server({"FLUME_DATA": folder}) as server:
            first = await _until(server, lambda ended: ended > 0) - began
            last = await _until(server, lambda ended: ended >= count) - began
            listed = await _ended(server)
    if listed != ids:
        raise AssertionError(f"{len(ids - listed)} of {count} acknowledged runs did not end")
    return [
        Row(f"restart with {count:,} runs in flight: the first ends", (first,), unit="s"),
        Row("the last ends", (last,), unit="s"),
    ]


def _shares(count: int, parts: int) -> list[int]:
    return [count // parts + (part < count % parts) for part in range(parts)]


async def _start(server: Server, count: int) -> list[str]:
    connection = await Connection.open(server.port)
    ids = []
    for _ in range(count):
        _, answer = await connection.ask("POST", "/api/v1/pipelines/sleeper/invoke", b"{}")
        ids.append(json.loads(answer)["id"])
    connection.close()
    return ids


async def _until(server: Server, is_enough: Callable[[int], bool]) -> float:
    # The state of another process can only be asked for again and again.
    while not is_enough(len(await _ended(server))):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return time.perf_counter()


async def _ended(server: Server) -> set[str]:
    """The ids of all completed runs, page by page."""
    found: set[str] = set()
    cursor = ""
    while True:
        path = "/api/v1/runs?status=completed&limit=200" + (f"&cursor={cursor}" if cursor else "")
        _, answer = await Connection.call(server.port, "GET", path)
        page = json.loads(answer)
        found |= {run["id"] for run in page["items"]}
        cursor = page["nextCursor"]
        if not cursor:
            return found
