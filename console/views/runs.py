"""The list of runs with its filters, and what can be done to many at once."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from console.formats import count
from console.models.runs import (
    PERIOD_LABELS,
    TRIGGER_TYPES,
    RunFilters,
    read_filters,
    run_row,
)
from console.statuses import RUN_STATUSES
from console.visit import ONCE_FIELD, Form, TheForm, TheVisit, Visit, together

router = APIRouter()

PAGE_RUNS = 50

MAX_CALLS = 20
"""Calls for what a filter finds, of 1,000 runs each, while somebody waits for the page."""


@router.get("/runs")
async def list_runs(visit: TheVisit, status: Annotated[list[str] | None, Query()] = None) -> Response:
    """Runs, the newest first."""
    filters = read_filters(visit.request.query_params, status or ())
    page, pipelines = await together(
        visit.calls.get("/api/v1/runs", **filters.api_query(visit.now), limit=PAGE_RUNS),
        visit.calls.get("/api/v1/pipelines", limit=200),
    )
    return visit.page(
        "runs.html",
        filters=filters,
        statuses=RUN_STATUSES,
        periods=PERIOD_LABELS,
        trigger_types=TRIGGER_TYPES,
        runs=[run_row(run, visit.now) for run in page["items"]],
        next_cursor=page["nextCursor"],
        pipelines=[each["name"] for each in pipelines["items"]],
    )


@router.post("/runs/cancel")
async def cancel_runs(visit: TheVisit, form: TheForm) -> Response:
    """Cancel the runs that were marked, or all that the filter finds."""
    return await _act_on_many(visit, form, "cancel", "cancelled")


@router.post("/runs/retry")
async def retry_runs(visit: TheVisit, form: TheForm) -> Response:
    """Retry the runs that were marked, or all that the filter finds."""
    return await _act_on_many(visit, form, "retry", "started again")


async def _act_on_many(visit: Visit, form: Form, act: str, done: str) -> Response:
    filters = _filters_in(form)
    back = visit.link("/runs", **filters.query())
    if form.one("which") == "filter":
        body: dict[str, Any] = {"filter": filters.bulk_filter(visit.now)}
    elif form.all("run"):
        body = {"ids": list(dict.fromkeys(form.all("run")))}
    else:
        return visit.go(back, "No run is marked: mark some in the first column.", is_failure=True)
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(MAX_CALLS):
        answer = await visit.calls.post_once(f"/api/v1/runs:{act}", body, key=form.one(ONCE_FIELD))
        items += answer["items"]
        cursor = answer["nextCursor"]
        if cursor is None or any("retryAfter" in each.get("error", {}) for each in answer["items"]):
            break
        body = {**body, "cursor": cursor}
    good = sum(each["ok"] for each in items)
    bad = [each for each in items if not each["ok"]]
    told = f"{count(good, 'run')} {done}"
    if bad:
        told += f"; {count(len(bad), 'run')} not: {bad[0]['error']['message']}"
    if cursor is not None:
        told += f". Older ones are left: 'flume {act} --pipeline' goes through them all."
    return visit.go(back, told, is_failure=bool(bad) and not good)


def _filters_in(form: Form) -> RunFilters:
    return read_filters(form.flat(), form.all("status"))
