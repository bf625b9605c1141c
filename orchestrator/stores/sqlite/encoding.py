"""JSON as it stands in columns: made and read here alone."""

from collections.abc import Mapping
from typing import Any

import orjson

from flume.values import JsonObject


def encode(value: object) -> bytes:
    """The JSON of a value. Raises `TypeError` or `ValueError` for what is not JSON."""
    return orjson.dumps(value, default=_as_plain)


def encode_some(value: JsonObject | None) -> bytes | None:
    """The JSON of an object; None, which saves the column, for None and for an empty one."""
    return encode(value) if value else None


def decode(content: bytes) -> Any:
    """The value of a column that holds JSON."""
    return orjson.loads(content)


def decode_some(content: bytes | None) -> JsonObject:
    """The object of a column that may be empty."""
    return orjson.loads(content) if content else {}


def _as_plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is not JSON")
