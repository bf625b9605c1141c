"""The console as an app: pages, static files, and the passage to the API, behind the gate.

`beside` puts it next to an API app on one server, as ``flume dev`` does; by itself it is ``flume console``.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from console.assets import Assets
from console.csp import policy_for
from console.engine import Engine
from console.errors import install_error_pages
from console.gate import Doors, Gate
from console.guard import Guard
from console.passage import Passage
from console.rendering import Renderer
from console.static_files import StaticFiles
from console.views import (
    dashboard,
    logs,
    nodes,
    pipeline,
    pipeline_text,
    pipelines,
    run,
    runs,
    session,
    settings,
    triggers,
)
from console.visit import Site
from console.visitors import TOKEN

STATIC = Path(__file__).parent / "static"

_VIEWS = (dashboard, pipelines, pipeline_text, pipeline, runs, run, logs, triggers, nodes, settings, session)

_OF_API = ("/api", "/hooks", "/events", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs")


def now_utc() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def create_console(
    engine: Engine,
    assets: Assets,
    doors: Doors,
    *,
    version: str,
    api_url: str = "",
    vite_url: str = "",
    is_guarded: bool = False,
    clock: Callable[[], datetime] = now_utc,
) -> ASGIApp:
    """The console of an orchestrator. ``api_url`` is what pages show as its address; empty: where the console is.

    ``is_guarded``: others can reach the console, so it works only for an orchestrator that asks for tokens.
    """
    app = FastAPI(
        routes=_routes(),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=True,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.site = Site(engine, Renderer(assets), clock, api_url, version)
    install_error_pages(app)
    app.mount("/api", _Whole(Passage(engine)))
    app.mount("/static", StaticFiles(STATIC))
    # Live events are left alone by it, and built files are compressed already.
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    guarded = Guard(app, engine) if is_guarded else app
    return Gate(_with_health(guarded), doors, partial(policy_for, vite_url=vite_url))


@cache
def _routes() -> list[BaseRoute]:
    """Those of every console of this process, made once: FastAPI takes long to find out all about them."""
    whole = APIRouter()
    for view in _VIEWS:
        whole.include_router(view.router)
    return whole.routes


def _with_health(app: ASGIApp) -> ASGIApp:
    """Answers probes, which see the process alone: whether the orchestrator is there, pages say."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_probe = scope["type"] == "http" and scope["path"] == "/healthz"
        await (JSONResponse({"status": "ok"}) if is_probe else app)(scope, receive, send)

    return answer


class _Whole:
    """Undoes what mounting does to a path: the passage passes it on as it came."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "root_path": ""}, receive, send)


def beside(api: ASGIApp, console: ASGIApp) -> ASGIApp:
    """One app of both. The API's own paths are the API's, but for calls of pages whose visitor has logged in.

    Those have the token in a cookie, which only the console reads.
    """

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        app = api if scope["type"] != "http" or _is_for_api(scope) else console
        await app(scope, receive, send)

    return choose


def _is_for_api(scope: Scope) -> bool:
    path: str = scope["path"]
    if not any(path == own or path.startswith((f"{own}/", f"{own}:")) for own in _OF_API):
        return False
    return not (path.startswith("/api/") and _has_session(scope))


def _has_session(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return b"authorization" not in headers and f"{TOKEN}=".encode() in headers.get(b"cookie", b"")
