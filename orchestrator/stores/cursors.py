"""Cursors: the key of the last row of a page, wrapped so that nobody builds on what is inside."""

import base64
from typing import Any, cast

import orjson

from flume.errors import RequestError


def to_cursor(*key: int | str) -> str:
    """A cursor for a key."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode("ascii").rstrip("=")


def from_cursor(cursor: str, *kinds: type[int] | type[str]) -> tuple[Any, ...]:
    """The key of a cursor, whose parts must be of these kinds. Raises `RequestError` for anything else."""
    key = _decode(cursor)
    if isinstance(key, list) and [type(part) for part in key] == list(kinds):
        return tuple(key)
    raise RequestError(
        "the cursor is not one that this list gave out",
        code="bad-cursor",
        hint="pass the cursor of the page before as it is, or leave it out to begin anew",
    )


def _decode(cursor: str) -> object:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return cast(object, orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True)))
    except ValueError:
        return None
