"""Cancel or retry many runs with one call. Each is done for itself: one that can't be done does not stop the others.

Only when Flume or its store can't go on just now the rest is left alone, and the answer says of each run what became of it.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request, Response

from flume.errors import FlumeError, RequestError, StoreAwayError, StoreError, UnavailableError
from flume.ids import Millis
from orchestrator.api.answers import json_response
from orchestrator.api.context import TheCaller, TheNamespace, TheOrchestrator
from orchestrator.api.loading import read_run
from orchestrator.api.parameters import KEY, idempotency_key, to_millis
from orchestrator.api.presentation import Record, to_json
from orchestrator.api.problems import code_of, retry_after_s
from orchestrator.api.run_acts import cancel, retry
from orchestrator.api.run_models import MAX_BULK, PROBLEM_ANSWERS, BulkAnswer, BulkBody, BulkFilter
from orchestrator.service import Orchestrator
from orchestrator.state import RunStatus
from orchestrator.store import RunFilter, StoredRun

logger = logging.getLogger(__name__)

router = APIRouter(tags=["runs"], responses=PROBLEM_ANSWERS)

UNDER_WAY = (RunStatus.PENDING, RunStatus.RUNNING)
UNSUCCESSFUL = (RunStatus.FAILED, RunStatus.CANCELLED)

_ANSWER: dict[int | str, dict[str, Any]] = {200: {"model": BulkAnswer}}


@dataclass(frozen=True, slots=True)
class Act:
    """What is done to each run: ``do`` gives what the answer says of it, or None if it is not one of those meant.

    ``statuses`` are those that a filter finds unless it names others.
    """

    do: Callable[[StoredRun], Awaitable[Record | None]]
    statuses: tuple[RunStatus, ...]
    makes_runs: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Runs that are meant. ``cursor`` leads to the others that the filter finds; None: there are none."""

    ids: list[str]
    cursor: str | None = None


@router.post("/api/v1/runs:cancel", summary="Cancel many runs", response_class=Response, responses=_ANSWER)
async def cancel_runs(
    body: BulkBody, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Cancel the runs that are named, or those under way that the filter finds."""

    async def do(stored: StoredRun) -> Record:
        status = await cancel(orchestrator, caller, stored, reason="")
        return {"status": status.value}

    return await _answer(orchestrator, namespace, body, Act(do, UNDER_WAY))


@router.post(
    "/api/v1/runs:retry",
    summary="Retry many runs",
    response_class=Response,
    responses=_ANSWER,
    openapi_extra={"parameters": [{**KEY, "description": "Each run is retried once by the same key."}]},
)
async def retry_runs(
    body: BulkBody, request: Request, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Retry the runs that are named, or the failed and cancelled ones that the filter finds and nobody has retried or rerun."""
    key = idempotency_key(request.headers)

    async def do(stored: StoredRun) -> Record | None:
        if body.filter is not None and not await orchestrator.runs.is_to_be_retried(stored.run, key=key):
            return None
        started = await retry(orchestrator, caller, stored, key=key)
        return {"run": started.run_id}

    return await _answer(orchestrator, namespace, body, Act(do, UNSUCCESSFUL, makes_runs=True))


async def _answer(orchestrator: Orchestrator, namespace: str, body: BulkBody, act: Act) -> Response:
    found = await _runs_meant(orchestrator, namespace, body, act)
    items = await _results(orchestrator, namespace, found.ids, act)
    return json_response(to_json({"items": items, "hasMore": found.cursor is not None, "nextCursor": found.cursor}))


async def _results(orchestrator: Orchestrator, namespace: str, ids: Iterable[str], act: Act) -> list[Record]:
    results: list[Record] = []
    left = iter(dict.fromkeys(ids))
    for run_id in left:
        try:
            done = await act.do(await read_run(orchestrator, namespace, run_id))
        except FlumeError as error:
            if isinstance(error, StoreError):
                logger.error("the store failed a run of a bulk call", extra={"run": run_id, "reason": str(error)})
            results.append(_refused(run_id, error, code=code_of(error), message=str(error)))
            if isinstance(error, (UnavailableError, StoreAwayError)):
                reason = f"not tried, since run {run_id} was refused: {error}"
                results += [_refused(each, error, code="not-tried", message=reason) for each in left]
        else:
            if done is not None:
                results.append({"id": run_id, "ok": True, **done})
    return results


def _refused(run_id: str, error: FlumeError, *, code: str, message: str) -> Record:
    wait_s = retry_after_s(error)
    told = {"code": code, "message": message} | ({} if wait_s is None else {"retryAfter": wait_s})
    return {"id": run_id, "ok": False, "error": told}


async def _runs_meant(orchestrator: Orchestrator, namespace: str, body: BulkBody, act: Act) -> Found:
    """The runs that a call means, `MAX_BULK` at most."""
    if (body.ids is None) == (body.filter is None):
        raise RequestError("give exactly one of 'ids' and 'filter'", code="bad-body", pointer="/ids")
    if body.filter is None:
        if body.cursor is not None:
            raise RequestError("a cursor goes with a filter", code="bad-body", pointer="/cursor")
        return Found(body.ids or [])
    wanted, place = _wanted(namespace, body.filter, act), None
    if body.cursor is not None:
        until, place = _read_cursor(body.cursor)
        wanted = replace(wanted, until=until)
    elif act.makes_runs:
        # What the act itself makes is later than this, however the clocks of replicas differ, and is never found.
        now = Millis(orchestrator.clock() + 1)
        wanted = replace(wanted, until=now if wanted.until is None else min(wanted.until, now))
    return await _found(orchestrator, wanted, place)


async def _found(orchestrator: Orchestrator, wanted: RunFilter, place: str | None) -> Found:
    ids: list[str] = []
    while True:
        page = await orchestrator.store.list_runs(wanted, limit=MAX_BULK - len(ids), cursor=place)
        ids.extend(each.id for each in page.items)
        place = page.cursor
        if place is None:
            return Found(ids)
        if len(ids) >= MAX_BULK:
            return Found(ids, f"{'' if wanted.until is None else wanted.until}.{place}")


def _wanted(namespace: str, given: BulkFilter, act: Act) -> RunFilter:
    statuses = tuple(given.status) or act.statuses
    since, until = to_millis(given.since), to_millis(given.until)
    return RunFilter(namespace, given.pipeline, statuses, given.trigger, since, until)


def _read_cursor(text: str) -> tuple[Millis | None, str]:
    """The bound of the first call, and the place in the list."""
    until, dot, place = text.partition(".")
    if not dot or not (until == "" or (until.isascii() and until.isdigit() and len(until) < 16)):
        raise RequestError("this cursor is none that an answer gave", code="bad-cursor", pointer="/cursor")
    return (Millis(int(until)) if until else None), place
