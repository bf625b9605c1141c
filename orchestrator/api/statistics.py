"""How many runs ended how, when, and how long they took; and of one pipeline, the same of its nodes."""

from collections.abc import Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from flume.durations import parse_duration
from flume.errors import RequestError
from flume.ids import Millis
from orchestrator.api.answers import json_response
from orchestrator.api.context import TheNamespace, TheOrchestrator
from orchestrator.api.parameters import to_millis
from orchestrator.api.presentation import Record, timestamp, to_json
from orchestrator.api.run_models import PROBLEM_ANSWERS, Shown
from orchestrator.store import NodeCount, RunCount, Store

router = APIRouter(tags=["statistics"], responses=PROBLEM_ANSWERS)

MAX_INTERVALS = 1000
"""Intervals that one answer may be divided into."""

MAX_PARTS = 24
"""Parts of the time for which the nodes of a pipeline are counted apart."""

DAY_MS = 24 * 3600 * 1000


class DurationRecord(Shown):
    """Percentiles in milliseconds, from start to end."""

    p50: int
    p90: int
    p99: int


class CountRecord(Shown):
    """Runs of a pipeline that ended with one outcome."""

    pipeline: str
    status: str
    count: int
    duration_ms: DurationRecord | None


class IntervalRecord(Shown):
    """What ended in an interval that begins at ``since``."""

    since: str
    counts: list[CountRecord]


class NodeCountRecord(Shown):
    """How often a node of the top level ran to its end, and how often that was a failure."""

    node: str
    count: int
    failures: int
    duration_ms: DurationRecord | None


class NodePartRecord(Shown):
    """The nodes of a pipeline over a part of the time, which begins at ``since``."""

    since: str
    nodes: list[NodeCountRecord]


class StatisticsRecord(Shown):
    """Ended runs of a namespace. ``intervals`` holds those in which any ended; ``totals`` the whole time.

    ``nodes`` is null unless one pipeline was asked for, and ``nodeParts`` unless parts were.
    """

    since: str
    until: str
    interval_ms: int
    intervals: list[IntervalRecord]
    totals: list[CountRecord]
    nodes: list[NodeCountRecord] | None
    node_parts: list[NodePartRecord] | None


@router.get(
    "/api/v1/stats",
    summary="Runs by outcome and time",
    response_class=Response,
    responses={200: {"model": StatisticsRecord}},
)
async def read_statistics(
    orchestrator: TheOrchestrator,
    namespace: TheNamespace,
    pipeline: Annotated[str | None, Query(description="Of this pipeline alone, and of each of its nodes.")] = None,
    interval: Annotated[str, Query(description="Length of an interval, such as 5m, 1h or 1d.")] = "1h",
    since: Annotated[
        AwareDatetime | None, Query(description="From this moment (RFC 3339); default: a day ago.")
    ] = None,
    until: Annotated[AwareDatetime | None, Query(description="To this moment (RFC 3339); default: now.")] = None,
    node_parts: Annotated[
        int,
        Query(
            alias="nodeParts",
            ge=0,
            le=MAX_PARTS,
            description="Of one pipeline: into how many parts of the time its nodes are divided besides.",
        ),
    ] = 0,
) -> Response:
    """Ended runs by interval, pipeline and outcome, with the percentiles of their durations; of one pipeline, its nodes too."""
    # The default end lies behind the present millisecond, so that a run that just ended counts.
    end = to_millis(until) if until is not None else Millis(orchestrator.clock() + 1)
    begin = to_millis(since) if since is not None else Millis((end or 0) - DAY_MS)
    begin, end, interval_ms = _checked(begin or Millis(0), end or Millis(0), interval)
    store, span = orchestrator.store, max(end - begin, 1)
    wanted = partial(store.count_runs, namespace, since=begin, until=end, pipeline=pipeline)
    count_nodes = None if pipeline is None else partial(_count_nodes, store, namespace, pipeline)
    record = {
        "since": timestamp(begin),
        "until": timestamp(end),
        "intervalMs": interval_ms,
        "intervals": _by_interval(await wanted(interval_ms=interval_ms)),
        "totals": [_count_record(count) for count in await wanted(interval_ms=span)],
        "nodes": None if count_nodes is None else await count_nodes(begin, end),
        "nodeParts": None,
    }
    if count_nodes is not None and node_parts:
        record["nodeParts"] = [
            {"since": timestamp(since), "nodes": await count_nodes(since, until)}
            for since, until in _parts(begin, end, node_parts)
        ]
    return json_response(to_json(record))


async def _count_nodes(store: Store, namespace: str, pipeline: str, since: Millis, until: Millis) -> list[Record]:
    counts = await store.count_nodes(namespace, pipeline, since=since, until=until)
    return [_node_record(count) for count in counts]


def _parts(begin: Millis, end: Millis, count: int) -> list[tuple[Millis, Millis]]:
    """The time in so many parts, as equal as whole milliseconds allow; none is empty."""
    bounds = sorted({Millis(begin + (end - begin) * index // count) for index in range(count + 1)})
    return list(pairwise(bounds))


def _checked(begin: Millis, end: Millis, interval: str) -> tuple[Millis, Millis, int]:
    try:
        interval_ms = int(parse_duration(interval).total_seconds() * 1000)
    except ValueError as error:
        raise RequestError(f"interval: {error}", code="bad-duration", pointer="/interval") from error
    if interval_ms < 1000:
        raise RequestError("interval: one second is the shortest", code="bad-duration", pointer="/interval")
    if begin >= end:
        raise RequestError("since must lie before until", code="bad-interval", pointer="/since")
    if (end - begin) / interval_ms > MAX_INTERVALS:
        raise RequestError(
            f"that would be more than {MAX_INTERVALS:,} intervals",
            code="too-many-intervals",
            pointer="/interval",
            hint="ask for longer intervals or a shorter time",
        )
    return begin, end, interval_ms


def _by_interval(counts: Sequence[RunCount]) -> list[Record]:
    return [
        {"since": timestamp(since), "counts": [_count_record(count) for count in together]}
        for since, together in groupby(counts, key=lambda count: count.since)
    ]


def _count_record(count: RunCount) -> Record:
    return {
        "pipeline": count.pipeline,
        "status": count.status.value,
        "count": count.count,
        "durationMs": _durations(count.durations_ms),
    }


def _node_record(count: NodeCount) -> Record:
    return {
        "node": count.node,
        "count": count.count,
        "failures": count.failures,
        "durationMs": _durations(count.durations_ms),
    }


def _durations(percentiles: Sequence[int]) -> Record | None:
    return dict(zip(("p50", "p90", "p99"), percentiles, strict=False)) or None
