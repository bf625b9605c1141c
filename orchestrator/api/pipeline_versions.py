"""The history of a pipeline: its versions, what changed between two of them, and going back to one."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from flume.versions import definition_changes
from orchestrator.api.answers import json_response
from orchestrator.api.context import TheCaller, TheNamespace, TheOrchestrator
from orchestrator.api.pipeline_models import DifferenceRecord, VersionDetailRecord, VersionSummaryRecord
from orchestrator.api.pipeline_presentation import (
    YAML,
    etag_of,
    pipeline_detail,
    prefers_yaml,
    read_version,
    source_text,
    version_detail,
    version_summary,
)
from orchestrator.api.pipelines import ONE_PIPELINE, conditions
from orchestrator.api.preconditions import read_precondition, settled
from orchestrator.api.presentation import to_json
from orchestrator.api.run_models import Page
from orchestrator.pipelines import Saved
from orchestrator.store import PipelineRecord

router = APIRouter(tags=["versions"])

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]

_AS_YAML: dict[str, Any] = {"application/yaml": {"schema": {"type": "string"}}}


@router.get(
    "/api/v1/pipelines/{name}/versions",
    summary="List versions",
    response_class=Response,
    responses={200: {"model": Page[VersionSummaryRecord]}},
)
async def list_versions(
    name: str,
    orchestrator: TheOrchestrator,
    namespace: TheNamespace,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(description="`nextCursor` of the page before.")] = None,
) -> Response:
    """Versions, the newest first."""
    record = await orchestrator.pipelines.read(namespace, name)
    page = await orchestrator.store.list_versions(record.id, limit=limit, cursor=cursor)
    items = [version_summary(record, each) for each in page.items]
    return json_response(to_json({"items": items, "nextCursor": page.cursor}))


@router.get(
    "/api/v1/pipelines/{name}/versions/{earlier}..{later}",
    summary="What changed between two versions",
    response_class=Response,
    responses={200: {"model": DifferenceRecord}},
)
async def compare_versions(
    name: str, earlier: Number, later: Number, orchestrator: TheOrchestrator, namespace: TheNamespace
) -> Response:
    """Differences in the order of the first definition. Nodes are matched by id and edges by their ends."""
    record = await orchestrator.pipelines.read(namespace, name)
    before = await read_version(orchestrator, record, earlier)
    after = await read_version(orchestrator, record, later)
    changes = [change.as_json() for change in definition_changes(before.definition, after.definition)]
    return json_response(to_json({"from": earlier, "to": later, "changes": changes}))


@router.get(
    "/api/v1/pipelines/{name}/versions/{version}",
    summary="One version",
    response_class=Response,
    responses={200: {"model": VersionDetailRecord, "content": _AS_YAML}},
)
async def get_version(
    name: str, version: Number, request: Request, orchestrator: TheOrchestrator, namespace: TheNamespace
) -> Response:
    """A version with its definition or, if YAML is accepted rather, its text as it was written."""
    record = await orchestrator.pipelines.read(namespace, name)
    found = await read_version(orchestrator, record, version)
    headers = {"Vary": "Accept"}
    if prefers_yaml(request.headers.get("accept", "")):
        return Response(source_text(found), headers=headers, media_type=YAML)
    return json_response(to_json(version_detail(record, found)), headers=headers)


@router.post(
    "/api/v1/pipelines/{name}/versions/{version}/restore",
    summary="Go back to a version",
    response_class=Response,
    responses=ONE_PIPELINE,
    openapi_extra={"parameters": conditions("If-Match")},
)
async def restore_version(
    name: str,
    version: Number,
    request: Request,
    orchestrator: TheOrchestrator,
    caller: TheCaller,
    namespace: TheNamespace,
) -> Response:
    """Save the text of an old version again, as the newest one."""
    wanted = read_precondition(request.headers)

    async def change() -> tuple[PipelineRecord, Saved]:
        record = await orchestrator.pipelines.read(namespace, name)
        wanted.check(name, record)
        return record, await orchestrator.pipelines.restore(record, version, actor=caller.name)

    record, saved = await settled(wanted, change)
    await orchestrator.audit.record_pipeline(
        caller.actor, "pipeline.restore", saved.record, before=record, restored=version
    )
    body = to_json(await pipeline_detail(request, orchestrator, saved.record))
    return json_response(body, headers={"ETag": etag_of(saved.record)})
