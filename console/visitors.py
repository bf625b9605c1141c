"""Who looks at the console: what their cookies say, and how these are set.

Three cookies, all ``HttpOnly`` and ``SameSite=Strict``: the token that they logged in with, the key that their forms have
to carry, and a notice for the next page. Two more, the theme and the namespace to begin in, are no secrets.
"""

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from console.engine import Visitor

TOKEN = "flume_token"
FORM_KEY = "flume_form"
NOTICE = "flume_notice"
THEME = "flume_theme"
NAMESPACE = "flume_namespace"

THEMES = ("system", "light", "dark")
YEAR_S = 365 * 24 * 3600
NOTICE_S = 60
MAX_NOTICE = 600
"""Characters of a notice: a cookie is at most 4 KiB."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What came of what somebody did, told on the page that they see next."""

    text: str
    kind: Literal["done", "failed"] = "done"


def visitor_of(request: Request) -> Visitor:
    """In whose name a request's calls are made."""
    return Visitor(
        token=request.cookies.get(TOKEN, ""),
        namespace=request.query_params.get("namespace") or request.cookies.get(NAMESPACE) or "default",
        host=request.headers.get("host", ""),
        client=request.client.host if request.client else "",
    )


def theme_of(request: Request) -> str:
    """The theme that was chosen; ``system`` follows the reader's own setting."""
    chosen = request.cookies.get(THEME, "")
    return chosen if chosen in THEMES else THEMES[0]


def form_key_of(request: Request) -> str:
    """What this visitor's forms carry: that of the cookie, or a new one that `remember_form_key` has to set."""
    known: str = request.cookies.get(FORM_KEY, "")
    if known:
        return known
    if not hasattr(request.state, "form_key"):
        request.state.form_key = secrets.token_urlsafe(18)
    new: str = request.state.form_key
    return new


def is_own_form(request: Request, given: object) -> bool:
    """Whether a form came from a page of ours, made for this visitor."""
    known = request.cookies.get(FORM_KEY, "")
    return bool(known) and isinstance(given, str) and hmac.compare_digest(known.encode(), given.encode())


def remember_form_key(request: Request, response: Response) -> None:
    """Set the form key's cookie where there is none yet."""
    if FORM_KEY not in request.cookies:
        _set(request, response, FORM_KEY, form_key_of(request))


def remember_token(request: Request, response: Response, token: str, namespace: str) -> None:
    """Log in: until the browser is closed, or `forget_token`. Pages that name no namespace show ``namespace``."""
    _set(request, response, TOKEN, token)
    _set(request, response, NAMESPACE, namespace)


def forget_token(response: Response) -> None:
    """Log out."""
    for name in (TOKEN, NAMESPACE):
        response.delete_cookie(name, path="/", httponly=True, samesite="strict")


def remember_theme(request: Request, response: Response, theme: str) -> None:
    """Keep a theme for a year."""
    _set(request, response, THEME, theme, max_age=YEAR_S)


def leave_notice(request: Request, response: Response, notice: Notice) -> None:
    """Have the next page tell something."""
    text = json.dumps([notice.kind, notice.text[:MAX_NOTICE]])
    _set(request, response, NOTICE, urlsafe_b64encode(text.encode()).decode(), max_age=NOTICE_S)


def take_notice(request: Request, response: Response) -> None:
    """Forget the notice that this response tells."""
    if NOTICE in request.cookies:
        response.delete_cookie(NOTICE, path="/", httponly=True, samesite="strict")


def notice_of(request: Request) -> Notice | None:
    """What is to be told on this page. Cookies are foreign text: whatever is not a notice is none."""
    try:
        found: Any = json.loads(urlsafe_b64decode(request.cookies.get(NOTICE, "")))
    except ValueError:
        return None
    match found:
        case [("done" | "failed") as kind, str(text)]:
            return Notice(text, kind)
        case _:
            return None


def _set(request: Request, response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.state.is_secure,
    )
