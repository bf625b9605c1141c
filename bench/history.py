"""What does not run: sleeping runs, a long history, and validation."""

import asyncio
import time

from bench.harness import Row, run_to_end, saved, timed
from bench.pipelines import chain, sleeper
from bench.places import Place, orchestrator_at
from bench.servers import resident_mb
from flume.cli.local import make_registry
from flume.ids import Millis, RunId
from flume.validation import validate
from orchestrator.runs import Start
from orchestrator.service import Orchestrator
from orchestrator.store import PipelineRecord, RunFilter

DAY_S = 86_400


async def measure_sleeping(scale: float, place: Place) -> list[Row]:
    """Runs that sleep for a day: what each costs in memory and on disk, and what the process does meanwhile."""
    count = max(int(10_000 * scale), 500)
    async with orchestrator_at(place) as orchestrator:
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


async def measure_history(scale: float, place: Place) -> list[Row]:
    """Start, list and take-up latency while the store grows; a scale of 10 goes to a million runs."""
    most = max(int(100_000 * scale), 2_000)
    sizes = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= most]
    rows: dict[str, list[Row]] = {}
    async with orchestrator_at(place) as orchestrator:
        record = await saved(orchestrator, chain(3))
        await orchestrator.runs.start(await saved(orchestrator, sleeper()), Start())
        works = {
            "start": lambda: run_to_end(orchestrator, record),
            "list of 50": lambda: orchestrator.store.list_runs(RunFilter("default", pipeline=record.name), limit=50),
            "take up the one run of a lost owner": lambda: _take_up(orchestrator),
        }
        stored = 0
        for size in sizes:
            await _fill(orchestrator, record, size - stored)
            for name, work in works.items():
                rows.setdefault(name, []).append(Row(f"{name} at {size:,} stored runs", await timed(40, work)))
            stored = size + 41
    growths = [
        Row(f"{name} at {sizes[-1]:,} over {sizes[0]:,}", (found[-1].median / found[0].median,), unit="ratio", bar=1.3)
        for name, found in rows.items()
    ]
    return [*(row for found in rows.values() for row in found), *growths]


async def _fill(orchestrator: Orchestrator, record: PipelineRecord, count: int) -> None:
    """So many runs more, in the store and ended."""
    numbers = iter(range(count))

    async def one_after_another() -> None:
        for _ in numbers:
            await run_to_end(orchestrator, record)

    await asyncio.gather(*(one_after_another() for _ in range(256)))


async def _take_up(orchestrator: Orchestrator) -> None:
    """Claim what belongs to nobody alive: the sleeping run, again and again."""
    due = Millis(int((time.time() + 2 * DAY_S) * 1000))
    claimed: tuple[RunId, ...] = ()
    # The orchestrator itself takes it back now and then, and may just be at it.
    while not claimed:
        claimed = await orchestrator.store.claim_runs(
            "bench", now=due, live_owners=(), commit_id=f"claim-{time.time_ns()}", limit=64
        )


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
