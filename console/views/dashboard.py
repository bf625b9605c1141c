"""The first page: how it goes, what runs now, what failed last, what comes next."""

from fastapi import APIRouter, Response

from console.models.runs import run_row
from console.models.statistics import (
    DEFAULT_WINDOW,
    WINDOWS,
    intervals_of,
    pipeline_times,
    totals_of,
    window_start,
)
from console.visit import TheVisit, together

router = APIRouter()

SHOWN = 8
SHOWN_TIMES = 5
"""Pipelines whose durations are shown: as many as stand beside the plot."""


@router.get("/")
async def dashboard(visit: TheVisit, window: str = DEFAULT_WINDOW) -> Response:
    """The dashboard over a window of time."""
    window = window if window in WINDOWS else DEFAULT_WINDOW
    since = window_start(window, visit.now)
    calls = visit.calls
    statistics, active, failed, triggers, pipelines, functions = await together(
        calls.get("/api/v1/stats", since=since.isoformat(), interval=WINDOWS[window][2]),
        calls.get("/api/v1/runs", status=["pending", "running"], limit=SHOWN),
        calls.get("/api/v1/runs", status=["failed"], limit=SHOWN),
        calls.get("/api/v1/triggers", limit=500),
        calls.get("/api/v1/pipelines", limit=1),
        calls.get_or({"items": []}, "/api/v1/functions"),
    )
    firings = sorted((each for each in triggers["items"] if each["nextFiring"]), key=lambda each: each["nextFiring"])
    return visit.page(
        "dashboard.html",
        window=window,
        windows=list(WINDOWS),
        totals=totals_of(statistics),
        intervals=intervals_of(statistics, window, visit.now),
        times=pipeline_times(statistics)[:SHOWN_TIMES],
        active=[run_row(run, visit.now) for run in active["items"]],
        has_more_active=active["nextCursor"] is not None,
        failed=[run_row(run, visit.now) for run in failed["items"]],
        firings=firings[:SHOWN],
        functions=functions["items"],
        has_pipelines=bool(pipelines["items"]),
    )
