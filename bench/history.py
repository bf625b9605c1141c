"""What does not run: sleeping runs, a long history, and validation."""

import asyncio
import statistics
import time

from bench.engine import resident_mb
from bench.harness import Row, orchestrator_on_disk, run_to_end, saved, timed
from bench.pipelines import chain, sleeper
from flume.cli.local import make_registry
from flume.validation import validate
from orchestrator.runs import Start
from orchestrator.store import RunFilter


async def measure_sleeping(scale: float) -> list[Row]:
    """Runs that sleep for a day: what each costs in memory and on disk, and what the process does meanwhile."""
    count = max(int(10_000 * scale), 500)
    async with orchestrator_on_disk() as orchestrator:
        record = await saved(orchestrator, sleeper())
        for _ in range(200):
            await orchestrator.runs.start(record, Start())
        before = resident_mb()
        for _ in range(count // 200):
            await asyncio.gather(*(orchestrator.runs.start(record, Start()) for _ in range(200)))
        added = resident_mb() - before
        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.sleep(5)
        busy = (time.process_time() - cpu) / (time.perf_counter() - began)
        held = orchestrator.engine.active_count
    return [
        Row(f"memory of one of {count:,} sleeping runs", (added * 1024 / count,), unit="KB", bar=5),
        Row("runs that stay in memory meanwhile", (held,), unit="runs", bar=0),
        Row("processor while they sleep", (busy * 100,), unit="% of a core", bar=1),
    ]


async def measure_history(scale: float) -> list[Row]:
    """Start and list latency while the store grows."""
    most = max(int(100_000 * scale), 2_000)
    sizes = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= most]
    rows = []
    async with orchestrator_on_disk() as orchestrator:
        record = await saved(orchestrator, chain(3))
        gate = asyncio.Semaphore(256)

        async def one() -> None:
            async with gate:
                await run_to_end(orchestrator, record)

        stored = 0
        for size in sizes:
            await asyncio.gather(*(one() for _ in range(size - stored)))
            stored = size
            start = await timed(40, lambda: run_to_end(orchestrator, record))
            wanted = RunFilter("default", pipeline=record.name)
            listing = await timed(40, lambda wanted=wanted: orchestrator.store.list_runs(wanted, limit=50))
            stored += 41
            rows.append(Row(f"start at {size:,} stored runs", start))
            rows.append(Row(f"list of 50 at {size:,} stored runs", listing))
    growth = statistics.median(rows[-2].values) / statistics.median(rows[0].values)
    rows.append(Row(f"start at {sizes[-1]:,} over start at {sizes[0]:,}", (growth,), unit="ratio", bar=1.3))
    growth = statistics.median(rows[-2].values) / statistics.median(rows[1].values)
    rows.append(Row(f"list at {sizes[-1]:,} over list at {sizes[0]:,}", (growth,), unit="ratio", bar=1.3))
    return rows


async def measure_validation(scale: float) -> list[Row]:
    """The whole check of a 500-node document, from its text."""
    registry = make_registry([])
    text = chain(500)
    validate(text, registry)
    found = []
    for _ in range(max(int(10 * scale), 3)):
        began = time.perf_counter()
        validate(text, registry).require_plan()
        found.append((time.perf_counter() - began) * 1000)
    return [Row("validate a 500-node pipeline", tuple(found), bar=200)]
