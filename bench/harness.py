"""What every measurement uses: runs from start to end, timing, percentiles and tables."""

import gc
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from flume.source import read_source
from orchestrator.runs import Start
from orchestrator.service import Orchestrator
from orchestrator.state import Run
from orchestrator.store import PipelineRecord


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. ``values`` are in ``unit``; ``bar`` and ``goal`` are the specification's two steps, ``floor`` the same
    durable writes or the same bare exchange with nothing around them."""

    name: str
    values: tuple[float, ...]
    unit: str = "ms"
    bar: float | None = None
    goal: float | None = None
    floor: tuple[float, ...] = ()
    higher_is_better: bool = False

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    def percentile(self, share: float) -> float:
        """The value that ``share`` of all do not exceed."""
        ordered = sorted(self.values)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


async def saved(orchestrator: Orchestrator, text: str) -> PipelineRecord:
    """A pipeline made of ``text``."""
    return (await orchestrator.pipelines.save(read_source(text))).record


async def run_to_end(orchestrator: Orchestrator, record: PipelineRecord, data: object = None) -> Run:
    """Start a run and wait until it has ended; raises unless it completed."""
    started = await orchestrator.runs.start(record, Start(data=data))
    run = started.run
    if run is None:
        raise AssertionError("a run without start key can't be a repetition")
    if not run.status.is_ended:
        with orchestrator.engine.watch(run.id) as watch:
            if orchestrator.engine.is_active(run.id):
                run = await watch.until(lambda seen: seen.status.is_ended)
    if run.status.value not in ("completed", "running"):
        raise AssertionError(f"the measured run {run.status}: {run.root.error}")
    return run


async def timed(repetitions: int, work: Callable[[], Awaitable[object]]) -> tuple[float, ...]:
    """Milliseconds that ``work`` took each time, after one that does not count."""
    await work()
    gc.collect()
    found = []
    for _ in range(repetitions):
        began = time.perf_counter()
        await work()
        found.append((time.perf_counter() - began) * 1000)
    return tuple(found)


async def interleaved(
    repetitions: int, works: Mapping[str, Callable[[], Awaitable[object]]]
) -> dict[str, tuple[float, ...]]:
    """The same for several works in turn, so that a slow moment of the machine meets all of them."""
    for work in works.values():
        await work()
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repetitions):
        for name, work in works.items():
            began = time.perf_counter()
            await work()
            found[name].append((time.perf_counter() - began) * 1000)
    return {name: tuple(values) for name, values in found.items()}


def print_rows(title: str, rows: Sequence[Row], *, out: Callable[[str], object] = sys.stdout.write) -> None:
    """A table of rows, each with its bars, its floor and the efficiency floor/achieved."""
    out(f"\n{title}\n")
    header = ("", "p50", "p90", "p99", "bar", "goal", "floor p50", "floor/p50")
    out("{:<44}{:>10}{:>10}{:>10}{:>10}{:>10}{:>11}{:>10}\n".format(*header))
    for row in rows:
        floor = statistics.median(row.floor) if row.floor else None
        cells = (
            f"{row.median:.2f}",
            f"{row.percentile(0.9):.2f}" if len(row.values) > 1 else "",
            f"{row.percentile(0.99):.2f}" if len(row.values) > 1 else "",
            "" if row.bar is None else f"{row.bar:g}",
            "" if row.goal is None else f"{row.goal:g}",
            "" if floor is None else f"{floor:.2f}",
            "" if floor is None else f"{floor / row.median:.0%}",
        )
        out("{:<44}{:>10}{:>10}{:>10}{:>10}{:>10}{:>11}{:>10}\n".format(f"{row.name} ({row.unit})", *cells))
