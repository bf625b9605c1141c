"""The three types of CESQL, text, integers of 32 bits and booleans, and how one becomes another.

In Python true is an integer; here it is not, so the type is asked for before anything is done with a value.
"""

import re
from collections.abc import Mapping
from typing import TypeAlias

from flume.errors import ExpressionError

Value: TypeAlias = str | int | bool

Attributes: TypeAlias = Mapping[str, Value]
"""An event's context attributes and extensions by their lower-case names."""

INT_MIN, INT_MAX = -(2**31), 2**31 - 1

_INTEGER = re.compile(r"[+-]?0*([0-9]{1,10})")
_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}


def to_text(value: Value) -> str:
    """Any value as text: integers in base 10, booleans as ``true`` and ``false``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def to_integer(value: Value) -> int:
    """An integer as it is, a boolean as 1 or 0, and text that is an integer. Raises `flume.errors.ExpressionError`."""
    if not isinstance(value, str):
        return int(value)
    # The length is checked by the pattern, because Python refuses to read very long integers with an error of its own.
    if not _INTEGER.fullmatch(value):
        raise ExpressionError("the text is not an integer")
    return bounded(int(value))


def to_boolean(value: Value) -> bool:
    """A boolean as it is, an integer as whether it is not 0, and the texts true and false in any case.

    Raises `flume.errors.ExpressionError` for any other text.
    """
    if not isinstance(value, str):
        return bool(value)
    try:
        return _BOOLEANS[value.lower()]
    except KeyError:
        raise ExpressionError("the text is neither true nor false") from None


def cast_like(value: Value, example: Value) -> Value:
    """The value as the type that ``example`` has. Raises `flume.errors.ExpressionError` if it can't be that."""
    match example:
        case bool():
            return to_boolean(value)
        case int():
            return to_integer(value)
        case str():
            return to_text(value)


def bounded(number: int) -> int:
    """The number, if it fits in 32 bits. Raises `flume.errors.ExpressionError`."""
    if not INT_MIN <= number <= INT_MAX:
        raise ExpressionError("the number is beyond 32 bits")
    return number
