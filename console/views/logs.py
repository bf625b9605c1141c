"""Search over the logs of all runs, and following one run's."""

from fastapi import APIRouter, Response

from console.models.logs import LEVELS, log_line, read_log_filters
from console.models.runs import PERIOD_LABELS
from console.visit import TheVisit

router = APIRouter()

PAGE_LINES = 200
MOST_PAGES = 5
"""A search may give short pages, even empty ones; so many are read on before the reader has to ask for more."""


@router.get("/logs")
async def search_logs(visit: TheVisit) -> Response:
    """Lines, the newest first."""
    filters = read_log_filters(visit.request.query_params)
    query = filters.api_query(visit.now)
    pipelines = await visit.calls.get("/api/v1/pipelines", limit=200)
    lines = []
    for _ in range(MOST_PAGES):
        page = await visit.calls.get("/api/v1/logs", **query, limit=PAGE_LINES)
        lines += page["items"]
        query["cursor"] = page["nextCursor"]
        if len(lines) >= PAGE_LINES or page["nextCursor"] is None:
            break
    return visit.page(
        "logs.html",
        filters=filters,
        lines=[log_line(line) for line in lines],
        next_cursor=query["cursor"],
        levels=LEVELS,
        periods=PERIOD_LABELS,
        pipelines=[each["name"] for each in pipelines["items"]],
    )
