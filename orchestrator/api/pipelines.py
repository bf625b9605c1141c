"""Pipelines: the list, and making, reading, replacing, patching and deleting one.

What becomes of one apart from its text (pause, activate …) is in `orchestrator.api.pipeline_acts`, its history in
`orchestrator.api.pipeline_versions`.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from flume.errors import RequestError
from flume.pipeline import PipelineStatus
from flume.source import Format, Source, read_source
from flume.validation import validate
from flume.values import JsonValue, check_value
from orchestrator.api.answers import json_response
from orchestrator.api.cluster import TheManager
from orchestrator.api.context import TheCaller, TheNamespace, TheOrchestrator
from orchestrator.api.pipeline_models import (
    PipelineDetailRecord,
    PipelinePatchBody,
    PipelineSummaryRecord,
    ValidationRecord,
)
from orchestrator.api.pipeline_presentation import (
    YAML,
    as_text,
    definition_of,
    etag_of,
    format_of,
    pipeline_detail,
    pipeline_path,
    pipeline_summary,
    prefers_yaml,
    text_of,
)
from orchestrator.api.preconditions import read_precondition, settled
from orchestrator.api.presentation import to_json
from orchestrator.api.run_models import Page
from orchestrator.auditing import Change
from orchestrator.service import Orchestrator
from orchestrator.store import PipelineFilter, PipelineRecord

router = APIRouter(tags=["pipelines"])

_HEADERS = {"ETag": {"description": "The revision, for `If-Match`.", "schema": {"type": "string"}}}

ONE_PIPELINE: dict[int | str, dict[str, Any]] = {200: {"model": PipelineDetailRecord, "headers": _HEADERS}}

_MADE: dict[int | str, dict[str, Any]] = {
    201: {
        "model": PipelineDetailRecord,
        "description": "It was made",
        "headers": {**_HEADERS, "Location": {"schema": {"type": "string"}}},
    }
}

_AS_YAML = {"application/yaml": {"schema": {"type": "string"}}}


def conditions(*names: str) -> list[dict[str, Any]]:
    """The documentation of conditional headers."""
    return [{"name": name, "in": "header", "schema": {"type": "string"}} for name in names]


def document_body(description: str) -> dict[str, Any]:
    """The documentation of a body that is a pipeline document."""
    schema = {"type": "object", "description": "A pipeline document; `flume schema` gives its JSON Schema."}
    content = {"application/json": {"schema": schema}, "application/yaml": {"schema": {"type": "string"}}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


@router.get(
    "/api/v1/pipelines",
    summary="List pipelines",
    response_class=Response,
    responses={200: {"model": Page[PipelineSummaryRecord]}},
)
async def list_pipelines(
    request: Request,
    orchestrator: TheOrchestrator,
    namespace: TheNamespace,
    status: Annotated[PipelineStatus | None, Query(description="In this state.")] = None,
    label: Annotated[str | None, Query(description="With this label, as `key=value`.", pattern="^[^=]+=.*$")] = None,
    q: Annotated[str | None, Query(description="Sought in name and description.", max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(description="`nextCursor` of the page before.")] = None,
) -> Response:
    """Pipelines by name, without their definitions."""
    key, _, value = (label or "").partition("=")
    wanted = PipelineFilter(namespace, status, None if label is None else (key, value), q or None)
    page = await orchestrator.store.list_pipelines(wanted, limit=limit, cursor=cursor)
    items = [pipeline_summary(request, each) for each in page.items]
    return json_response(to_json({"items": items, "nextCursor": page.cursor}))


@router.post(
    "/api/v1/pipelines",
    summary="Make a pipeline",
    status_code=201,
    response_class=Response,
    responses=_MADE,
    openapi_extra=document_body("The pipeline; its name is in it."),
)
async def create_pipeline(
    request: Request, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Save a new pipeline from a JSON or YAML document, whose text is kept as it was written."""
    source = await _read_document(request)
    saved = await orchestrator.pipelines.save(source, namespace=namespace, actor=caller.name, replaces=False)
    await orchestrator.audit.record_pipeline(caller.actor, "pipeline.create", saved.record, before=saved.before)
    return await _answer(request, orchestrator, saved.record, is_new=True)


@router.post(
    "/api/v1/pipelines:validate",
    summary="Check a document",
    response_class=Response,
    responses={200: {"model": ValidationRecord}},
    openapi_extra=document_body("The document to check, which need not be saved."),
)
async def validate_document(request: Request, orchestrator: TheOrchestrator) -> Response:
    """Every problem of a document, with its place in the text. A bad document is a good answer: 200."""
    checked = await asyncio.to_thread(
        validate,
        await request.body(),
        orchestrator.registry,
        format=format_of(request.headers.get("content-type", "")),
        circumstances=orchestrator.circumstances(),
    )
    problems = [problem.as_json() for problem in checked.problems]
    return json_response(to_json({"valid": not problems, "problems": problems}))


