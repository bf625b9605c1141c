"""Cancel or retry many runs with one call. Each is done for itself: one that can't be done does not stop the others."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Response

from flume.errors import ConflictError, NotFoundError, RequestError
from flume.ids import RunId
from orchestrator.api.answers import json_response
from orchestrator.api.context import TheCaller, TheNamespace, TheOrchestrator
from orchestrator.api.loading import read_run
from orchestrator.api.parameters import to_millis
from orchestrator.api.presentation import Record, to_json
from orchestrator.api.run_acts import cancel, retry
from orchestrator.api.run_models import MAX_BULK, PROBLEM_ANSWERS, BulkAnswer, BulkBody, BulkFilter
from orchestrator.service import Orchestrator
from orchestrator.state import RunStatus
from orchestrator.store import RunFilter, StoredRun

router = APIRouter(tags=["runs"], responses=PROBLEM_ANSWERS)

UNDER_WAY = (RunStatus.PENDING, RunStatus.RUNNING)
UNSUCCESSFUL = (RunStatus.FAILED, RunStatus.CANCELLED)

_ANSWER: dict[int | str, dict[str, Any]] = {200: {"model": BulkAnswer}}


@router.post("/api/v1/runs:cancel", summary="Cancel many runs", response_class=Response, responses=_ANSWER)
async def cancel_runs(
    body: BulkBody, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Cancel the runs that are named, or those under way that the filter finds."""

    async def act(stored: StoredRun) -> Record:
        status = await cancel(orchestrator, caller, stored, reason="")
        return {"status": status.value}

    return await _each(orchestrator, namespace, body, UNDER_WAY, act)


@router.post("/api/v1/runs:retry", summary="Retry many runs", response_class=Response, responses=_ANSWER)
async def retry_runs(
    body: BulkBody, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Retry the runs that are named, or the failed and cancelled ones that the filter finds."""

    async def act(stored: StoredRun) -> Record:
        started = await retry(orchestrator, caller, stored)
        return {"run": started.run_id}

    return await _each(orchestrator, namespace, body, UNSUCCESSFUL, act)


async def _each(
    orchestrator: Orchestrator,
    namespace: str,
    body: BulkBody,
    default: tuple[RunStatus, ...],
    act: Callable[[StoredRun], Awaitable[Record]],
) -> Response:
    if (body.ids is None) == (body.filter is None):
        raise RequestError("give exactly one of 'ids' and 'filter'", code="bad-body", pointer="/ids")
    ids, has_more = body.ids or [], False
    if body.filter is not None:
        ids, has_more = await _found(orchestrator, namespace, body.filter, default)
    results: list[Record] = []
    for run_id in dict.fromkeys(ids):
        try:
            stored = await read_run(orchestrator, namespace, run_id)
            results.append({"id": run_id, "ok": True, **await act(stored)})
        except (ConflictError, NotFoundError) as error:
            results.append({"id": run_id, "ok": False, "error": {"code": error.code, "message": str(error)}})
    return json_response(to_json({"items": results, "hasMore": has_more}))


async def _found(
    orchestrator: Orchestrator, namespace: str, given: BulkFilter, default: tuple[RunStatus, ...]
) -> tuple[list[str], bool]:
    """The runs that a filter finds, and whether there are more than one call may do."""
    wanted = RunFilter(
        namespace,
        given.pipeline,
        tuple(given.status) or default,
        given.trigger,
        to_millis(given.since),
        to_millis(given.until),
    )
    ids: list[RunId] = []
    cursor = None
    while len(ids) < MAX_BULK:
        page = await orchestrator.store.list_runs(wanted, limit=MAX_BULK - len(ids), cursor=cursor)
        ids.extend(each.id for each in page.items)
        cursor = page.cursor
        if cursor is None:
            break
    return list(ids), cursor is not None
