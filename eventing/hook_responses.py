"""What a pipeline may answer to the caller of its webhook, made safe for the origin that it shares with everything else.

Hooks are served from the same origin as the API and the console. An answer is therefore sandboxed, and can't set cookies,
speak for the connection, or change how browsers and proxies treat the rest of the origin.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from eventing.header_values import split_parameters
from flume.errors import RequestError, TooLargeError
from flume.values import JsonValue

MAX_HEADERS = 64
"""Headers of one answer."""

MAX_HEADER_VALUE = 8_192
"""Characters of one header's value."""

FORBIDDEN_HEADERS = frozenset(
    {
        # of the connection (RFC 9110, 7.6.1) or of the message's framing
        *(
            "connection",
            "keep-alive",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "content-length",
        ),
        *("proxy-authenticate", "proxy-authorization", "proxy-authentication-info"),
        # of the whole origin
        *("set-cookie", "set-cookie2", "clear-site-data", "strict-transport-security", "public-key-pins", "alt-svc"),
        *("nel", "report-to", "reporting-endpoints", "service-worker-allowed", "origin-agent-cluster"),
        # orders to proxies in front
        *("x-sendfile", "x-lighttpd-send-file"),
    }
)
"""Header names, in lower case, that no answer may hold; also all that begin with ``x-accel-``."""

FORCED_HEADERS = (("content-security-policy", "sandbox"), ("x-content-type-options", "nosniff"))
"""Headers of every answer, whatever the pipeline says."""

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_WITHOUT_BODY = (204, 205, 304)


@dataclass(frozen=True, slots=True)
class HookResponse:
    """A whole HTTP answer but for ``content-length``. Header names are lower-case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def safe_response(status: JsonValue, headers: JsonValue, body: JsonValue) -> HookResponse:
    """The answer that a pipeline gives with ``status``, ``headers`` (``{name: text or number}`` or None) and ``body``.

    Text is sent as it is in UTF-8, any other value as JSON, None as no body, and none goes with 204, 205 and 304. The
    content type is ``text/plain`` or ``application/json`` unless the headers name one. Raises `flume.errors.RequestError`
    for a status outside 200-599, a header that is forbidden (`FORBIDDEN_HEADERS`) or not sendable, and a body that is
    not JSON.
    """
    code = _checked_status(status)
    wanted = _checked_headers(headers)
    content = b"" if code in _WITHOUT_BODY else _encoded(body)
    content_type = wanted.pop("content-type", "")
    for name, _ in FORCED_HEADERS:
        wanted.pop(name, None)
    if content:
        wanted["content-type"] = _content_type(content_type, body)
    elif content_type and code not in _WITHOUT_BODY:
        wanted["content-type"] = content_type
    return HookResponse(code, (*wanted.items(), *FORCED_HEADERS), content)


def _checked_status(status: JsonValue) -> int:
    if type(status) is int and 200 <= status <= 599:
        return status
    raise RequestError(
        f"status is {str(status)[:40]}; it must be a number from 200 to 599", code="bad-response", pointer="/status"
    )


def _checked_headers(headers: JsonValue) -> dict[str, str]:
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise RequestError("headers must be an object of names and texts", code="bad-response", pointer="/headers")
    if len(headers) > MAX_HEADERS:
        raise TooLargeError("the answer", MAX_HEADERS, "headers")
    found: dict[str, str] = {}
    for name, value in headers.items():
        key = _checked_name(name)
        if key in found:
            raise _bad_header(name, "is given twice, in different case")
        found[key] = _checked_value(name, value)
    return found


def _checked_name(name: str) -> str:
    key = name.lower()
    if not _NAME.fullmatch(name):
        raise _bad_header(name, "is not a header name; use letters, digits and hyphens")
    if key in FORBIDDEN_HEADERS or key.startswith("x-accel-"):
        raise _bad_header(name, "can't be set by a pipeline; leave it out")
    return key


def _checked_value(name: str, value: JsonValue) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _bad_header(name, "must be a text or a number")
    text = str(value).strip(" \t")
    if not _VALUE.fullmatch(text):
        raise _bad_header(name, "holds a line break, a control character or one outside Latin-1; percent-encode it")
    if len(text) > MAX_HEADER_VALUE:
        raise TooLargeError(f"the header '{name[:60]}'", MAX_HEADER_VALUE, "characters")
    return text


def _bad_header(name: str, reason: str) -> RequestError:
    return RequestError(f"header {name[:60]!r} {reason}", code="bad-response", pointer="/headers")


def _encoded(body: JsonValue) -> bytes:
    if body is None:
        return b""
    try:
        return body.encode() if isinstance(body, str) else orjson.dumps(body, default=_plain_object)
    except (TypeError, ValueError) as error:
        raise RequestError(f"the body is not JSON: {error}", code="bad-response", pointer="/body") from error


def _plain_object(value: object) -> dict[str, JsonValue]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is none of text, number, list and object")


def _content_type(wanted: str, body: JsonValue) -> str:
    if not wanted:
        return "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
    media_type, parameters = split_parameters(wanted)
    charset = parameters.get("charset", "")
    if charset and charset.lower() not in ("utf-8", "utf8"):
        raise _bad_header("content-type", f"names the character set '{charset[:40]}'; answers are sent in UTF-8")
    return f"{wanted}; charset=utf-8" if media_type.startswith("text/") and not charset else wanted