@router.get(
    "/api/v1/pipelines/{name}",
    summary="One pipeline",
    response_class=Response,
    responses={
        200: {"model": PipelineDetailRecord, "content": _AS_YAML, "headers": _HEADERS},
        304: {"description": "Unchanged since the revision of `If-None-Match`"},
    },
    openapi_extra={"parameters": conditions("If-None-Match")},
)
async def get_pipeline(name: str, request: Request, orchestrator: TheOrchestrator, namespace: TheNamespace) -> Response:
    """A pipeline with its definition or, if YAML is accepted rather, its text as it was written."""
    record = await orchestrator.pipelines.read(namespace, name)
    headers = {"ETag": etag_of(record), "Vary": "Accept"}
    if etag_of(record) in (each.strip() for each in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    if prefers_yaml(request.headers.get("accept", "")):
        return Response(await text_of(orchestrator, record), headers=headers, media_type=YAML)
    return json_response(to_json(await pipeline_detail(request, orchestrator, record)), headers=headers)


@router.put(
    "/api/v1/pipelines/{name}",
    summary="Make or replace a pipeline",
    response_class=Response,
    responses={**ONE_PIPELINE, **_MADE},
    openapi_extra={"parameters": conditions("If-Match", "If-None-Match"), **document_body("The whole pipeline.")},
)
async def put_pipeline(
    name: str,
    request: Request,
    orchestrator: TheOrchestrator,
    caller: TheCaller,
    namespace: TheNamespace,
    manager: TheManager,
) -> Response:
    """Save a document over the pipeline of its name, or as a new one. The same content makes no new version."""
    wanted = read_precondition(request.headers)
    source = await _read_document(request)
    record = await orchestrator.store.read_pipeline(namespace, name)
    wanted.check(name, record)
    saved = await orchestrator.pipelines.save(
        source,
        namespace=namespace,
        name=name,
        actor=caller.name,
        manager=manager,
        expected_rev=record.rev if record is not None and not wanted.is_any else None,
        creates=not wanted.must_exist,
        replaces=not wanted.must_not_exist,
    )
    await orchestrator.audit.record_pipeline(caller.actor, "pipeline.save", saved.record, before=saved.before)
    return await _answer(request, orchestrator, saved.record, is_new=saved.before is None)


@router.patch(
    "/api/v1/pipelines/{name}",
    summary="Change parts of a pipeline",
    response_class=Response,
    responses=ONE_PIPELINE,
    openapi_extra={
        "parameters": conditions("If-Match"),
        "requestBody": {
            "required": True,
            "content": {
                media_type: {"schema": PipelinePatchBody.model_json_schema(by_alias=True)}
                for media_type in ("application/merge-patch+json", "application/json")
            },
        },
    },
)
async def patch_pipeline(
    name: str,
    request: Request,
    orchestrator: TheOrchestrator,
    caller: TheCaller,
    namespace: TheNamespace,
) -> Response:
    """Merge a patch (RFC 7386) into ``definition``, set ``status``, or both. What else a pipeline shows follows from these."""
    patch = await _read_patch(request)
    wanted = read_precondition(request.headers)

    async def change() -> tuple[PipelineRecord, PipelineRecord]:
        record = await orchestrator.pipelines.read(namespace, name)
        wanted.check(name, record)
        after = record
        if patch.definition is not None:
            merged = merge(await definition_of(orchestrator, record), patch.definition)
            source = await _read(as_text(merged), "json")
            saved = await orchestrator.pipelines.save(
                source, namespace=namespace, name=name, actor=caller.name, expected_rev=record.rev, creates=False
            )
            after = saved.record
        if patch.status is not None:
            after = await orchestrator.pipelines.set_status(after, patch.status)
        return record, after

    record, after = await settled(wanted, change)
    await orchestrator.audit.record_pipeline(caller.actor, "pipeline.patch", after, before=record)
    return await _answer(request, orchestrator, after)


@router.delete(
    "/api/v1/pipelines/{name}",
    summary="Delete a pipeline",
    status_code=204,
    response_class=Response,
    openapi_extra={"parameters": conditions("If-Match")},
)
async def delete_pipeline(
    name: str,
    request: Request,
    orchestrator: TheOrchestrator,
    caller: TheCaller,
    namespace: TheNamespace,
    manager: TheManager,
) -> Response:
    """Delete a pipeline and its schedules. Its runs stay and go on."""
    record = await orchestrator.pipelines.read(namespace, name)
    wanted = read_precondition(request.headers)
    wanted.check(name, record)
    before = await orchestrator.audit.state_of(record)
    await orchestrator.pipelines.delete(record, expected_rev=None if wanted.is_any else record.rev, manager=manager)
    change = Change("pipeline.delete", f"pipelines/{name}", namespace, before=before)
    await orchestrator.audit.record(caller.actor, change)
    return Response(status_code=204)


def merge(target: JsonValue, patch: JsonValue) -> JsonValue:
    """A value with a merge patch applied (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


async def _read_document(request: Request) -> Source:
    return await _read(await request.body(), format_of(request.headers.get("content-type", "")))


async def _read(text: str | bytes, format: Format) -> Source:
    """A document, read in a thread: one that is made for it keeps the parser busy for long."""
    return await asyncio.to_thread(read_source, text, format=format, tolerant=True)


async def _read_patch(request: Request) -> PipelinePatchBody:
    if format_of(request.headers.get("content-type", "")) == "yaml":
        raise HTTPException(415, "a merge patch is JSON; send it as application/merge-patch+json")
    try:
        value = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the patch is not JSON: {error}", code="bad-body") from error
    check_value(value)
    try:
        patch = PipelinePatchBody.model_validate(value)
    except ValidationError as error:
        places = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        raise RequestValidationError(places) from error
    if patch.definition is None and patch.status is None:
        raise RequestError("a patch is an object with definition, status, or both", code="bad-body")
    return patch


async def _answer(
    request: Request, orchestrator: Orchestrator, record: PipelineRecord, *, is_new: bool = False
) -> Response:
    headers = {"ETag": etag_of(record)}
    if is_new:
        headers["Location"] = pipeline_path(record.namespace, record.name)
    body = to_json(await pipeline_detail(request, orchestrator, record))
    return json_response(body, status=201 if is_new else 200, headers=headers)
