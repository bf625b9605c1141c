"""Which header fields a pipeline may set, and what their text may hold.

Line breaks in a value would end the field and begin another: data from a run must not be able to do that.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields that belong to one connection, which Flume's own client and server look after."""

REFUSED_IN_REQUESTS = HOP_BY_HOP | {"content-length", "flume-hops"}
REFUSED_IN_RESPONSES = HOP_BY_HOP | {
    "clear-site-data",
    "content-length",
    "service-worker-allowed",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
}
"""Besides hop-by-hop fields, those that change the browser's state for the whole site, which the API and console share."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]{0,16384}")

ScalarInput: TypeAlias = str | float | bool
"""What a pipeline may write where a text is needed. Schemas must say so, since documents are checked against them first."""


def scalar_text(value: object) -> object:
    """A number or boolean as the text that JSON writes; anything else as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def _scalar_values(headers: Any) -> Any:
    return {name: scalar_text(value) for name, value in headers.items()} if isinstance(headers, Mapping) else headers


def _check(headers: Mapping[str, str], refused: frozenset[str]) -> None:
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        if not _NAME.fullmatch(name):
            raise ValueError("a header's name has characters that HTTP does not allow")
        if lower in refused:
            raise ValueError(f"the header '{name}' can't be set by a pipeline")
        if lower in seen:
            raise ValueError(f"the header '{name}' is given twice, in different case")
        if not _VALUE.fullmatch(value) or value != value.strip(" \t"):
            raise ValueError(
                f"the value of the header '{name}' has line breaks, control characters or spaces around it"
            )
        seen.add(lower)


def _check_request(headers: dict[str, str]) -> dict[str, str]:
    _check(headers, REFUSED_IN_REQUESTS)
    return headers


def _check_response(headers: dict[str, str]) -> dict[str, str]:
    _check(headers, REFUSED_IN_RESPONSES)
    return headers


_AsText = BeforeValidator(_scalar_values, json_schema_input_type=dict[str, ScalarInput])

RequestHeaders = Annotated[dict[str, str], _AsText, AfterValidator(_check_request)]
"""Header fields of a request; numbers and booleans become text."""

ResponseHeaders = Annotated[dict[str, str], _AsText, AfterValidator(_check_response)]
"""Header fields of the answer to a waiting caller."""
