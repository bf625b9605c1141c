"""The app: all routes together, behind the entrance that decides who may call them."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import orjson
from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.responses import HTMLResponse
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from orchestrator.api import (
    about,
    audit,
    cluster,
    dead_letters,
    events,
    functions,
    health,
    hooks,
    invoke,
    logs,
    nodes,
    packaged_types,
    pipeline_acts,
    pipeline_versions,
    pipelines,
    platform_reports,
    runs,
    secret_names,
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
from orchestrator.api.secret_names import SecretNames
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
    packaged_types,
    functions,
    audit,
    secret_names,
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
        routes=_routes(),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.orchestrator = orchestrator
    app.state.metrics = metrics or Metrics()
    app.state.secrets = secrets
    app.state.secret_names = SecretNames()
    app.state.public_url = access.public_url
    app.state.tokens = access.tokens
    _add_description(app)
    install_problems(app)

    # Not in OpenAPI: it is no call for clients of the API, and docs/reference/protocol.md has it with all else that functions do.
    async def exchange(scope: Scope, receive: Receive, send: Send) -> None:
        await orchestrator.endpoints(scope, receive, send)

    app.add_middleware(Entrance, access=access, exchange=exchange, has_room=lambda: orchestrator.engine.room > 0)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """The routes of every app of this process, made once: all that FastAPI finds out about them takes a fifth of a second."""
    whole = APIRouter()
    # The hot path first, since routes are tried in order, and without the dependencies that the others share.
    whole.include_router(invoke.router)
    for part in _API:
        whole.include_router(part.router, dependencies=[Depends(known_parameters_only), Depends(current_namespace)])
    # Asked by those who don't know yet which namespaces they have a right to.
    whole.include_router(about.router, dependencies=[Depends(known_parameters_only)])
    whole.include_router(platform_reports.router, dependencies=[Depends(known_parameters_only)])
    # About all namespaces, and so for none.
    whole.include_router(cluster.router, dependencies=[Depends(known_parameters_only)])
    whole.include_router(hooks.router)
    whole.include_router(events.router)
    whole.include_router(dead_letters.router)
    whole.include_router(health.router)
    return whole.routes


def _add_description(app: FastAPI) -> None:
    async def openapi() -> Response:
        return Response(orjson.dumps(describe_api(app)), media_type="application/json")

    async def docs() -> HTMLResponse:
        return docs_page(describe_api(app))

    app.add_api_route("/openapi.json", openapi, include_in_schema=False)
    app.add_api_route("/docs", docs, include_in_schema=False)
