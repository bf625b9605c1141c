"""CloudEvents over HTTP (spec 4.1): those from outside start pipelines, those of functions are about attempts.

The answers keep to what senders on Knative go by: 202 once everything is stored, 400 for what will never be right, 429 and 5xx
with ``Retry-After`` for what is worth sending again. Sending again is always safe, so a batch need not be all or nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from eventing.cloudevents import BATCH, STRUCTURED, CloudEvent, MalformedEventError
from flume.errors import FlumeError, NotFoundError
from flume.pipeline import PipelineStatus
from orchestrator.api.access import refuse_sender
from orchestrator.api.answers import json_response
from orchestrator.api.context import TheCaller, TheOrchestrator, allowed_namespace
from orchestrator.api.entrance import refusal_problem
from orchestrator.api.event_bodies import most_of, read_events
from orchestrator.api.problems import paused_problem
from orchestrator.event_starts import gravest
from orchestrator.node_reports import is_report

router = APIRouter(tags=["events"])

AT_ONCE = 100
"""Events of a batch that are taken at a time."""


class GoneRecord(BaseModel):
    """Attempts that nobody wants any more; everything else of the request was taken."""

    gone: list[str] = Field(description="The ids of the events that were about them.")


_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {name: {"type": "string"} for name in ("specversion", "id", "source", "type")},
}

EVENTS_DOCUMENTATION: dict[str, Any] = {
    "requestBody": {
        "description": "A CloudEvent 1.0: structured, a batch, or binary with its attributes in `ce-` headers.",
        "content": {
            STRUCTURED: {"schema": _EVENT},
            BATCH: {"schema": {"type": "array", "items": _EVENT, "maxItems": 1000}},
            "*/*": {"schema": {}},
        },
    },
}

_TAKEN = {"description": "Stored, or wanted by nobody, or taken before"}


@router.post(
    "/events",
    summary="Send events",
    status_code=202,
    response_class=Response,
    responses={202: _TAKEN, 410: {"model": GoneRecord, "description": "Some attempts are not wanted any more"}},
    openapi_extra=EVENTS_DOCUMENTATION,
)
async def take_events(request: Request, orchestrator: TheOrchestrator, caller: TheCaller) -> Response:
    """Start each active pipeline with an event trigger that wants one of the events, in the namespaces of the caller's token.

    Events whose type begins with `dev.flume.node.` are what functions say of attempts; they carry a token of their own.
    """
    events = await read_events(request, most_of(caller))
    reports = [event for event in events if is_report(event)]
    others = [event for event in events if not is_report(event)]
    refusal = refuse_sender(caller, request.url.path) if others else None
    if refusal is not None:
        return refusal_problem(refusal, request.url.path)
    gone: list[str] = []
    errors: list[FlumeError] = []
    try:
        gone = await orchestrator.node_reports.take(reports) if reports else []
    except FlumeError as error:
        errors.append(error)
    errors += await _take_each(
        others, lambda event: orchestrator.event_starts.start_listeners(event, caller.namespaces)
    )
    if errors:
        raise gravest(errors)
    return json_response(orjson.dumps({"gone": gone}), status=410) if gone else Response(status_code=202)


@router.post(
    "/events/{namespace}/{pipeline}",
    summary="Send an event to a pipeline",
    status_code=202,
    response_class=Response,
    responses={202: _TAKEN},
    openapi_extra=EVENTS_DOCUMENTATION,
)
async def take_events_of_pipeline(
    namespace: str,
    pipeline: str,
    request: Request,
    orchestrator: TheOrchestrator,
    caller: TheCaller,
    key: Annotated[str, Query(description="The pipeline's key, in place of a token.")] = "",
) -> Response:
    """Start the pipeline, once for each event. `flumetrigger` in an event names the trigger; without it, it is the first that
    wants the event.
    """
    if not orchestrator.pipeline_keys.check(key, namespace, pipeline):
        refusal = refuse_sender(caller, request.url.path)
        if refusal is not None:
            return refusal_problem(refusal, request.url.path)
        allowed_namespace(caller, namespace)
    events = await read_events(request)
    if any(map(is_report, events)):
        raise MalformedEventError("this address starts a pipeline", hint="send answers of functions to /events")
    record = await orchestrator.pipelines.for_start(namespace, pipeline)
    if record.status is PipelineStatus.DRAFT:
        raise NotFoundError("pipeline", pipeline, f"in namespace '{namespace}' that is no draft")
    if record.status is PipelineStatus.PAUSED:
        return paused_problem(request, record.name, "events")
    errors = await _take_each(events, lambda event: orchestrator.event_starts.start(record, event))
    if errors:
        raise gravest(errors)
    return Response(status_code=202)


async def _take_each(events: Sequence[CloudEvent], take: Callable[[CloudEvent], Awaitable[object]]) -> list[FlumeError]:
    """Take all events that can be taken, and tell what stood in the way of the others."""
    errors: list[FlumeError] = []
    for place in range(0, len(events), AT_ONCE):
        group = events[place : place + AT_ONCE]
        errors += [error for error in await asyncio.gather(*(_error_of(take(event)) for event in group)) if error]
    return errors


async def _error_of(taking: Awaitable[object]) -> FlumeError | None:
    try:
        await taking
    except FlumeError as error:
        return error
    return None
