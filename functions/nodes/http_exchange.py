"""One exchange of the ``http-request`` node: the request, its redirects, the response, and what each failure means.

Messages name the method, the host and the status, nothing more: URLs, header fields and bodies may hold secrets.
"""

import asyncio
import base64
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx

from flume.errors import NodeError
from flume.nodes import NodeContext, Result
from flume.nodes.invocation import as_json
from functions.http_failures import is_transient, reason_of, retry_after
from functions.nodes.http import Bearer, HttpRequest
from functions.nodes.http_body import BodyTooLargeError, UnreadableBodyError, read_body, too_large, value_of

DEFAULT_TIMEOUT = timedelta(seconds=30)
MAX_REDIRECTS = 10

_HOST = re.compile(rb"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+")
_META_HEADER_BYTES = 8 * 1024
_META_URL_LENGTH = 2048
_PARSED_IN_THREAD = 256 * 1024
"""Bytes of a body from which on parsing would hold up the event loop noticeably."""

_SURVIVE_ANOTHER_ORIGIN = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "content-length",
        "content-type",
        "flume-hops",
        "host",
        "idempotency-key",
        "user-agent",
    }
)
"""Header fields that a redirect to another origin may carry on: any other may hold a credential."""


async def exchange(
    client: httpx.AsyncClient, config: HttpRequest.Config, input: HttpRequest.Input, context: NodeContext
) -> Result:
    """Send the request, follow redirects, and read the response. Raises `NodeError` for every failure."""
    request = _request(client, config, input, context)
    where = f"{config.method} {request.url.host}"
    started = time.monotonic()
    limit = min(config.timeout or DEFAULT_TIMEOUT, context.remaining)
    with _failures_of(where, limit):
        async with asyncio.timeout(limit.total_seconds()):
            response = await _send(client, request, config, where)
            try:
                return await _result(response, config, where, started, context)
            finally:
                await response.aclose()


def _request(
    client: httpx.AsyncClient, config: HttpRequest.Config, input: HttpRequest.Input, context: NodeContext
) -> httpx.Request:
    content, content_type = _content(input)
    headers = {
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "user-agent": "Flume",
        "idempotency-key": context.idempotency_key,
        **({"traceparent": context.traceparent} if context.traceparent else {}),
        **({"content-type": content_type} if content_type else {}),
        **_authorization(config),
        **{name.lower(): value for name, value in config.headers.items()},
        "flume-hops": str(context.hops + 1),
    }
    url = _url(config)
    encoded = [(name.encode("ascii"), value.encode()) for name, value in headers.items()]
    return client.build_request(config.method, url, headers=encoded, content=content)


def _url(config: HttpRequest.Config) -> httpx.URL:
    try:
        url = httpx.URL(config.url)
        if config.query:
            given = {name: value for name, value in config.query.items() if value is not None}
            url = url.copy_merge_params(given)
    except (httpx.InvalidURL, UnicodeError):
        raise _bad_url("it can't be parsed") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise _bad_url("it must begin with http:// or https:// and name a host")
    if not _HOST.fullmatch(url.raw_host) or not 0 < (url.port or 80) <= 65535:
        raise _bad_url("its host or port can't be one")
    return url


def _bad_url(reason: str) -> NodeError:
    return NodeError(f"/config/url: {reason}", code="bad-input", retryable=False)


def _authorization(config: HttpRequest.Config) -> dict[str, str]:
    if config.auth is None:
        return {}
    if isinstance(config.auth, Bearer):
        value = f"Bearer {config.auth.token}"
    else:
        pair = f"{config.auth.username}:{config.auth.password}"
        value = f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise NodeError("/config/auth: control characters in the credentials", code="bad-input", retryable=False)
    return {"authorization": value}


def _content(input: HttpRequest.Input) -> tuple[bytes | None, str]:
    """The request's body and its type."""
    if input.form is not None:
        given = {name: value for name, value in input.form.items() if value is not None}
        return str(httpx.QueryParams(given)).encode(), "application/x-www-form-urlencoded"
    if input.has_json:
        return _as_json_bytes(input.json_body, "json"), "application/json"
    if input.body is None:
        return None, ""
    if isinstance(input.body, str):
        return input.body.encode(), "text/plain; charset=utf-8"
    return _as_json_bytes(input.body, "body"), "application/json"


