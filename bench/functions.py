"""Functions in processes of their own: the hop to a warm one, the start of a cold one, many at once, and what a process takes."""

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp

from bench.harness import Row, interleaved, run_to_end, saved, timed
from bench.pipelines import chain, fan_out
from bench.places import FOLDER, floor_at, orchestrator_at
from bench.servers import bare_server, environment_of_servers, pss_mb, resident_mb
from functions.local_process import LocalProcess, start

HOPS = 10
"""Nodes of the chain whose time is divided: one hop each, and one durable write."""

WIDTH = 100
FUNCTION = "template"
"""The type whose process is measured by itself: it ships with Flume, and imports what most do."""

NODES = """
from flume.nodes import Node, NodeInput, registry


class Echo(Node):
    '''Gives the text that it is given.'''

    category = "custom"
    run_on = "cpu"

    class Input(NodeInput):
        text: str | None = None

    async def execute(self, input):
        return input.text


registry.register(type("One", (Echo,), {"name": "one", "__doc__": Echo.__doc__}))
registry.register(type("Many", (Echo,), {"name": "many", "__doc__": Echo.__doc__, "concurrency": 8}))
for number in range(%d):
    registry.register(type(f"Cold{number}", (Echo,), {"name": f"cold-{number}", "__doc__": Echo.__doc__}))
"""

FLOOR = """
import asyncio, os, sys, uvicorn
from jinja2 import Environment
from pydantic import BaseModel

class Input(BaseModel):
    text: str

template = Environment().from_string("{{ text }}")

async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})

server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))

async def main():
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
    with os.fdopen(int(sys.argv[sys.argv.index("--ready-fd") + 1]), "w") as pipe:
        pipe.write("%d\\n" % server.servers[0].sockets[0].getsockname()[1])
    await task

asyncio.run(main())
"""
"""The floor of a start: the same libraries around an application that does nothing."""

_REAL = (sys.executable, "-P", "-m", "functions", FUNCTION, "--host", "127.0.0.1", "--port", "0")
_BARE = (sys.executable, "-P", "-c", FLOOR)


async def measure_functions(scale: float) -> list[Row]:
    """Runs whose nodes are functions, from start to durable end."""
    repetitions = max(int(30 * scale), 3)
    starts = max(int(8 * scale), 2)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flume-bench-nodes-")))
        (folder / "echo.py").write_text(NODES % (starts + 1))
        orchestrator = await stack.enter_async_context(orchestrator_at(FOLDER, node_paths=[folder / "echo.py"]))
        floor = await stack.enter_async_context(_floor())
        works: dict[str, Callable[[], Awaitable[object]]] = {"floor": floor, "floors": partial(_times, HOPS, floor)}
        for name, text in {
            "hop": chain(1, type="one"),
            "hops": chain(HOPS, type="one"),
            "fan-out": fan_out(WIDTH, type="one"),
            "fan-out of many": fan_out(WIDTH, type="many"),
        }.items():
            works[name] = partial(run_to_end, orchestrator, await saved(orchestrator, text))
        found = await interleaved(repetitions, works)
        cold = iter([await saved(orchestrator, chain(1, type=f"cold-{number}")) for number in range(starts + 1)])
        started = await timed(starts, lambda: run_to_end(orchestrator, next(cold)))
        limits = {name: status.limit for name, status in orchestrator.functions.statuses().items()}
    each_hop, each_floor = (tuple(took / HOPS for took in found[name]) for name in ("hops", "floors"))
    return [
        Row(f"hop to a warm function, recorded (of {HOPS})", each_hop, bar=5, goal=2, floor=each_floor),
        Row("run of one warm function", found["hop"], floor=found["floor"]),
        Row("run of one function that is at zero", started),
        Row(f"fan-out of {WIDTH}, {limits['one']} at a time, and join", found["fan-out"]),
        Row(f"fan-out of {WIDTH}, {limits['many']} at a time, and join", found["fan-out of many"]),
    ]


async def measure_function_process(scale: float) -> list[Row]:
    """A function process by itself: from its start to ready, and its memory after that."""
    commands = {"real": _REAL, "bare": _BARE}
    works = {name: partial(_start_and_end, command) for name, command in commands.items()}
    took = await interleaved(max(int(15 * scale), 3), works)
    resident, shared = {}, {}
    for name, command in commands.items():
        async with _running(command, 4) as processes:
            resident[name] = tuple(resident_mb(process.pid) for process in processes)
            shared[name] = tuple(pss_mb(process.pid) for process in processes)
    bar = round(1.25 * statistics.median(took["bare"]))
    return [
        Row(f"function {FUNCTION}: start to ready", took["real"], bar=bar, goal=350, floor=took["bare"]),
        Row("memory of its process (RSS)", resident["real"], unit="MB", bar=45, floor=resident["bare"]),
        Row("the same, its share with 4 running (PSS)", shared["real"], unit="MB", floor=shared["bare"]),
    ]


@asynccontextmanager
async def _floor() -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """The same exchange and the same durable write with nothing around them."""
    async with floor_at(FOLDER) as floor, bare_server() as server, aiohttp.ClientSession() as session:

        async def exchange_and_write() -> None:
            async with session.post(f"http://127.0.0.1:{server.port}/", data=b"x" * 500) as response:
                await response.read()
            await floor.write(1)

        yield exchange_and_write


async def _times(count: int, work: Callable[[], Awaitable[object]]) -> None:
    for _ in range(count):
        await work()


async def _start_and_end(command: tuple[str, ...]) -> None:
    # Its end is not waited for, so that only the start is measured; the next start is another one's.
    process = await start(FUNCTION, command, environment_of_servers(), timeout_s=60)
    os.kill(process.pid, 9)


@asynccontextmanager
async def _running(command: tuple[str, ...], count: int) -> AsyncIterator[list[LocalProcess]]:
    """So many processes that are ready; they are killed at the end."""
    environment = environment_of_servers()
    processes = [await start(FUNCTION, command, environment, timeout_s=60) for _ in range(count)]
    try:
        yield processes
    finally:
        await asyncio.gather(*(process.end(0) for process in processes))
