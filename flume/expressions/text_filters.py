"""Filters that take text, or make text or numbers out of a single value.

Each is called as ``filter(budget, value, *arguments)``; parameter names and defaults are what a template may write.
"""

import base64
import binascii
import hashlib
import html
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from flume.errors import ExpressionError
from flume.expressions.access import MISSING, is_number, kind_of
from flume.expressions.arguments import need_number, need_text, need_whole
from flume.expressions.budget import MAX_ELEMENTS, Budget
from flume.expressions.dates import format_date
from flume.expressions.operators import bounded_number
from flume.expressions.rendering import Measure, as_text, to_json


def upper(budget: Budget, value: Any) -> str:
    """The text in upper case."""
    return _paid_for_case(budget, value).upper()


def lower(budget: Budget, value: Any) -> str:
    """The text in lower case."""
    return _paid_for_case(budget, value).lower()


def title(budget: Budget, value: Any) -> str:
    """The text with each word capitalized."""
    return _paid_for_case(budget, value).title()


def capitalize(budget: Budget, value: Any) -> str:
    """The text with its first letter in upper case and the rest in lower case."""
    return _paid_for_case(budget, value).capitalize()


def trim(budget: Budget, value: Any, characters: Any = None) -> str:
    """The text without white space, or those characters, at both ends."""
    return _paid(budget, value).strip(None if characters is None else need_text(characters))


def replace(budget: Budget, value: Any, old: Any, new: Any, count: Any = None) -> str:
    """The text with ``old`` replaced by ``new``, everywhere or the first ``count`` times."""
    text, old, new = _paid(budget, value), need_text(old), need_text(new)
    times = text.count(old) if count is None else min(text.count(old), need_whole(count, "count"))
    budget.allow_text(len(text) + times * (len(new) - len(old)))
    return text.replace(old, new, times)


def split(budget: Budget, value: Any, separator: Any = None, limit: Any = None) -> list[str]:
    """The parts of the text between separators (without one: white space); ``limit`` is the most cuts that are made."""
    text = _paid(budget, value)
    if separator == "":
        raise ExpressionError("the separator is empty")
    cuts = MAX_ELEMENTS if limit is None else min(need_whole(limit, "limit"), MAX_ELEMENTS)
    parts = text.split(None if separator is None else need_text(separator), cuts)
    budget.allow_elements(len(parts))
    return parts


def truncate(budget: Budget, value: Any, length: Any = 255, killwords: Any = False, end: Any = "...") -> str:
    """At most ``length`` characters, ``end`` included where text was cut off; at the end of a word unless ``killwords``."""
    text, mark, most = need_text(value), need_text(end), need_whole(length, "length")
    if len(text) <= most:
        return text
    budget.allow_text(most + len(mark))
    kept = text[: max(most - len(mark), 0)]
    return (kept if killwords else kept.rsplit(" ", 1)[0]) + mark


def indent(budget: Budget, value: Any, width: Any = 4, first: Any = False) -> str:
    """Each line that is not empty, the first only if asked, moved right by ``width`` spaces."""
    text, width = _paid(budget, value), need_whole(width, "width")
    budget.allow_text(len(text) + (text.count("\n") + 1) * width)
    lines = text.split("\n")
    moved = [" " * width + line if line.strip() and (first or number) else line for number, line in enumerate(lines)]
    return "\n".join(moved)


def escape(budget: Budget, value: Any) -> str:
    """The value as text that is safe within HTML."""
    text = as_text(value, budget)
    budget.allow_text(len(text) + 5 * sum(map(text.count, "&<>\"'")))
    return html.escape(text)


def url_encode(budget: Budget, value: Any) -> str:
    """The value as part of a URL; an object as a query such as ``a=1&b=2``."""
    if isinstance(value, Mapping):
        budget.allow_elements(len(value))
        pairs = [(_utf8(key), _utf8(as_text(inner, budget))) for key, inner in value.items()]
        budget.allow_text(3 * sum(len(key) + len(inner) + 1 for key, inner in pairs))
        return urlencode(pairs, quote_via=quote)
    text = as_text(value, budget)
    budget.allow_text(3 * len(text) if text.isascii() else 12 * len(text))
    return quote(_utf8(text), safe="/")


