"""Runs within one process, durable: chains, fan-out, loops and many at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from bench.harness import Row, interleaved, run_to_end, saved
from bench.pipelines import chain, fan_out, loop
from bench.places import Place, floor_at, orchestrator_at
from bench.servers import resident_mb

REPETITIONS = 30
IN_FLIGHT = 64


async def measure_latency(scale: float, place: Place) -> list[Row]:
    """Chains, fan-out and loops: from start to the durable end of a run."""
    texts = {
        "chain of 10, fused": (chain(10), 6, 2),
        "chain of 40, fused": (chain(40), 10, 4),
        "chain of 10, every node durable": (chain(10, durable=True), 20, 10),
        "chain of 40, every node durable": (chain(40, durable=True), 80, 40),
        "fan-out of 100 and join": (fan_out(100), 30, 10),
        "fan-out of 1,000 and join": (fan_out(1000), 200, 60),
        "loop over 100 items": (loop(100), 100, 30),
    }
    async with floor_at(place) as floor, orchestrator_at(place) as orchestrator:
        works: dict[str, Callable[[], Awaitable[object]]] = {
            "floor 1": lambda: floor.write(1),
            "floor 10": lambda: floor.write(10),
            "floor 40": lambda: floor.write(40),
        }
        for name, (text, _, _) in texts.items():
            record = await saved(orchestrator, text)
            works[name] = lambda record=record: run_to_end(orchestrator, record)
        found = await interleaved(max(int(REPETITIONS * scale), 3), works)
    floors = {"chain of 10, every node durable": "floor 10", "chain of 40, every node durable": "floor 40"}
    return [
        Row(name, found[name], bar=bar, goal=goal, floor=found[floors.get(name, "floor 1")])
        for name, (_, bar, goal) in texts.items()
    ]


async def measure_long_loop(scale: float, place: Place) -> list[Row]:
    """10,000 items with a trivial body, and what they do to the memory of the process."""
    async with orchestrator_at(place) as orchestrator:
        record = await saved(orchestrator, loop(10_000))
        await run_to_end(orchestrator, await saved(orchestrator, loop(100)))
        before = resident_mb()
        seconds, most = [], before
        for _ in range(max(int(3 * scale), 1)):
            began = time.perf_counter()
            await run_to_end(orchestrator, record)
            seconds.append(time.perf_counter() - began)
            most = max(most, resident_mb())
    return [
        Row("loop over 10,000 items", tuple(seconds), unit="s", bar=8, goal=2),
        Row("memory that it added", (most - before,), unit="MB"),
    ]


async def measure_throughput(scale: float, place: Place) -> list[Row]:
    """Three-node runs, 64 in flight, in process; the floor is as many rows, committed 64 at a time."""
    count = max(int(4000 * scale), 200)
    async with orchestrator_at(place) as orchestrator:
        record = await saved(orchestrator, chain(3))
        gate = asyncio.Semaphore(IN_FLIGHT)

        async def one() -> None:
            async with gate:
                await run_to_end(orchestrator, record)

        await asyncio.gather(*(one() for _ in range(200)))
        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        took, used = time.perf_counter() - began, time.process_time() - cpu
    async with floor_at(place) as floor:
        began = time.perf_counter()
        for _ in range(count // IN_FLIGHT):
            await floor.write_together(IN_FLIGHT * 4)
        floor_took = time.perf_counter() - began
    rate, floor_rate = count / took, count / floor_took
    return [
        Row("3-node runs, 64 in flight", (rate,), unit="/s", bar=500, goal=3000, floor=(floor_rate,)),
        Row("CPU per 3-node run", (used / count * 1000,), bar=1.5, goal=0.5),
    ]
