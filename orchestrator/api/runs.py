"""Runs: the list, one of them, test runs, and what people do with a run: cancel, retry, rerun.

A run's insides are in `orchestrator.api.run_nodes`, many runs at once in `orchestrator.api.run_bulk`.
"""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from flume.errors import RequestError
from flume.ids import NodeId
from flume.values import BadValueError, JsonValue, check_value
from orchestrator.api import run_bulk, run_nodes
from orchestrator.api.answers import accepted, json_response, status_of
from orchestrator.api.context import TheCaller, TheNamespace, TheOrchestrator
from orchestrator.api.invoke import PREFER, START_ANSWERS, answer_start
from orchestrator.api.loading import load_run, read_run
from orchestrator.api.parameters import KEY, idempotency_key, to_millis, wanted_wait_s
from orchestrator.api.presentation import started_record, summary_record, to_json
from orchestrator.api.run_acts import cancel, retry
from orchestrator.api.run_models import (
    PROBLEM_ANSWERS,
    CancelBody,
    Page,
    RerunBody,
    RunRecord,
    RunSummaryRecord,
    StartedRun,
    TestRunBody,
)
from orchestrator.api.run_nodes import RunIdInPath
from orchestrator.auditing import Change
from orchestrator.engine import Started
from orchestrator.runs import Rerun, TestRun
from orchestrator.service import Orchestrator
from orchestrator.state import RunStatus
from orchestrator.store import RunFilter, StoredRun

router = APIRouter(tags=["runs"], responses=PROBLEM_ANSWERS)

MAX_LISTED = 500


