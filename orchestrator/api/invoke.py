"""Starting runs of saved pipelines by hand: at once, or waiting for the result.

This is the hot path. The body is read and the answer written here, without models in between; what they look like
stands in the documentation alone. Such a start is not in the audit log: the run is its own record, and says who it was.
"""

from typing import Any

from fastapi import APIRouter, Request, Response

from eventing.bodies import read_body
from orchestrator.api.answers import accepted, status_of, synchronous_answer, until_answered
from orchestrator.api.context import NAMESPACE_PATTERN, Caller
from orchestrator.api.last_call import last_call_of
from orchestrator.api.parameters import KEY, hops, read_bounded, start_key, traceparent, wanted_wait_s
from orchestrator.api.query import NAMESPACE, namespace_by_hand
from orchestrator.api.run_models import PROBLEM_ANSWERS, RunRecord, StartedRun
from orchestrator.engine import Started
from orchestrator.runs import Start
from orchestrator.service import Orchestrator

router = APIRouter(tags=["runs"])

PREFER: dict[str, Any] = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=20` waits so many seconds for the result, at most 300.",
    "schema": {"type": "string"},
}

_HEADERS: list[dict[str, Any]] = [
    PREFER,
    KEY,
    {
        "name": "Flume-Hops",
        "in": "header",
        "description": "How many pipelines started one another up to this call.",
        "schema": {"type": "integer", "minimum": 0},
    },
    {"name": "traceparent", "in": "header", "description": "W3C Trace Context.", "schema": {"type": "string"}},
]

_NAMESPACE: dict[str, Any] = {
    "name": NAMESPACE,
    "in": "query",
    "description": "The tenant.",
    "schema": {"type": "string", "pattern": NAMESPACE_PATTERN, "default": "default"},
}

START_DOCUMENTATION: dict[str, Any] = {"parameters": _HEADERS}

START_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": RunRecord, "description": "With `Prefer: wait`: the run, or what its http-response answers"},
    202: {"model": StartedRun, "description": "The run is durable and goes on"},
    "2XX": {"description": "With `Prefer: wait`: what the run's http-response answers"},
    **PROBLEM_ANSWERS,
}


@router.post(
    "/api/v1/pipelines/{name}/invoke",
    summary="Start a run",
    status_code=202,
    responses=START_ANSWERS,
    openapi_extra={
        "parameters": [_NAMESPACE, *_HEADERS],
        "requestBody": {
            "description": "Becomes `trigger.data` and gives the run's inputs; none means null.",
            "content": {"application/json": {"schema": {}}},
        },
    },
    response_class=Response,
)
async def invoke(name: str, request: Request) -> Response:
    """Start a run with the body as ``trigger.data``.

    Works for active and paused pipelines. Returns once the run is durable or, with ``Prefer: wait``, once it has ended
    or its http-response has run.
    """
    # Each dependency costs as much as a node, so everything is taken by hand here.
    namespace = namespace_by_hand(request)
    orchestrator: Orchestrator = request.app.state.orchestrator
    caller: Caller = request.state.caller
    headers = request.headers
    wait_s = wanted_wait_s(headers)
    body = await read_bounded(request.stream(), headers)
    pipeline = await orchestrator.pipelines.for_start(namespace, name)
    start = Start(
        data=read_body("application/json", body),
        detail={"by": caller.name} if caller.name else {},
        start_key=start_key(headers),
        body=body,
        hops=hops(headers),
        traceparent=traceparent(headers),
    )
    started = await orchestrator.runs.start(pipeline, start)
    return await answer_start(request, started, namespace, pipeline.name, wait_s)


async def answer_start(request: Request, started: Started, namespace: str, pipeline: str, wait_s: float) -> Response:
    """The answer to a request that started a run: after waiting up to ``wait_s`` for a result, or 202."""
    orchestrator: Orchestrator = request.app.state.orchestrator
    if wait_s > 0:
        seen = await until_answered(orchestrator, started, wait_s, last_call_of(request.scope))
        if seen is not None:
            return await synchronous_answer(orchestrator, seen)
    return accepted(started.run_id, namespace, pipeline, await status_of(orchestrator, started))
