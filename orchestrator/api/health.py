"""Whether the process lives, whether it can work, and its metrics."""

from fastapi import APIRouter, HTTPException, Request, Response

from flume.errors import FlumeError
from orchestrator.api.context import TheCaller, TheOrchestrator
from orchestrator.api.problems import problem
from orchestrator.metrics import CONTENT_TYPE, Metrics
from orchestrator.service import Orchestrator

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Liveness")
async def healthz() -> dict[str, str]:
    """Answers as long as the process can answer at all."""
    return {"status": "ok"}


@router.get("/readyz", summary="Readiness", responses={503: {"description": "The store can't be used"}})
async def readyz(request: Request, orchestrator: TheOrchestrator) -> Response:
    """Whether runs can be taken on: the store can be written to. The problem names what is in the way."""
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
    return Response(kept.render(orchestrator.engine), media_type=None, headers={"Content-Type": CONTENT_TYPE})


async def _failure(orchestrator: Orchestrator) -> FlumeError | None:
    if orchestrator.engine.failure is not None:
        return orchestrator.engine.failure
    try:
        await orchestrator.store.check()
    except FlumeError as error:
        return error
    return None
