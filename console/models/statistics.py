"""What the statistics of the API say, as series for plots and as single numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from console.models import Json

OUTCOMES = ("completed", "failed", "cancelled")

WINDOWS = {
    "1h": (timedelta(hours=1), timedelta(minutes=2), "2m"),
    "24h": (timedelta(days=1), timedelta(minutes=30), "30m"),
    "7d": (timedelta(days=7), timedelta(hours=4), "4h"),
    "30d": (timedelta(days=30), timedelta(days=1), "1d"),
}
"""By name: how far back, and how long an interval is, also as the API wants to be told."""

DEFAULT_WINDOW = "24h"


@dataclass(frozen=True, slots=True)
class Interval:
    """What ended within one interval. Percentiles in ms, of one pipeline; None for several, and where nothing completed."""

    since: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    p50: int | None = None
    p90: int | None = None

    @property
    def total(self) -> int:
        """All runs that ended."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums over a window."""

    completed: int
    failed: int
    cancelled: int

    @property
    def ended(self) -> int:
        """All that ended."""
        return self.completed + self.failed + self.cancelled

    @property
    def judged(self) -> int:
        """Those that count for the rate of success: nobody's fault are the cancelled ones."""
        return self.completed + self.failed


def window_start(window: str, now: datetime) -> datetime:
    """Where a window begins: at a whole interval, so that bars don't jump from call to call."""
    return window_end(window, now) - WINDOWS[window][0]


def window_end(window: str, now: datetime) -> datetime:
    """Where a window ends: with the interval that `now` is in."""
    seconds = WINDOWS[window][1].total_seconds()
    return datetime.fromtimestamp((now.timestamp() // seconds + 1) * seconds, now.tzinfo)


def intervals_of(statistics: Json, window: str, now: datetime) -> list[Interval]:
    """Every interval of a window, those in which nothing ended included."""
    length, step, _ = WINDOWS[window]
    start = window_start(window, now)
    found = {datetime.fromisoformat(each["since"]): each["counts"] for each in statistics["intervals"]}
    places = [start + step * index for index in range(round(length / step))]
    return [_interval(place, found.get(place, ())) for place in places]


def _interval(since: datetime, counts: Sequence[Json]) -> Interval:
    by_outcome = {outcome: _sum(counts, outcome) for outcome in OUTCOMES}
    return Interval(since, by_outcome, _percentile(counts, "p50"), _percentile(counts, "p90"))


def totals_of(statistics: Json) -> Totals:
    """The sums over all pipelines."""
    return Totals(*(_sum(statistics["totals"], outcome) for outcome in OUTCOMES))


@dataclass(frozen=True, slots=True)
class PipelineTimes:
    """How long the completed runs of a pipeline took over a window, in ms."""

    name: str
    count: int
    p50: int
    p90: int


def pipeline_times(statistics: Json) -> list[PipelineTimes]:
    """Pipelines of which any run completed, the slowest first."""
    times = [
        PipelineTimes(each["pipeline"], each["count"], each["durationMs"]["p50"], each["durationMs"]["p90"])
        for each in statistics["totals"]
        if each["status"] == "completed" and each["durationMs"]
    ]
    return sorted(times, key=lambda each: -each.p50)


def _sum(counts: Sequence[Json], outcome: str) -> int:
    return sum(each["count"] for each in counts if each["status"] == outcome)


def _percentile(counts: Sequence[Json], name: str) -> int | None:
    """That of the only pipeline: the percentile of several together can't be had from theirs."""
    known = [each["durationMs"] for each in counts if each["status"] == "completed" and each["durationMs"]]
    return int(known[0][name]) if len(known) == 1 else None


@dataclass(frozen=True, slots=True)
class NodeTimes:
    """How a node of a pipeline did over a window. ``trend`` is its median in each of `TREND_PARTS` parts."""

    name: str
    count: int
    failures: int
    p50: int | None
    p90: int | None
    trend: tuple[int | None, ...]


TREND_PARTS = 12
"""Parts of a window that the API is asked to count nodes for."""


def node_times(statistics: Json) -> list[NodeTimes]:
    """Nodes by the time that they take, the slowest first."""
    parts = [{each["node"]: _of(each, "p50") for each in part["nodes"]} for part in statistics["nodeParts"] or ()]
    nodes = [
        NodeTimes(
            each["node"],
            each["count"],
            each["failures"],
            _of(each, "p50"),
            _of(each, "p90"),
            tuple(part.get(each["node"]) for part in parts),
        )
        for each in statistics["nodes"] or ()
    ]
    return sorted(nodes, key=lambda each: -(each.p50 or 0))


def _of(counted: Json, percentile: str) -> int | None:
    durations = counted["durationMs"]
    return None if durations is None else int(durations[percentile])
