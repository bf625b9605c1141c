"""Errors as ``application/problem+json`` (RFC 9457): the one place where an error's class becomes a status.

Whoever calls goes by ``code``, which is stable; ``type`` is the same code as a URN. Texts are for people.
"""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from flume.errors import (
    ConflictError,
    DefinitionError,
    ExpressionError,
    FlumeError,
    NotFoundError,
    OverloadedError,
    RequestError,
    StoreError,
    TooLargeError,
    UnavailableError,
)
from flume.problems import join_pointer
from flume.values import BadValueError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

PAUSED_RETRY_AFTER_S = 60

STORE_RETRY_AFTER_S = 5

_UNPROCESSABLE = ("key-reused",)
"""Requests that are well-formed and can't be done all the same."""

_PRECONDITIONS = ("stale", "name-taken")
"""Conflicts that are a failed precondition (412) when the caller made one."""

_CODES = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "bad-content-type",
}


class ProblemItem(BaseModel):
    """One thing wrong with what was sent. ``line`` and ``column`` count from 1 and are null where no text is known."""

    pointer: str = Field(description="JSON pointer to the place.")
    line: int | None = None
    column: int | None = None
    code: str
    message: str
    hint: str = ""


class ProblemRecord(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:flume:problem:` and the code.")
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable; what programs go by.")
    instance: str | None = Field(None, description="The address that was called.")
    hint: str | None = Field(None, description="How to mend it.")
    problems: list[ProblemItem] | None = Field(None, description="Everything that is wrong with what was sent.")


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    instance: str = "",
    hint: str = "",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem as a response; ``more`` are further members."""
    record = {
        "type": f"urn:flume:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **({"instance": instance} if instance else {}),
        **({"hint": hint} if hint else {}),
        **more,
    }
    return Response(_encoded(record), status, dict(headers or {}), media_type=MEDIA_TYPE)


def _encoded(record: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(record)
    except TypeError:
        # A caller's own text may hold half a surrogate pair, and an error about it repeats it: escaped, it can be sent.
        return json.dumps(record).encode()


def install_problems(app: FastAPI) -> None:
    """Have the app tell every error as a problem."""
    app.add_exception_handler(FlumeError, _tell_flume_error)
    app.add_exception_handler(RequestValidationError, _tell_bad_request)
    app.add_exception_handler(HTTPException, _tell_http_error)
    app.add_exception_handler(Exception, _tell_defect)


async def _tell_flume_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, FlumeError):
        raise error
    return flume_problem(request, error)


def flume_problem(request: Request, error: FlumeError) -> Response:
    """The problem that an error of Flume's own is to this caller."""
    status = _status_of(request, error)
    headers: dict[str, str] = {}
    more: dict[str, Any] = {}
    wait_s = retry_after_s(error)
    if wait_s is not None:
        headers["Retry-After"] = str(wait_s)
    match error:
        case DefinitionError():
            more["problems"] = [each.as_json() for each in error.problems]
        case StoreError():
            logger.error("a call failed because of the store", extra={"path": request.url.path, "reason": str(error)})
        case _:
            pass
    pointer = getattr(error, "pointer", "")
    if pointer:
        more["pointer"] = pointer
    return problem(
        status,
        code_of(error),
        str(error),
        instance=request.url.path,
        hint=getattr(error, "hint", ""),
        headers=headers,
        **more,
    )


def paused_problem(request: Request, pipeline: str, refused: str) -> Response:
    """What a sender is told while a pipeline is paused; ``refused`` names what it does not take, such as ``events``."""
    return problem(
        503,
        "pipeline-paused",
        f"pipeline '{pipeline}' is paused and takes no {refused}",
        instance=request.url.path,
        headers={"Retry-After": str(PAUSED_RETRY_AFTER_S)},
    )


def code_of(error: FlumeError) -> str:
    """The code of an error of Flume's own in an answer."""
    # Its own code is that of a node's output; here it is a caller's value.
    return "bad-value" if isinstance(error, BadValueError) else error.code


def retry_after_s(error: FlumeError) -> int | None:
    """After how many seconds the same call may go well; None: it may not."""
    match error:
        case UnavailableError():
            return max(ceil(error.retry_after.total_seconds()), 1)
        case StoreError():
            return STORE_RETRY_AFTER_S
        case _:
            return None


def _status_of(request: Request, error: FlumeError) -> int:
    match error:
        case DefinitionError() | ExpressionError():
            return 422
        case TooLargeError():
            return 413
        case RequestError():
            return 422 if error.code in _UNPROCESSABLE else 400
        case BadValueError():
            return 400
        case NotFoundError():
            return 404
        case ConflictError():
            is_conditional = "if-match" in request.headers or "if-none-match" in request.headers
            return 412 if is_conditional and error.code in _PRECONDITIONS else 409
        case UnavailableError():
            return 429 if isinstance(error, OverloadedError) else 503
        case StoreError():
            return 503
        case _:
            return 500


async def _tell_bad_request(request: Request, error: Exception) -> Response:
    """A parameter or body that is not what the route takes: 400, with every place."""
    if not isinstance(error, RequestValidationError):
        raise error
    items = [_item_of(each) for each in error.errors()]
    first = items[0]
    where = first.pointer or "/"
    rest = "" if len(items) == 1 else f" (and {len(items) - 1} more)"
    return problem(
        400,
        "bad-request",
        f"{where}: {first.message}{rest}",
        instance=request.url.path,
        problems=[each.model_dump() for each in items],
    )


def _item_of(error: Mapping[str, Any]) -> ProblemItem:
    message = str(error["msg"]).removeprefix("Value error, ")
    # What a template or a secret-bearing body holds must not come back in an error, so the input is left out.
    return ProblemItem(pointer=join_pointer("", *error["loc"]), code=error["type"].replace("_", "-"), message=message)


async def _tell_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if isinstance(error.__cause__, FlumeError):
        # FastAPI makes a 400 of whatever went wrong while it read the body.
        return flume_problem(request, error.__cause__)
    status, code = error.status_code, _CODES.get(error.status_code, "error")
    detail = str(error.detail)
    if status == 404:
        detail = f"nothing is at {request.url.path}"
    elif status == 405:
        detail = f"{request.method} is not possible at {request.url.path}"
    return problem(status, code, detail, instance=request.url.path, headers=error.headers)


async def _tell_defect(request: Request, error: Exception) -> Response:
    """A defect of Flume: the server writes down the traceback, the caller learns nothing of it."""
    return problem(
        500,
        "internal",
        "Flume failed to answer this; its own log says why",
        instance=request.url.path,
    )
