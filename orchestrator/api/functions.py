"""The functions behind node types: what runs now, what they can do for the next event, and how the last one died.

Functions belong to no namespace: every tenant's nodes run in the same processes. What a process wrote before it died may be
about any of them, so a caller who is bound to namespaces is not shown it.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from eventing.function_status import Crash, FunctionState, FunctionStatus
from flume.errors import NotFoundError
from flume.nodes.types import NodeType
from flume.pipeline import Lane
from orchestrator.api.answers import json_response
from orchestrator.api.context import Caller, TheCaller, TheOrchestrator
from orchestrator.api.presentation import Record, timestamp, to_json
from orchestrator.api.run_models import Page, Shown
from orchestrator.function_watch import ScaleSample
from orchestrator.service import Orchestrator

router = APIRouter(tags=["functions"])


class CrashRecord(Shown):
    """How an instance died that nobody had told to end. ``output`` is what it wrote last; null for a token that is bound."""

    at: AwareDatetime
    reason: str
    output: str | None


class FunctionRecord(Shown):
    """The function of a node type.

    Of ``instances``, those that are neither ``starting`` nor ``ready`` are ending. ``maxInstances`` is how many there may be
    and ``limit`` how many events they take at a time; null as long as that is not known. ``failure`` says why the latest start
    failed, null if it did not.
    """

    name: str
    lane: Lane
    status: FunctionState
    revision: str | None
    instances: int
    starting: int
    ready: int
    max_instances: int | None
    in_flight: int
    limit: int | None
    events: int
    cold_starts: int
    cold_start_ms: int | None
    last_event_at: AwareDatetime | None
    failure: str | None
    crash: CrashRecord | None
    links: dict[str, str]


class ScaleRecord(Shown):
    """From ``at`` on there were so many instances."""

    at: AwareDatetime
    instances: int
    ready: int


class FunctionDetailRecord(FunctionRecord):
    """A function with the latest changes of its scale since the server was started, the oldest first."""

    scale: list[ScaleRecord]


@router.get(
    "/api/v1/functions",
    summary="List functions",
    response_class=Response,
    responses={200: {"model": Page[FunctionRecord]}},
)
async def list_functions(
    orchestrator: TheOrchestrator,
    caller: TheCaller,
    status: Annotated[FunctionState | None, Query(description="Those in this state.")] = None,
    lane: Annotated[Lane | None, Query(description="Those of this lane.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(description="`nextCursor` of the page before.")] = None,
) -> Response:
    """Functions by name: of the node types that run outside the engine, and of others that a pipeline has run there."""
    statuses = orchestrator.functions.statuses()
    types = [each for each in _served(orchestrator, statuses) if lane in (None, each.run_on)]
    records = [_record(each, statuses.get(each.name), caller) for each in types if each.name > (cursor or "")]
    found = [each for each in records if status in (None, each["status"])]
    next_cursor = found[limit - 1]["name"] if len(found) > limit else None
    return json_response(to_json({"items": found[:limit], "nextCursor": next_cursor}))


@router.get(
    "/api/v1/functions/{name}",
    summary="One function",
    response_class=Response,
    responses={200: {"model": FunctionDetailRecord}},
)
async def get_function(name: str, orchestrator: TheOrchestrator, caller: TheCaller) -> Response:
    """The function of a node type, with how its scale has changed. A type that was never asked for is at zero."""
    node_type = orchestrator.registry.get(name)
    if node_type.lanes == (Lane.ENGINE,):
        raise NotFoundError("function", name, "this node type runs in the engine alone")
    record = _record(node_type, orchestrator.functions.statuses().get(name), caller)
    scale = [_scale_record(each) for each in orchestrator.functions.scale_of(name)]
    return json_response(to_json({**record, "scale": scale}))


def function_path(name: str) -> str:
    """Where a function is shown."""
    return f"/api/v1/functions/{name}"


def change_record(status: FunctionStatus) -> Record:
    """A function in short, for pages that list them and hear of a change."""
    return {
        "name": status.name,
        "status": status.state.value,
        "instances": status.instances,
        "ready": status.ready,
        "inFlight": status.in_flight,
        "links": {"self": function_path(status.name)},
    }


def _served(orchestrator: Orchestrator, statuses: dict[str, FunctionStatus]) -> list[NodeType]:
    types = orchestrator.registry.types()
    return [each for each in types if each.run_on is not Lane.ENGINE or each.name in statuses]


def _record(node_type: NodeType, status: FunctionStatus | None, caller: Caller) -> Record:
    name = node_type.name
    if status is None:
        status = _never_asked_for(node_type)
    return {
        "name": name,
        "lane": node_type.run_on.value,
        "status": status.state.value,
        "revision": status.revision or None,
        "instances": status.instances,
        "starting": status.starting,
        "ready": status.ready,
        "maxInstances": status.most or None,
        "inFlight": status.in_flight,
        "limit": status.limit or None,
        "events": status.events,
        "coldStarts": status.cold_starts,
        "coldStartMs": status.cold_start_ms,
        "lastEventAt": timestamp(status.last_event_at),
        "failure": status.failure or None,
        "crash": None if status.crash is None else _crash_record(status.crash, caller),
        "links": {"self": function_path(name), "nodeType": f"/api/v1/nodes/{name}"},
    }


def _never_asked_for(node_type: NodeType) -> FunctionStatus:
    return FunctionStatus(
        name=node_type.name,
        instances=0,
        ready=0,
        most=int(node_type.scale.get("max") or 0),
        in_flight=0,
        events=0,
        cold_starts=0,
        concurrency=node_type.concurrency,
    )


def _crash_record(crash: Crash, caller: Caller) -> Record:
    output = crash.output if caller.namespaces is None else None
    return {"at": timestamp(crash.at), "reason": crash.reason, "output": output}


def _scale_record(sample: ScaleSample) -> Record:
    return {"at": timestamp(sample.at), "instances": sample.instances, "ready": sample.ready}
