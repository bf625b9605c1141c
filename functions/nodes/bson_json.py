"""Between JSON and BSON: what a node is given becomes BSON, what a server answers becomes plain JSON.

The two are no inverses. On the way in, extended JSON such as ``{"$oid": …}`` and moments keep their type; on the way out, every
type that JSON lacks becomes text that a person can read, so that a template need not know about it.

Imports the driver's ``bson``: import this module only where a call is made.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bson import DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import Binary, UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError

from flume.errors import NodeError
from flume.nodes.invocation import as_json
from flume.problems import join_pointer
from flume.values import INT64_MAX, INT64_MIN, JsonValue

OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    tzinfo=UTC,
    uuid_representation=UuidRepresentation.STANDARD,
    # A date that Python can't hold must not make the whole document unreadable.
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)

_SUBTYPE = re.compile(r"[0-9a-fA-F]{1,2}")


def to_bson(value: Any, pointer: str) -> Any:
    """``value`` with extended JSON (canonical or relaxed) read and moments kept, to be sent to a server.

    Raises a permanent `NodeError` ``bad-input`` that names the place and shows no value.
    """
    if isinstance(value, Mapping):
        read = _READERS.get(next(iter(value))) if len(value) == 1 else None
        if read is None:
            return {key: to_bson(inner, join_pointer(pointer, key)) for key, inner in value.items()}
        ((name, content),) = value.items()
        return _read(read, name, content, pointer)
    if isinstance(value, (list, tuple)):
        return [to_bson(inner, f"{pointer}/{index}") for index, inner in enumerate(value)]
    if isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX:
        problem = 'an integer beyond 64 bits; write it as text or as {"$numberDecimal": …}'
        raise NodeError(f"{pointer}: {problem}", code="bad-input", retryable=False)
    return value


def to_json(value: Any) -> JsonValue:
    """What was read from a server as JSON.

    ObjectId, Decimal128, UUID, regular expressions, code and the like become text; dates ISO 8601 in UTC, or milliseconds since
    1970 outside the years 1 to 9999; binary Base64; numbers that JSON lacks ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.
    """
    match value:
        case None | bool() | datetime():
            return as_json(value)
        case str():
            return str(value)
        case int():
            return int(value)
        case float():
            return value if math.isfinite(value) else _NOT_FINITE[str(value)]
        case Mapping():
            return {key: to_json(inner) for key, inner in value.items()}
        case list():
            return [to_json(inner) for inner in value]
        case _:
            return _as_text(value)


_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _as_text(value: Any) -> JsonValue:
    match value:
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case DatetimeMS():
            return int(value)
        case Timestamp():
            return as_json(value.as_datetime())
        case Regex():
            return f"/{value.pattern}/{_flags(value)}"
        case DBRef():
            return to_json(value.as_doc())
        case MinKey() | MaxKey():
            return type(value).__name__
        case _:
            return str(value)  # ObjectId, Decimal128, UUID, and whatever a later BSON adds


def _flags(expression: "Regex[str]") -> str:
    letters = {"i": re.IGNORECASE, "l": re.LOCALE, "m": re.MULTILINE, "s": re.DOTALL, "u": re.UNICODE, "x": re.VERBOSE}
    return "".join(letter for letter, flag in letters.items() if expression.flags & flag)


def _read(read: Callable[[Any], Any], name: str, content: Any, pointer: str) -> Any:
    try:
        return read(content)
    except (BSONError, ValueError, TypeError, KeyError, OverflowError, ArithmeticError, AttributeError):
        # The library's sentence would show the value.
        problem = f"not what extended JSON has here; expected {_EXPECTED[name]}"
        raise NodeError(f"{join_pointer(pointer, name)}: {problem}", code="bad-input", retryable=False) from None


def _date(content: Any) -> datetime | DatetimeMS:
    match content:
        case datetime():
            return content
        case str():
            moment = datetime.fromisoformat(content.strip())
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        case {"$numberLong": str(milliseconds)}:
            return DatetimeMS(_within_64_bits(int(milliseconds)))
        case int():
            return DatetimeMS(_within_64_bits(content))
        case _:
            raise ValueError


def _within_64_bits(number: int) -> int:
    if not INT64_MIN <= number <= INT64_MAX:
        raise ValueError
    return number


def _binary(content: Any) -> Binary | bytes:
    subtype = _SUBTYPE.fullmatch(content["subType"])
    if subtype is None or len(content) != 2:
        raise ValueError
    try:
        data = base64.b64decode(content["base64"], validate=True)
    except binascii.Error as error:
        raise ValueError from error
    return Binary(data, int(subtype[0], 16))


def _regular_expression(content: Any) -> "Regex[str]":
    pattern, options = content["pattern"], content["options"]
    if not isinstance(pattern, str) or not isinstance(options, str) or "\0" in pattern + options:
        raise ValueError
    flags = 0
    for letter in options:
        flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE, "u": re.UNICODE}[letter]
    return Regex(pattern, flags)


def _text(content: Any) -> str:
    if not isinstance(content, str):
        raise TypeError
    return content


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "$oid": lambda content: ObjectId(_text(content)),
    "$date": _date,
    "$numberInt": lambda content: int(_text(content)),
    "$numberLong": lambda content: Int64(_within_64_bits(int(_text(content)))),
    "$numberDouble": lambda content: float(_text(content)),
    "$numberDecimal": lambda content: Decimal128(_text(content)),
    "$binary": _binary,
    "$uuid": lambda content: UUID(_text(content)),
    "$regularExpression": _regular_expression,
    "$minKey": lambda content: MinKey(),
    "$maxKey": lambda content: MaxKey(),
}

_EXPECTED: Mapping[str, str] = {
    "$oid": "24 hexadecimal digits",
    "$date": "a date in ISO 8601, such as 2026-01-31T09:00:00Z, or milliseconds since 1970",
    "$numberInt": "digits as text",
    "$numberLong": "digits of at most 64 bits as text",
    "$numberDouble": "a number as text",
    "$numberDecimal": "a decimal number as text",
    "$binary": '{"base64": text, "subType": two hexadecimal digits}',
    "$uuid": "a UUID as text",
    "$regularExpression": '{"pattern": text, "options": letters of imsux}',
    "$minKey": "1",
    "$maxKey": "1",
}
