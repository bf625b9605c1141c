"""What people do with a pipeline apart from its text: pause, resume and activate it."""

from fastapi import APIRouter, Request, Response

from flume.errors import ConflictError
from flume.pipeline import PipelineStatus
from orchestrator.api.answers import json_response
from orchestrator.api.context import Caller, TheCaller, TheNamespace, TheOrchestrator
from orchestrator.api.pipeline_presentation import etag_of, pipeline_detail
from orchestrator.api.pipelines import ONE_PIPELINE, conditions
from orchestrator.api.preconditions import read_precondition, settled
from orchestrator.api.presentation import to_json
from orchestrator.service import Orchestrator
from orchestrator.store import PipelineRecord

router = APIRouter(tags=["pipelines"])

_IF_MATCH = {"parameters": conditions("If-Match")}


@router.post(
    "/api/v1/pipelines/{name}/pause",
    summary="Pause",
    response_class=Response,
    responses=ONE_PIPELINE,
    openapi_extra=_IF_MATCH,
)
async def pause(
    name: str, request: Request, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Triggers do nothing any more; manual runs work. A draft is a conflict."""
    return await _set(request, orchestrator, caller, namespace, name, PipelineStatus.PAUSED, "pause")


@router.post(
    "/api/v1/pipelines/{name}/resume",
    summary="Resume",
    response_class=Response,
    responses=ONE_PIPELINE,
    openapi_extra=_IF_MATCH,
)
async def resume(
    name: str, request: Request, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Triggers work again. A draft is a conflict."""
    return await _set(request, orchestrator, caller, namespace, name, PipelineStatus.ACTIVE, "resume")


@router.post(
    "/api/v1/pipelines/{name}/activate",
    summary="Activate",
    response_class=Response,
    responses=ONE_PIPELINE,
    openapi_extra=_IF_MATCH,
)
async def activate(
    name: str, request: Request, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Make a draft, or a paused pipeline, active. It must be valid."""
    return await _set(request, orchestrator, caller, namespace, name, PipelineStatus.ACTIVE, "activate")


async def _set(
    request: Request,
    orchestrator: Orchestrator,
    caller: Caller,
    namespace: str,
    name: str,
    status: PipelineStatus,
    act: str,
) -> Response:
    wanted = read_precondition(request.headers)

    async def change() -> tuple[PipelineRecord, PipelineRecord]:
        record = await orchestrator.pipelines.read(namespace, name)
        wanted.check(name, record)
        if record.status is PipelineStatus.DRAFT and act != "activate":
            raise ConflictError(f"pipeline '{name}' is a draft", code="pipeline-is-draft", hint="activate it")
        return record, await orchestrator.pipelines.set_status(record, status)

    record, after = await settled(wanted, change)
    await orchestrator.audit.record_pipeline(caller.actor, f"pipeline.{act}", after, before=record)
    body = to_json(await pipeline_detail(request, orchestrator, after))
    return json_response(body, headers={"ETag": etag_of(after)})
