"""The values that pipelines handle: JSON, and nothing that one of the stores could not hold.

What a node returns passes `check_value` before anything else sees it.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, TypeAlias

from flume.errors import FlumeError
from flume.problems import join_pointer

JsonValue: TypeAlias = Any
"""None, bool, int, float, str, or a list or a dict with str keys of the same. Treated as read-only once it is in a run."""

JsonObject: TypeAlias = Mapping[str, Any]

MAX_DEPTH = 64
"""Levels of nesting that both stores hold (MongoDB stops at 100, and a run adds its own)."""

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


class BadValueError(FlumeError):
    """A value that is not JSON, or that a store could not hold. ``pointer`` names the place in the value."""

    code = "bad-output"

    def __init__(self, pointer: str, reason: str) -> None:
        self.pointer = pointer
        self.reason = reason
        super().__init__(f"{pointer or 'value'}: {reason}")


def check_value(value: object) -> None:
    """Raise `BadValueError` unless ``value`` is JSON that every store can hold.

    Refused: NaN and infinities, integers beyond 64 bits, keys that are not text or hold NUL, text with lone surrogates,
    nesting above `MAX_DEPTH`, and any other Python type.
    """
    try:
        _check(value, 0)
    except _Bad as bad:
        raise BadValueError(join_pointer("", *reversed(bad.path)), bad.reason) from bad.__cause__


class _Bad(Exception):
    """What is wrong. Its place is put together on the way out: a pointer made for every value would take most of the time."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.path: list[str | int] = []
        super().__init__(reason)


def _check(value: object, depth: int) -> None:
    kind = type(value)
    if kind is str:
        if not value.isascii():  # type: ignore[attr-defined]
            _check_text(str(value))
    elif value is None or kind is bool:
        return
    elif kind is int:
        if not INT64_MIN <= value <= INT64_MAX:  # type: ignore[operator]
            raise _Bad("an integer beyond 64 bits; return it as text")
    elif kind is float:
        if not isfinite(value):  # type: ignore[arg-type]
            raise _Bad("NaN and infinity are not JSON; return null or text")
    elif depth >= MAX_DEPTH:
        raise _Bad(f"nested deeper than {MAX_DEPTH} levels")
    elif isinstance(value, Mapping):
        _check_members(value, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, str)):
        _check_elements(value, depth + 1)
    elif isinstance(value, str):
        _check_text(str(value))
    else:
        raise _Bad(f"a {kind.__name__} is not JSON; return text, numbers, lists and objects")


def _check_members(members: Mapping[object, object], depth: int) -> None:
    for key, inner in members.items():
        _check_key(key)
        try:
            _check(inner, depth)
        except _Bad as bad:
            bad.path.append(str(key))
            raise


def _check_elements(elements: Sequence[object], depth: int) -> None:
    for index, inner in enumerate(elements):
        try:
            _check(inner, depth)
        except _Bad as bad:
            bad.path.append(index)
            raise


def _check_key(key: object) -> None:
    if not isinstance(key, str):
        raise _Bad(f"the key {key!r} is not text")
    if "\0" in key:
        raise _Bad("a key holds the NUL character")
    if not key.isascii():
        _check_text(key)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _Bad("text with a lone surrogate is not valid Unicode") from error