@router.get(
    "/api/v1/runs",
    summary="List runs",
    response_class=Response,
    responses={200: {"model": Page[RunSummaryRecord]}},
)
async def list_runs(
    orchestrator: TheOrchestrator,
    namespace: TheNamespace,
    pipeline: Annotated[str | None, Query(description="Of this pipeline.")] = None,
    status: Annotated[list[RunStatus] | None, Query(description="In one of these states; may be given again.")] = None,
    trigger: Annotated[str | None, Query(description="Started by a trigger of this type or id.")] = None,
    since: Annotated[AwareDatetime | None, Query(description="Made at or after this moment (RFC 3339).")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Made before this moment (RFC 3339).")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 50,
    cursor: Annotated[str | None, Query(description="`nextCursor` of the page before.")] = None,
) -> Response:
    """Runs, the newest first."""
    wanted = RunFilter(namespace, pipeline, tuple(status or ()), trigger, to_millis(since), to_millis(until))
    page = await orchestrator.store.list_runs(wanted, limit=limit, cursor=cursor)
    return json_response(
        to_json({"items": [summary_record(each) for each in page.items], "nextCursor": page.cursor}),
    )


@router.post(
    "/api/v1/runs",
    summary="Test run of an unsaved document",
    status_code=202,
    response_class=Response,
    responses=START_ANSWERS,
    openapi_extra={"parameters": [PREFER]},
)
async def start_test_run(
    body: TestRunBody, request: Request, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Run a document that is not saved, with outputs given for some nodes, up to one of them if wanted."""
    definition = checked(body.definition, "/definition")
    definition = definition if isinstance(definition, str) else orjson.dumps(definition).decode()
    test = TestRun(
        definition,
        checked(body.data, "/data"),
        {NodeId(node): checked(value, f"/pins/{node}") for node, value in body.pins.items()},
        None if body.until is None else NodeId(body.until),
    )
    started = await orchestrator.runs.test(namespace, test)
    pipeline = started.run.origin.pipeline if started.run is not None else ""
    change = Change("run.test", f"runs/{started.run_id}", namespace, after={"pipeline": pipeline})
    await orchestrator.audit.record(caller.actor, change)
    return await answer_start(request, started, namespace, pipeline, wanted_wait_s(request.headers))


@router.get(
    "/api/v1/runs/{run_id}",
    summary="One run",
    response_class=Response,
    responses={200: {"model": RunRecord}, 304: {"description": "Unchanged since the revision of `If-None-Match`"}},
)
async def get_run(
    run_id: RunIdInPath, request: Request, orchestrator: TheOrchestrator, namespace: TheNamespace
) -> Response:
    """A run with all its nodes; ``ETag`` is its revision."""
    stored = await read_run(orchestrator, namespace, run_id)
    etag = f'"{stored.rev}"'
    if etag in (each.strip() for each in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers={"ETag": etag})
    record = await load_run(orchestrator, stored.run, stored.rev)
    return json_response(to_json(record), headers={"ETag": etag})


@router.post(
    "/api/v1/runs/{run_id}/cancel",
    summary="Cancel a run",
    response_class=Response,
    responses={
        200: {"model": StartedRun, "description": "It is cancelled"},
        202: {"model": StartedRun, "description": "It will be: another replica owns it"},
    },
)
async def cancel_run(
    run_id: RunIdInPath,
    orchestrator: TheOrchestrator,
    caller: TheCaller,
    namespace: TheNamespace,
    body: CancelBody | None = None,
) -> Response:
    """Stop a run. Cancelling a cancelled run changes nothing; one that ended otherwise is a conflict."""
    stored = await read_run(orchestrator, namespace, run_id)
    status = await cancel(orchestrator, caller, stored, reason=body.reason if body is not None else "")
    record = started_record(stored.run.id, namespace, stored.run.origin.pipeline, status)
    return json_response(to_json(record), status=200 if status.is_ended else 202)


@router.post(
    "/api/v1/runs/{run_id}/retry",
    summary="Retry a run",
    status_code=202,
    response_class=Response,
    responses={202: {"model": StartedRun}},
    openapi_extra={"parameters": [KEY]},
)
async def retry_run(
    run_id: RunIdInPath, request: Request, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Start a new run that goes on where this one, which has ended, failed."""
    stored = await read_run(orchestrator, namespace, run_id)
    started = await retry(orchestrator, caller, stored, key=idempotency_key(request.headers))
    return await _started_again(orchestrator, started, stored)


@router.post(
    "/api/v1/runs/{run_id}/rerun",
    summary="Run it again, or a part of it",
    status_code=202,
    response_class=Response,
    responses={202: {"model": StartedRun}},
    openapi_extra={"parameters": [KEY]},
)
async def rerun_run(
    run_id: RunIdInPath,
    request: Request,
    orchestrator: TheOrchestrator,
    caller: TheCaller,
    namespace: TheNamespace,
    body: RerunBody | None = None,
) -> Response:
    """Start a new run with the same trigger and inputs, of this run's version or of the latest.

    With ``from`` it takes over the outputs before that node; without, it does everything again.
    """
    stored = await read_run(orchestrator, namespace, run_id)
    wanted = body or RerunBody()
    rerun = Rerun(
        None if wanted.from_ is None else NodeId(wanted.from_),
        None if wanted.inputs is None else checked(wanted.inputs, "/inputs"),
        latest=wanted.version == "latest",
        key=idempotency_key(request.headers),
        body=await request.body(),
    )
    started = await orchestrator.runs.rerun(stored, rerun)
    after = {"run": started.run_id, "from": rerun.from_node}
    change = Change("run.rerun", f"runs/{stored.run.id}", namespace, after=after)
    await orchestrator.audit.record(caller.actor, change)
    return await _started_again(orchestrator, started, stored)


def checked(value: JsonValue, pointer: str) -> JsonValue:
    """A value out of a body. Raises `RequestError` if a store could not hold it."""
    try:
        check_value(value)
    except BadValueError as error:
        where = f"{pointer}{error.pointer}"
        raise RequestError(f"{where}: {error.reason}", code="bad-value", pointer=where) from error
    return value


async def _started_again(orchestrator: Orchestrator, started: Started, stored: StoredRun) -> Response:
    origin = stored.run.origin
    return accepted(started.run_id, origin.namespace, origin.pipeline, await status_of(orchestrator, started))


router.include_router(run_bulk.router)
router.include_router(run_nodes.router)
