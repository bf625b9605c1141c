"""What goes wrong, as pages that say what to do next."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.engine import EngineRefusal, EngineUnreachable
from console.formats import sentence
from console.visit import visit_of
from console.visitors import forget_token

logger = logging.getLogger(__name__)


def install_error_pages(app: FastAPI) -> None:
    """Have the app tell every error as a page."""
    app.add_exception_handler(EngineRefusal, _tell_refusal)
    app.add_exception_handler(EngineUnreachable, _tell_unreachable)
    app.add_exception_handler(HTTPException, _tell_http_error)
    app.add_exception_handler(RequestValidationError, _tell_bad_request)
    app.add_exception_handler(Exception, _tell_defect)


async def _tell_refusal(request: Request, error: Exception) -> Response:
    if not isinstance(error, EngineRefusal):
        raise error
    if error.status == HTTPStatus.UNAUTHORIZED:
        return _ask_to_log_in(request)
    return _page(request, error.page_status, str(error), error.hint)


def _ask_to_log_in(request: Request) -> Response:
    visit = visit_of(request)
    if not visit.is_logged_in and request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        # Strict cookies stay at home when a link from elsewhere is followed; they come when our own page loads itself.
        return visit.page("again.html")
    where = visit.address if request.method == "GET" else "/"
    response = RedirectResponse(visit.link("/login", next=where), 303)
    if visit.is_logged_in:
        forget_token(response)
    return response


async def _tell_unreachable(request: Request, error: Exception) -> Response:
    if not isinstance(error, EngineUnreachable):
        raise error
    return _page(request, 502, str(error), error.hint, title="The orchestrator does not answer")


async def _tell_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTPStatus.NOT_FOUND and error.detail == HTTPStatus.NOT_FOUND.phrase:
        return _page(request, 404, f"There is nothing at {request.url.path}.", "")
    return _page(request, error.status_code, str(error.detail), "")


async def _tell_bad_request(request: Request, error: Exception) -> Response:
    return _page(request, 400, "This address is not complete, or has a value that can't be read.", "")


async def _tell_defect(request: Request, error: Exception) -> Response:
    logger.error("a page failed", exc_info=error, extra={"path": request.url.path})
    return _page(request, 500, "This page has a defect; the console's own log says more.", "")


def _page(request: Request, status: int, detail: str, hint: str, *, title: str = "") -> HTMLResponse:
    # Some errors end with their hint already.
    hint = "" if hint.lower() in detail.lower() else hint
    phrase = title or _TITLES.get(status) or _phrase(status)
    return visit_of(request).page(
        "error.html", http_status=status, title=phrase, detail=sentence(detail), hint=sentence(hint), code=status
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "That did not work"


_TITLES = {
    400: "That can't be read",
    403: "Not allowed",
    404: "Not found",
    409: "That is not possible now",
    500: "A defect",
    503: "Not now",
}