def base64_encode(budget: Budget, value: Any) -> str:
    """The text's UTF-8 as Base64."""
    content = _utf8(as_text(value, budget))
    budget.allow_text(len(content) * 4 // 3 + 4)
    return base64.b64encode(content).decode("ascii")


def base64_decode(budget: Budget, value: Any) -> str:
    """The text that was encoded as Base64, in its usual or its URL alphabet, with or without padding."""
    content = _paid(budget, value).strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(content + "=" * (-len(content) % 4), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ExpressionError("the text is not Base64 of UTF-8 text") from error


def sha256(budget: Budget, value: Any) -> str:
    """The SHA-256 of the text's UTF-8, in hexadecimal."""
    return hashlib.sha256(_utf8(_paid(budget, value))).hexdigest()


def date(budget: Budget, value: Any, format: Any = "%FT%TZ", offset: Any = "+00:00") -> str:
    """A date or ISO 8601 text by a pattern such as ``%Y-%m-%d``, at an offset from UTC such as ``+09:00``."""
    pattern = need_text(format, "a format")
    budget.spend(len(pattern) // 8)
    return format_date(value, pattern, need_text(offset, "an offset"))


def string(budget: Budget, value: Any) -> str:
    """The value as it stands in text."""
    return as_text(value, budget)


def json(budget: Budget, value: Any, indent: Any = None) -> str:
    """The value as JSON text; with any ``indent``, over several lines."""
    return to_json(value, budget, indented=bool(indent))


def parse_json(budget: Budget, value: Any) -> Any:
    """The value that a JSON text stands for."""
    text = need_text(value, "JSON text")
    budget.allow_text(len(text))
    # Counted before it is read, since a few bytes of text are a whole list; what stands in quotes counts too.
    budget.allow_elements(sum(map(text.count, "[{,")))
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ExpressionError(f"the text is not JSON: line {error.lineno}, column {error.colno}") from error
    Measure(budget).add(parsed)
    return parsed


def to_int(budget: Budget, value: Any, default: Any = MISSING) -> Any:
    """A whole number out of a number (cut off after the point) or text; ``default`` when the text is none."""
    if isinstance(value, bool):
        return int(value)
    if is_number(value):
        return bounded_number(int(value))
    if isinstance(value, str) and len(value) <= 64:
        try:
            return bounded_number(int(value))
        except ValueError:
            pass
    return _or_default(value, default, "a whole number")


def to_float(budget: Budget, value: Any, default: Any = MISSING) -> Any:
    """A float out of a number or text; ``default`` when the text is none."""
    if isinstance(value, (bool, int, float)):
        return bounded_number(float(value))
    if isinstance(value, str) and len(value) <= 512:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    return _or_default(value, default, "a number")


def to_bool(budget: Budget, value: Any, default: Any = MISSING) -> Any:
    """True or false out of a number, null, or the texts true and false; ``default`` for other text."""
    if value is None or isinstance(value, (bool, int, float)):
        return bool(value)
    known = {"true": True, "false": False}
    text = value.strip().lower() if isinstance(value, str) and len(value) <= 64 else ""
    return known[text] if text in known else _or_default(value, default, "true or false")


def absolute(budget: Budget, value: Any) -> Any:
    """The number without its sign."""
    return bounded_number(abs(need_number(value)))


def round_number(budget: Budget, value: Any, precision: Any = 0, method: Any = "common") -> Any:
    """The number rounded to ``precision`` decimal places, with none to an integer; ``method`` is common, ceil or floor."""
    number = need_number(value)
    places = need_whole(precision, "precision", -18)
    if method not in ("common", "ceil", "floor"):
        raise ExpressionError("the method is 'common', 'ceil' or 'floor'")
    if places > 15:
        return number
    if method == "common":
        return bounded_number(round(number, places) if places else round(number))
    scaled = bounded_number(number * 10.0**places)
    cut = math.ceil(scaled) if method == "ceil" else math.floor(scaled)
    result = bounded_number(cut / 10.0**places)
    return result if places > 0 else bounded_number(int(result))


def _paid(budget: Budget, value: Any) -> str:
    text = need_text(value)
    budget.allow_text(len(text))
    return text


def _paid_for_case(budget: Budget, value: Any) -> str:
    text = need_text(value)
    # One letter may become three, and Python sets memory aside for that wherever there is one beyond ASCII.
    budget.allow_text(len(text) if text.isascii() else 3 * len(text))
    return text


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ExpressionError("the text holds half of a character") from error


def _or_default(value: Any, default: Any, wanted: str) -> Any:
    if default is MISSING:
        raise ExpressionError(f"{kind_of(value)} that is not {wanted}; a default can be given as the argument")
    return default
