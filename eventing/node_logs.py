"""The log lines of a node: whatever it says becomes a bounded, JSON-able line without secrets, and never an error.

Secrets are masked before a text is cut: the beginning of one that stands across the cut would be left otherwise.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import orjson

from eventing.invocations import LogRecord, Reports
from flume.ids import Millis
from flume.nodes.context import LogLevel
from flume.nodes.invocation import as_json
from flume.values import JsonValue, check_value

MAX_LOG_MESSAGE = 8 * 1024
"""Characters of a line's message."""

MAX_LOG_FIELDS = 32
"""Fields of one line; further ones are dropped."""

MAX_LOG_FIELD_BYTES = 8 * 1024
"""What the fields of one line take as JSON; values beyond it are cut."""

MAX_LOG_KEY = 200
"""Characters of a field's name."""

CUT = "…"
"""Ends a text that was cut."""

LEVELS = frozenset({"debug", "info", "warning", "error"})


class NodeLog:
    """The `flume.nodes.context.LogSink` of one attempt. ``mask`` takes secrets out of a value."""

    def __init__(self, reports: Reports, mask: Callable[[JsonValue], Any], clock: Callable[[], datetime]) -> None:
        self._reports = reports
        self._mask = mask
        self._clock = clock

    def __call__(self, level: LogLevel, message: str, fields: Mapping[str, object]) -> None:
        """Take one line. A level that there is not counts as ``info``."""
        at = Millis(int(self._clock().timestamp() * 1000))
        known = level if isinstance(level, str) and level in LEVELS else "info"
        text = shortened(self._mask(clean(_text_of(message, str))), MAX_LOG_MESSAGE)
        self._reports.log(LogRecord(at, known, text, dict(self._bounded(fields))))

    def _bounded(self, fields: Mapping[str, object]) -> Iterator[tuple[str, JsonValue]]:
        left = MAX_LOG_FIELD_BYTES
        for key, value in islice(fields.items(), MAX_LOG_FIELDS):
            name = shortened(self._mask(clean(str(key)).replace("\0", "�")), MAX_LOG_KEY)
            left -= _size(name)
            kept = _fitting(self._mask(_loggable(value)), max(left, 0))
            left -= _size(kept)
            yield name, kept


def clean(text: str) -> str:
    """A text that can be encoded: lone surrogates become question marks."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters; one that was cut says so."""
    return text if len(text) <= most else text[: most - len(CUT)] + CUT


def _loggable(value: object) -> JsonValue:
    """The value as JSON, or as text if it is none."""
    try:
        plain = as_json(value)
        check_value(plain)
    # The edge of a node's code: a value may do anything when it is looked at.
    except Exception:
        return clean(_text_of(value, repr))
    return plain


def _text_of(value: object, show: Callable[[object], str]) -> str:
    try:
        return show(value)
    # As above: a log line must not be what fails a node.
    except Exception:
        return f"<a {type(value).__name__} that can't be shown>"


def _fitting(value: JsonValue, most: int) -> JsonValue:
    """The value, or as much of its text as fits into so many bytes of JSON."""
    if _size(value) <= most:
        return value
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    while text and (size := _size(text)) > most:
        text = text[: max(len(text) * most // size - 1, 0)]
    return text + CUT


def _size(value: JsonValue) -> int:
    return len(orjson.dumps(value))
