"""Logging in with a token of the API, and out."""

from fastapi import APIRouter, Response

from console.engine import EngineRefusal, Visitor
from console.models import Json
from console.rendering import own_path
from console.visit import TheForm, TheVisit, Visit
from console.visitors import forget_token, remember_token

router = APIRouter()

_TOKEN_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=")


@router.get("/login")
async def show_login(visit: TheVisit, next: str = "/") -> Response:
    """The form that asks for a token."""
    return visit.page("login.html", next=own_path(next), wrong="")


@router.post("/login")
async def log_in(visit: TheVisit, form: TheForm) -> Response:
    """Keep a token that the orchestrator knows in a cookie that no script can read."""
    token, target = form.one("token").strip(), own_path(form.one("next"))
    caller = await _caller(visit, token) if _TOKEN_CHARACTERS.issuperset(token) else None
    if not token or caller is None:
        wrong = "This token is not known here." if token else "Type or paste a token."
        return visit.page("login.html", http_status=401, next=target, wrong=wrong)
    response = visit.go(target)
    remember_token(visit.request, response, token, _namespace_of(caller))
    return response


@router.post("/logout")
async def log_out(visit: TheVisit, form: TheForm) -> Response:
    """Forget the token."""
    response = visit.go(visit.link("/login"), "You are logged out.")
    forget_token(response)
    return response


async def _caller(visit: Visit, token: str) -> Json | None:
    """Whose token it is; None if the orchestrator does not know it."""
    calls = visit.site.engine.calls(Visitor(token, host=visit.request.headers.get("host", "")))
    try:
        caller: Json = await calls.get("/api/v1/caller")
    except EngineRefusal as refusal:
        if refusal.status == 401:
            return None
        raise
    return caller


def _namespace_of(caller: Json) -> str:
    """Where somebody begins: in the namespace of everybody, or in the first of those that their token is bound to."""
    namespaces = caller["namespaces"]
    return "default" if namespaces is None or "default" in namespaces else str(namespaces[0])
