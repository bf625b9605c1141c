"""Moments within values that travel as JSON: they go as text, and a list of JSON pointers tells which texts were moments.

Whoever does not know of the list reads RFC 3339 texts, as templates write them; whoever does gets the values that were sent.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from eventing.cloudevents import MalformedEventError, read_time, written_time
from flume.problems import join_pointer


def holds_none(value: Any) -> bool:
    """Whether a value holds no moment, so that it can go as it is; it may be wrong for a mapping that is no dict.

    Encoding it, to see, takes a hundredth of the time in which `as_text` goes through it.
    """
    try:
        orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except orjson.JSONEncodeError:
        return False
    return True


def as_text(value: Any, pointer: str, found: list[str]) -> Any:
    """``value``, which stands at ``pointer``, with moments as text; their pointers are added to ``found``."""
    match value:
        case str() | int() | float() | None:
            return value
        case datetime():
            found.append(pointer)
            return written_time(value)
        case Mapping():
            return {key: as_text(inner, join_pointer(pointer, key), found) for key, inner in value.items()}
        case list() | tuple():
            return [as_text(inner, join_pointer(pointer, index), found) for index, inner in enumerate(value)]
        case _:
            return value


def restore(data: dict[str, Any], pointers: Sequence[object]) -> None:
    """Make moments of the texts at ``pointers`` again. Raises `MalformedEventError` for one at which there is no such text."""
    for pointer in pointers:
        if not isinstance(pointer, str) or not pointer.startswith("/"):
            raise MalformedEventError("moments holds something else than JSON pointers")
        *path, last = [_unescaped(part) for part in pointer[1:].split("/")]
        holder: Any = data
        for part in path:
            holder = _inner(holder, part)
        moment = _inner(holder, last)
        found = read_time(moment) if isinstance(moment, str) else None
        if found is None:
            raise MalformedEventError("moments points to what is no moment such as 2026-11-24T09:00:00Z")
        holder[int(last) if isinstance(holder, list) else last] = found


def _inner(holder: Any, part: str) -> Any:
    if isinstance(holder, dict) and part in holder:
        return holder[part]
    if isinstance(holder, list) and part.isascii() and part.isdigit() and len(part) < 10 and int(part) < len(holder):
        return holder[int(part)]
    raise MalformedEventError("moments points to what is not there")


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
