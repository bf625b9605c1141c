"""Webhooks: any HTTP request to ``/hooks/{namespace}/{path}`` starts a run, if the trigger's own rules let it.

Hooks share their origin with the API and the console, and answers come from pipelines: all of them, problems included, are
sandboxed. Whoever may not call learns only that the hook exists.
"""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from eventing.hook_responses import FORCED_HEADERS
from eventing.signatures import authorize
from eventing.webhooks import HookRequest, trigger_data
from flume.errors import FlumeError, NotFoundError
from flume.pipeline import PipelineStatus, WebhookAuth, WebhookTrigger
from orchestrator.api.context import TheOrchestrator
from orchestrator.api.invoke import START_ANSWERS, answer_start
from orchestrator.api.parameters import hops, read_bounded, start_key, traceparent
from orchestrator.api.problems import flume_problem, paused_problem, problem
from orchestrator.runs import Start
from orchestrator.service import Orchestrator
from orchestrator.store import PipelineRecord

router = APIRouter(tags=["hooks"])

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_CHALLENGES = {
    WebhookAuth.BEARER: 'Bearer realm="flume"',
    WebhookAuth.BASIC: 'Basic realm="flume", charset="UTF-8"',
    WebhookAuth.HMAC: 'HMAC realm="flume"',
}


async def call_hook(namespace: str, path: str, request: Request, orchestrator: TheOrchestrator) -> Response:
    """Start a run with the request as its trigger.

    What the body may be, who may call, and whether the answer waits for the run, says the trigger in the pipeline.
    """
    try:
        response = await _answer(orchestrator, namespace, path, request)
    except FlumeError as error:
        response = flume_problem(request, error)
    for name, value in FORCED_HEADERS:
        response.headers[name] = value
    return response


for _method in METHODS:
    router.add_api_route(
        "/hooks/{namespace}/{path:path}",
        call_hook,
        methods=[_method],
        summary="Call a webhook",
        operation_id=f"{_method.lower()}_hook",
        response_class=Response,
        status_code=202,
        responses=START_ANSWERS,
    )


async def _answer(orchestrator: Orchestrator, namespace: str, path: str, request: Request) -> Response:
    record, trigger = await _find(orchestrator, namespace, path)
    if request.method not in trigger.methods:
        return _wrong_method(request, trigger)
    if record.status is PipelineStatus.PAUSED:
        return paused_problem(request, record.name, "calls")
    called = HookRequest(
        method=request.method,
        path=request.url.path,
        query=QueryParams(request.url.query).multi_items(),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw],
        body=await read_bounded(request.stream(), request.headers),
    )
    secrets: Mapping[str, str] = getattr(request.app.state, "secrets", {})
    if not authorize(trigger, called, None if trigger.secret is None else secrets.get(trigger.secret)):
        return problem(
            401,
            "unauthorized",
            f"this hook takes calls with {trigger.auth} authentication, and this one has none that is right",
            instance=request.url.path,
            headers={"WWW-Authenticate": _CHALLENGES[trigger.auth]},
        )
    return await _start(orchestrator, record, trigger, called, request)


async def _start(
    orchestrator: Orchestrator, record: PipelineRecord, trigger: WebhookTrigger, called: HookRequest, request: Request
) -> Response:
    data, detail = trigger_data(called, trigger)
    key = start_key(request.headers)
    start = Start(
        trigger_type="webhook",
        trigger_id=trigger.id,
        data=data,
        detail=detail,
        is_strict=False,
        start_key=key,
        # The query is part of what the caller says: the same key with another one is another request.
        body=None if key is None else f"{called.method} {request.url.query}\n".encode() + called.body,
        hops=hops(request.headers),
        traceparent=traceparent(request.headers),
    )
    started = await orchestrator.runs.start(record, start)
    wait_s = trigger.wait.total_seconds() if trigger.responds else 0.0
    return await answer_start(request, started, record.namespace, record.name, wait_s)


async def _find(orchestrator: Orchestrator, namespace: str, path: str) -> tuple[PipelineRecord, WebhookTrigger]:
    """The pipeline and its trigger. Raises `NotFoundError`, also for drafts and triggers that are switched off."""
    record = await orchestrator.store.pipeline_by_path(namespace, path)
    if record is None:
        raise _no_hook(namespace, path)
    plan = await orchestrator.plans.of_version(record.id, record.version)
    for trigger in plan.pipeline.triggers:
        if isinstance(trigger, WebhookTrigger) and trigger.path == path:
            if trigger.enabled and trigger.id not in record.disabled_triggers:
                return record, trigger
            break
    raise _no_hook(namespace, path)


def _no_hook(namespace: str, path: str) -> NotFoundError:
    return NotFoundError("webhook", f"/hooks/{namespace[:63]}/{path[:200]}", "no active pipeline has this path")


def _wrong_method(request: Request, trigger: WebhookTrigger) -> Response:
    allow = ", ".join(trigger.methods)
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": f"{allow}, OPTIONS"})
    return problem(
        405,
        "method-not-allowed",
        f"this hook takes {allow}, not {request.method}",
        instance=request.url.path,
        headers={"Allow": allow},
    )
