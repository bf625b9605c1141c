"""The app: all routes together, behind the entrance that decides who may call them."""

from collections.abc import Mapping
from types import MappingProxyType

import orjson
from fastapi import Depends, FastAPI, Response
from fastapi.responses import HTMLResponse

from orchestrator.api import (
    audit,
    health,
    hooks,
    invoke,
    logs,
    nodes,
    pipeline_acts,
    pipeline_versions,
    pipelines,
    runs,
    statistics,
    streams,
    triggers,
)
from orchestrator.api.access import Access
from orchestrator.api.context import current_namespace
from orchestrator.api.docs_page import docs_page
from orchestrator.api.entrance import Entrance
from orchestrator.api.openapi import describe_api
from orchestrator.api.problems import install_problems
from orchestrator.api.query import known_parameters_only
from orchestrator.metrics import Metrics
from orchestrator.service import Orchestrator

NO_SECRETS: Mapping[str, str] = MappingProxyType({})

_API = (
    runs,
    streams,
    logs,
    statistics,
    pipeline_acts,
    pipeline_versions,
    pipelines,
    triggers,
    nodes,
    audit,
)


def create_app(
    orchestrator: Orchestrator,
    access: Access,
    *,
    version: str,
    metrics: Metrics | None = None,
    secrets: Mapping[str, str] = NO_SECRETS,
) -> FastAPI:
    """The API of an orchestrator at work.

    ``metrics`` is what observes the engine; without it, only what can be seen from here is shown. ``secrets`` are those
    that webhooks check their callers by.
    """
    app = FastAPI(
        title="Flume",
        version=version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.orchestrator = orchestrator
    app.state.metrics = metrics or Metrics()
    app.state.secrets = secrets
    app.state.public_url = access.public_url
    # The hot path first, since routes are tried in order, and without the dependencies that the others share.
    app.include_router(invoke.router)
    for part in _API:
        app.include_router(part.router, dependencies=[Depends(known_parameters_only), Depends(current_namespace)])
    app.include_router(hooks.router)
    app.include_router(health.router)
    _add_description(app)
    install_problems(app)
    app.add_middleware(Entrance, access=access)
    return app


def _add_description(app: FastAPI) -> None:
    async def openapi() -> Response:
        return Response(orjson.dumps(describe_api(app)), media_type="application/json")

    async def docs() -> HTMLResponse:
        return docs_page(describe_api(app))

    app.add_api_route("/openapi.json", openapi, include_in_schema=False)
    app.add_api_route("/docs", docs, include_in_schema=False)
