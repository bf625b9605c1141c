"""Reads JSON that came over the network into what a run can hold, exactly or not at all."""

import json

import orjson

from flume.errors import RequestError
from flume.values import INT64_MAX, INT64_MIN, BadValueError, JsonValue, check_value

_LONGEST_INTEGER = 20
_DIGITS_ALONE = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * 19


def read_json(text: bytes) -> JsonValue:
    """The value of a body in UTF-8.

    Raises `flume.errors.RequestError` (``bad-body``) for what is no JSON, and for what no store could hold.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not valid JSON: {error}", code="bad-body") from error
    checked(value)
    # A regular expression would take ten times as long.
    if _LONG_NUMBER in text.translate(_DIGITS_ALONE):
        # orjson makes inexact floats of integers beyond 64 bits. This parser recurses, so the depth was checked first.
        json.loads(text, parse_int=_refuse_long_integer)
    return value


def checked(value: JsonValue) -> JsonValue:
    """The value, if a store can hold it. Raises `flume.errors.RequestError` (``bad-body``)."""
    try:
        check_value(value)
    except BadValueError as error:
        message = f"the body can't be stored: {error.pointer or 'it'} is {error.reason}"
        raise RequestError(message, code="bad-body", pointer=error.pointer) from error
    return value


def _refuse_long_integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER or not INT64_MIN <= int(digits) <= INT64_MAX:
        message = f"the body holds the integer {digits[:24]}, which is beyond 64 bits"
        raise RequestError(message, code="bad-body", hint="send it as text")
    return int(digits)
