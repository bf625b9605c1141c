"""Triggers of all pipelines: when each fired last and fires next, switching them on and off, and firing one by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from eventing.bodies import read_body
from eventing.cloudevents import CloudEvent
from flume.errors import ConflictError, FlumeError, NotFoundError, StoreError, UnavailableError
from flume.filters.only_type import only_type
from flume.pipeline import (
    CronTrigger,
    EventTrigger,
    IntervalTrigger,
    ManualTrigger,
    PipelineStatus,
    Trigger,
    WebhookTrigger,
)
from flume.values import JsonObject, JsonValue
from orchestrator.api.answers import json_response
from orchestrator.api.context import Caller, Role, TheCaller, TheNamespace, TheOrchestrator
from orchestrator.api.invoke import START_ANSWERS, START_DOCUMENTATION, answer_start
from orchestrator.api.parameters import hops, start_key, traceparent, wanted_wait_s
from orchestrator.api.pipeline_models import TriggerDetailRecord, TriggerPatchBody
from orchestrator.api.pipeline_presentation import pipeline_path, trigger_summary
from orchestrator.api.preconditions import Precondition, settled
from orchestrator.api.presentation import DEFAULT_NAMESPACE, Record, timestamp, to_json
from orchestrator.api.run_models import Page
from orchestrator.auditing import Change
from orchestrator.event_starts import BY_EVENT
from orchestrator.runs import Start
from orchestrator.service import Orchestrator
from orchestrator.store import PipelineFilter, PipelineRecord, Schedule

router = APIRouter(tags=["triggers"])

MANUAL = "manual"

_MANUAL_ENTRY: JsonObject = {"type": MANUAL, "id": MANUAL, "enabled": True}
"""Every pipeline can be started by hand, whether it says so or not."""


@router.get(
    "/api/v1/triggers",
    summary="List triggers",
    response_class=Response,
    responses={200: {"model": Page[TriggerDetailRecord]}},
)
async def list_triggers(
    request: Request,
    orchestrator: TheOrchestrator,
    namespace: TheNamespace,
    limit: Annotated[int, Query(ge=1, le=500, description="How many pipelines a page looks at.")] = 50,
    cursor: Annotated[str | None, Query(description="`nextCursor` of the page before.")] = None,
) -> Response:
    """The triggers that pipelines list, by pipeline; a page may hold none and still be followed by others."""
    page = await orchestrator.store.list_pipelines(PipelineFilter(namespace), limit=limit, cursor=cursor)
    schedules = {(each.pipeline_id, each.trigger_id): each for each in await orchestrator.store.list_schedules()}
    items: list[Record] = []
    for record in page.items:
        known = await _definitions(orchestrator, record)
        for entry in record.triggers:
            schedule = schedules.get((record.id, entry["id"]))
            items.append(_record(request, record, entry, known.get(entry["id"]), schedule))
    return json_response(to_json({"items": items, "nextCursor": page.cursor}))


@router.get(
    "/api/v1/triggers/{pipeline}/{id}",
    summary="One trigger",
    response_class=Response,
    responses={200: {"model": TriggerDetailRecord}},
)
async def get_trigger(
    pipeline: str, id: str, request: Request, orchestrator: TheOrchestrator, namespace: TheNamespace
) -> Response:
    """A trigger. `manual` exists for every pipeline."""
    record = await orchestrator.pipelines.read(namespace, pipeline)
    return await _answer(request, orchestrator, record, id)


@router.patch(
    "/api/v1/triggers/{pipeline}/{id}",
    summary="Switch a trigger on or off",
    response_class=Response,
    responses={200: {"model": TriggerDetailRecord}},
)
async def patch_trigger(
    pipeline: str,
    id: str,
    body: TriggerPatchBody,
    request: Request,
    orchestrator: TheOrchestrator,
    caller: TheCaller,
    namespace: TheNamespace,
) -> Response:
    """Switch a trigger on or off without a new version. What the definition switches off stays off."""
    if id == MANUAL and not body.enabled:
        raise ConflictError("a pipeline can always be started by hand", code="always-enabled", hint="pause it instead")

    async def switch() -> tuple[bool, PipelineRecord]:
        record = await orchestrator.pipelines.read(namespace, pipeline)
        entry = _entry(record, id)
        if body.enabled and not entry["enabled"]:
            raise ConflictError(
                f"the definition switches trigger '{id}' off", code="disabled-by-definition", hint="change it there"
            )
        was_enabled = id not in record.disabled_triggers
        if was_enabled == body.enabled:
            return was_enabled, record
        return was_enabled, await orchestrator.pipelines.set_trigger(record, id, enabled=body.enabled)

    was_enabled, record = await settled(Precondition(), switch)
    before, after = {"enabled": was_enabled}, {"enabled": body.enabled}
    await orchestrator.audit.record(
        caller.actor, Change("trigger.patch", f"triggers/{pipeline}/{id}", namespace, before, after)
    )
    return await _answer(request, orchestrator, record, id)


@router.post(
    "/api/v1/triggers/{pipeline}/{id}/fire",
    summary="Fire a trigger",
    status_code=202,
    response_class=Response,
    responses=START_ANSWERS,
    openapi_extra={
        **START_DOCUMENTATION,
        "requestBody": {
            "description": "Becomes `trigger.data`; without a body, the data that the definition gives.",
            "content": {"application/json": {"schema": {}}},
        },
    },
)
async def fire_trigger(
    pipeline: str, id: str, request: Request, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Start a run as this trigger would, whether it is due or not, and whether it is switched on or not."""
    headers = request.headers
    body = await request.body()
    record = await orchestrator.pipelines.read(namespace, pipeline)
    entry = _entry(record, id)
    trigger = (await _definitions(orchestrator, record)).get(id, ManualTrigger())
    data = read_body("application/json", body) if body else getattr(trigger, "data", None)
    start = Start(
        trigger_type=entry["type"],
        trigger_id=id,
        data=data,
        detail={**_detail(orchestrator, record, trigger), "by": caller.name or "hand"},
        is_strict=False,
        start_key=start_key(headers),
        body=body,
        hops=hops(headers),
        traceparent=traceparent(headers),
    )
    started = await orchestrator.runs.start(record, start)
    change = Change("trigger.fire", f"triggers/{pipeline}/{id}", namespace, after={"run": started.run_id})
    await orchestrator.audit.record(caller.actor, change)
    return await answer_start(request, started, namespace, pipeline, wanted_wait_s(headers))


