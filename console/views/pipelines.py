"""The list of pipelines."""

from fastapi import APIRouter, Response

from console.models.pipelines import pipeline_row
from console.visit import TheVisit, Visit, together

router = APIRouter()

PAGE_PIPELINES = 25
SPARK_RUNS = 12

STATUSES = ("active", "paused", "draft")


@router.get("/pipelines")
async def list_pipelines(visit: TheVisit, q: str = "", status: str = "", cursor: str = "") -> Response:
    """Pipelines by name, each with its latest runs and its next firing."""
    status = status if status in STATUSES else ""
    page, triggers = await together(
        visit.calls.get("/api/v1/pipelines", q=q, status=status, cursor=cursor, limit=PAGE_PIPELINES),
        visit.calls.get("/api/v1/triggers", limit=500),
    )
    latest = await together(*(_latest_runs(visit, each["name"]) for each in page["items"])) if page["items"] else []
    rows = [
        pipeline_row(each, runs, triggers["items"], visit.now) for each, runs in zip(page["items"], latest, strict=True)
    ]
    return visit.page(
        "pipelines.html",
        pipelines=rows,
        q=q,
        status=status,
        statuses=STATUSES,
        cursor=cursor,
        next_cursor=page["nextCursor"],
        is_filtered=bool(q or status),
    )


async def _latest_runs(visit: Visit, name: str) -> object:
    page = await visit.calls.get("/api/v1/runs", pipeline=name, limit=SPARK_RUNS)
    return page["items"]