def _as_json_bytes(value: object, name: str) -> bytes:
    try:
        return json.dumps(as_json(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError):
        raise NodeError(f"/inputs/{name}: not JSON", code="bad-input", retryable=False) from None


async def _send(
    client: httpx.AsyncClient, request: httpx.Request, config: HttpRequest.Config, where: str
) -> httpx.Response:
    """The response whose body is still to come, after redirects. Their bodies are not read: they may be endless."""
    for _ in range(MAX_REDIRECTS + 1):
        response = await client.send(request, stream=True, follow_redirects=False)
        following = response.next_request if config.follow_redirects else None
        if following is None:
            return response
        await response.aclose()
        if following.url.scheme not in ("http", "https"):
            raise NodeError(f"{where}: redirected to something other than HTTP", code="bad-redirect", retryable=False)
        if _origin(following.url) != _origin(request.url):
            _drop_credentials(following)
        request = following
    raise NodeError(f"{where}: more than {MAX_REDIRECTS} redirects", code="too-many-redirects", retryable=False)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _drop_credentials(request: httpx.Request) -> None:
    for name in list(request.headers):
        if name.lower() not in _SURVIVE_ANOTHER_ORIGIN:
            del request.headers[name]


async def _result(
    response: httpx.Response, config: HttpRequest.Config, where: str, started: float, context: NodeContext
) -> Result:
    if not config.expects(response.status_code):
        raise _status_failure(response, config, where, context.clock())
    encoding = "" if config.method == "HEAD" else response.headers.get("content-encoding", "")
    try:
        body = await read_body(response.aiter_raw(), encoding, config.max_bytes)
        content_type = response.headers.get("content-type", "")
        if len(body) < _PARSED_IN_THREAD:
            output = value_of(body, content_type)
        else:
            output = await asyncio.to_thread(value_of, body, content_type)
    except BodyTooLargeError:
        raise too_large(where, config.max_bytes) from None
    except UnreadableBodyError as error:
        message = f"{where} answered {response.status_code} with a body that can't be read: {error}"
        raise NodeError(message, code="bad-response", retryable=False) from None
    return Result(output, meta=_meta(response, started))


def _meta(response: httpx.Response, started: float) -> dict[str, Any]:
    url = response.url.copy_with(username=None, password=None)
    return {
        "status": response.status_code,
        "headers": _shown_headers(response.headers),
        "url": str(url)[:_META_URL_LENGTH],
        "elapsedMs": round((time.monotonic() - started) * 1000),
    }


def _shown_headers(headers: httpx.Headers) -> Mapping[str, str]:
    """The header fields by lower-case name, those left out that no longer fit into meta, the largest first."""
    room = _META_HEADER_BYTES
    shown: dict[str, str] = {}
    for name, value in sorted(headers.items(), key=lambda field: len(field[1])):
        room -= len(name) + 2 * len(value.encode()) + 8
        if room < 0:
            break
        shown[name.lower()] = value
    return {name.lower(): shown[name.lower()] for name in headers if name.lower() in shown}


def _status_failure(response: httpx.Response, config: HttpRequest.Config, where: str, now: datetime) -> NodeError:
    status = response.status_code
    phrase = HTTPStatus(status).phrase if status in {known.value for known in HTTPStatus} else ""
    expected = f"; expected {', '.join(config.expect)}" if status < 400 else ""
    return NodeError(
        f"{where} answered {status} {phrase}".rstrip() + expected,
        code="http-status",
        retryable=is_transient(status),
        retry_after=retry_after(response.headers.get("retry-after", ""), now) if is_transient(status) else None,
    )


@contextmanager
def _failures_of(where: str, limit: timedelta) -> Iterator[None]:
    """Turn what the client raises into a `NodeError`. The client's own texts hold URLs, so none is passed on."""
    try:
        yield
    except (TimeoutError, httpx.TimeoutException):
        message = f"{where}: no complete answer within {limit.total_seconds():g} s"
        raise NodeError(message, code="timeout", retryable=True) from None
    except httpx.ConnectError as error:
        message = f"{where}: can't connect: {reason_of(error)}"
        raise NodeError(message, code="connection", retryable=True) from None
    except (httpx.NetworkError, httpx.RemoteProtocolError):
        message = f"{where}: the connection broke or the server did not speak HTTP"
        raise NodeError(message, code="connection", retryable=True) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError):
        raise NodeError(f"{where}: the request can't be put into HTTP", code="bad-input", retryable=False) from None
