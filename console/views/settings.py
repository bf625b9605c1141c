"""Settings: of this browser, and what is known of the server."""

from fastapi import APIRouter, Response

from console.engine import EngineRefusal
from console.passage import CONSOLE_HEADER
from console.rendering import own_path
from console.visit import TheForm, TheVisit, Visit, together
from console.visitors import THEMES, remember_theme

router = APIRouter()

AUDIT_ENTRIES = 20


@router.get("/settings")
async def show_settings(visit: TheVisit) -> Response:
    """The theme, the namespace, the server and its last changes."""
    server, secrets, audit, ready = await together(
        visit.calls.get("/api/v1/orchestrator"), visit.calls.get("/api/v1/secrets"), _audit(visit), _readiness(visit)
    )
    return visit.page(
        "settings.html",
        themes=THEMES,
        server=server,
        secrets=secrets,
        audit=audit,
        ready=ready,
        api_url=visit.api_url,
    )


@router.post("/theme")
async def set_theme(visit: TheVisit, form: TheForm) -> Response:
    """Keep a theme; a script that has changed it already gets no page."""
    theme = form.one("theme")
    if visit.request.headers.get(CONSOLE_HEADER) == "1":
        response: Response = Response(status_code=204)
    else:
        response = visit.go(own_path(form.one("next")))
    remember_theme(visit.request, response, theme if theme in THEMES else THEMES[0])
    return response


async def _audit(visit: Visit) -> list[object] | None:
    """The last changes; None for a token that may not see them."""
    try:
        page = await visit.calls.get("/api/v1/audit", limit=AUDIT_ENTRIES)
    except EngineRefusal as refusal:
        if refusal.status == 403:
            return None
        raise
    return list(page["items"])


async def _readiness(visit: Visit) -> str:
    """Why the server takes on no runs; empty if it does."""
    try:
        await visit.calls.get("/readyz")
    except EngineRefusal as refusal:
        return str(refusal)
    return ""
