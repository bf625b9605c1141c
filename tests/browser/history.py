"""A day of runs in a data folder, made in some seconds: the clock of the orchestrator that makes them is ours."""

import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path

from eventing.in_process import InProcessExecutor
from flume.cli.local import make_registry, wall_clock
from flume.ids import Millis
from flume.nodes.node import NodeSettings
from flume.pipeline import Lane
from flume.source import read_source
from orchestrator.buses.memory import MemoryBus
from orchestrator.engine import Engine
from orchestrator.runs import Start
from orchestrator.service import Options, Parts, build_orchestrator
from orchestrator.store import PipelineRecord
from orchestrator.stores.sqlite.store import SqliteStore

HOURS = 24
STEP_MS = 12 * 60 * 1000

FASTER = 25
"""How much faster time goes for the orchestrator, so that runs look as if they had something to do."""


class PastClock:
    """Goes from a moment that is set, faster than time does."""

    def __init__(self) -> None:
        self.set_to(wall_clock())

    def set_to(self, moment: int) -> None:
        self._moment, self._began = moment, time.monotonic()

    def __call__(self) -> Millis:
        return Millis(self._moment + int((time.monotonic() - self._began) * 1000 * FASTER))


def live_through_a_day(data: Path, site: Path) -> None:
    """Save the pipelines of ``site`` in ``data``, and run them as if for a day, which ends now."""
    documents = [file.read_text() for file in sorted(site.glob("*.yaml"))]
    asyncio.run(_live(data, site / "nodes", documents))


async def _live(data: Path, nodes: Path, documents: Sequence[str]) -> None:
    clock, chance = PastClock(), random.Random(7)
    now = wall_clock()
    clock.set_to(now - HOURS * 3_600_000)
    async with SqliteStore.open(data) as store, InProcessExecutor(NodeSettings(), {}) as executor:
        orchestrator = await build_orchestrator(
            Parts(
                store=store,
                bus=MemoryBus(),
                registry=make_registry([nodes]),
                executors=dict.fromkeys(Lane, executor),
                options=Options(fires_schedules=False),
                clock=clock,
            )
        )
        async with orchestrator.working():
            records = {}
            for text in documents:
                saved = await orchestrator.pipelines.save(read_source(text, format="yaml"), namespace="default")
                records[saved.record.name] = saved.record
            for moment in range(now - HOURS * 3_600_000, now - STEP_MS, STEP_MS):
                clock.set_to(moment + chance.randrange(STEP_MS))
                name, data_of_run = _choose(chance)
                await _run(orchestrator, records[name], data_of_run)
            # A server that takes over goes by the real time.
            clock.set_to(now)


def _choose(chance: random.Random) -> tuple[str, dict[str, object]]:
    number = chance.random()
    if number < 0.6:
        pause = f"{chance.randrange(5, 60)}ms"
        return "support-triage", {
            "ticket": chance.randrange(4000, 9999),
            "breaks": number < 0.05,
            "pause": pause,
            "pace": 0.001,
        }
    if number < 0.75:
        return "each", {}
    return "steps", {"pause": f"{chance.randrange(5, 30)}ms"}


async def _run(orchestrator, record: PipelineRecord, data: object) -> None:
    engine: Engine = orchestrator.engine
    started = await orchestrator.runs.start(record, Start(data=data))
    with engine.watch(started.run_id) as watch:
        if engine.is_active(started.run_id):
            async with asyncio.timeout(30):
                await watch.until(lambda run: run.status.is_ended)