async def _answer(request: Request, orchestrator: Orchestrator, record: PipelineRecord, id: str) -> Response:
    entry = _entry(record, id)
    known = await _definitions(orchestrator, record)
    schedule = await orchestrator.store.read_schedule(record.id, id)
    return json_response(to_json(_record(request, record, entry, known.get(id), schedule)))


def _entry(record: PipelineRecord, id: str) -> JsonObject:
    """A trigger as the pipeline's record has it. Raises `NotFoundError`."""
    for entry in record.triggers:
        if entry["id"] == id:
            return entry
    if id == MANUAL:
        return _MANUAL_ENTRY
    known = ", ".join(entry["id"] for entry in record.triggers) or "none"
    raise NotFoundError("trigger", id, f"of pipeline '{record.name}'; it lists: {known}")


async def _definitions(orchestrator: Orchestrator, record: PipelineRecord) -> Mapping[str, Trigger]:
    """The triggers of the present version by id; none of a pipeline without a version that can be read."""
    if record.version == 0:
        return {}
    try:
        plan = await orchestrator.plans.of_version(record.id, record.version)
    except (StoreError, UnavailableError):
        raise
    except FlumeError:
        return {}
    return {trigger.id: trigger for trigger in plan.pipeline.triggers}


def _record(
    request: Request, record: PipelineRecord, entry: JsonObject, trigger: Trigger | None, schedule: Schedule | None
) -> Record:
    shown = trigger_summary(request, record, entry)
    fires = shown["enabled"] and record.status is PipelineStatus.ACTIVE
    last: Record | None = None
    if schedule is not None and schedule.last_due is not None:
        last = {"at": timestamp(schedule.last_due), "run": schedule.last_run}
    return {
        **shown,
        "pipeline": record.name,
        "pipelineStatus": record.status.value,
        "settings": {} if trigger is None else _settings(trigger),
        "lastFiring": last,
        "nextFiring": timestamp(schedule.next_due) if schedule is not None and fires else None,
        "key": _key(request, record, entry),
        "links": {
            "self": _trigger_path(record, entry["id"]),
            "pipeline": pipeline_path(record.namespace, record.name),
        },
    }


def _key(request: Request, record: PipelineRecord, entry: JsonObject) -> str | None:
    """The pipeline's key, for whoever could start the pipeline anyway."""
    caller: Caller = request.state.caller
    orchestrator: Orchestrator = request.app.state.orchestrator
    if entry["type"] not in BY_EVENT or caller.role < Role.EDIT:
        return None
    return orchestrator.pipeline_keys.make(record.namespace, record.name)


def _settings(trigger: Trigger) -> Record:
    """What a trigger goes by, under the names of the document; of a secret, only its name."""
    match trigger:
        case WebhookTrigger():
            return {
                "methods": list(trigger.methods),
                "auth": trigger.auth.value,
                "response": "wait" if trigger.responds else "async",
                "waitSeconds": trigger.wait.total_seconds(),
            }
        case CronTrigger():
            return {
                "schedule": trigger.schedule,
                "timezone": trigger.timezone,
                "missed": trigger.missed.value,
                "data": trigger.data,
            }
        case IntervalTrigger():
            return {"everySeconds": trigger.every.total_seconds(), "data": trigger.data}
        case EventTrigger():
            return {"filters": [dict(each) for each in trigger.filters]}
        case ManualTrigger():
            return {}


def _detail(orchestrator: Orchestrator, record: PipelineRecord, trigger: Trigger) -> dict[str, JsonValue]:
    """What stands beside the data in ``trigger``, so that templates which read it find something."""
    match trigger:
        case WebhookTrigger():
            path = f"/hooks/{record.namespace}/{trigger.path}"
            return {"method": trigger.methods[0], "path": path, "query": {}, "headers": {}}
        case CronTrigger() | IntervalTrigger():
            return {"dueAt": timestamp(orchestrator.clock())}
        case EventTrigger():
            return {"event": _stand_in(orchestrator, record, trigger)}
        case ManualTrigger():
            return {}


def _stand_in(orchestrator: Orchestrator, record: PipelineRecord, trigger: EventTrigger) -> JsonObject:
    """The attributes of an event that might have come: of the type that the filters ask for, if there is but one."""
    now = orchestrator.clock()
    event = CloudEvent(
        id=str(now),
        source=_trigger_path(record, trigger.id),
        type=only_type(trigger.filters) or "dev.flume.trigger.fired",
        time=datetime.fromtimestamp(now / 1000, UTC),
    )
    return dict(event.attributes)


def _trigger_path(record: PipelineRecord, id: str) -> str:
    path = f"/api/v1/triggers/{record.name}/{id}"
    return path if record.namespace == DEFAULT_NAMESPACE else f"{path}?namespace={record.namespace}"
