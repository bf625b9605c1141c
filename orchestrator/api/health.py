"""Whether the process lives, whether it can work, and its metrics."""

import asyncio

from fastapi import APIRouter, HTTPException, Request, Response

from flume.errors import FlumeError, UnavailableError
from orchestrator.api.context import TheCaller, TheOrchestrator
from orchestrator.api.problems import problem
from orchestrator.metrics import CONTENT_TYPE, Metrics
from orchestrator.service import Orchestrator

router = APIRouter(tags=["health"])

CHECK_S = 2.0
"""How long readiness waits for the store; who asks does not wait much longer."""


@router.get("/healthz", summary="Liveness")
async def healthz() -> dict[str, str]:
    """Answers as long as the process can answer at all."""
    return {"status": "ok"}


@router.get(
    "/readyz", summary="Readiness", responses={503: {"description": "The store can't be used, or the process stops"}}
)
async def readyz(request: Request, orchestrator: TheOrchestrator) -> Response:
    """Whether runs can be taken on: the process is not about to stop, and the store can be written to.

    The problem names what is in the way.
    """
    failure = await _failure(orchestrator)
    if failure is None:
        return Response(b'{"status":"ok"}', media_type="application/json")
    return problem(503, "not-ready", str(failure), instance=request.url.path, headers={"Retry-After": "5"})


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request, orchestrator: TheOrchestrator, caller: TheCaller) -> Response:
    """Metrics of this process, over all namespaces; a token that is bound to some can't read them."""
    if caller.namespaces is not None:
        raise HTTPException(403, "metrics are of all namespaces, and this token is bound to some")
    kept: Metrics = request.app.state.metrics
    functions, backlogs = orchestrator.functions.statuses().values(), orchestrator.outbox_upkeep.backlogs
    text = kept.render(orchestrator.engine, functions, backlogs, orchestrator.clock())
    return Response(text, media_type=None, headers={"Content-Type": CONTENT_TYPE})


async def _failure(orchestrator: Orchestrator) -> FlumeError | None:
    engine = orchestrator.engine
    if engine.is_stopping:
        return UnavailableError("Flume is stopping")
    if engine.failure is not None:
        return engine.failure
    try:
        async with asyncio.timeout(CHECK_S):
            await orchestrator.store.check()
    except TimeoutError:
        return UnavailableError(f"the store has not answered within {CHECK_S:g} s; check that it runs")
    except FlumeError as error:
        return error
    return None
