"""Moments as text: ISO 8601 for everything that leaves an expression, and the ``date`` filter.

The directives are formatted here rather than by ``strftime``, whose names of months depend on the process's locale and
whose unknown directives differ between platforms."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from flume.errors import ExpressionError
from flume.expressions.access import kind_of

MAX_FORMAT = 256
"""Characters of a format."""

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

_DIRECTIVES: Mapping[str, Callable[[datetime], str]] = {
    "Y": lambda moment: f"{moment.year:04}",
    "y": lambda moment: f"{moment.year % 100:02}",
    "m": lambda moment: f"{moment.month:02}",
    "d": lambda moment: f"{moment.day:02}",
    "e": lambda moment: f"{moment.day:2}",
    "H": lambda moment: f"{moment.hour:02}",
    "I": lambda moment: f"{(moment.hour + 11) % 12 + 1:02}",
    "p": lambda moment: "AM" if moment.hour < 12 else "PM",
    "M": lambda moment: f"{moment.minute:02}",
    "S": lambda moment: f"{moment.second:02}",
    "f": lambda moment: f"{moment.microsecond:06}",
    "j": lambda moment: f"{moment.timetuple().tm_yday:03}",
    "B": lambda moment: _MONTHS[moment.month - 1],
    "b": lambda moment: _MONTHS[moment.month - 1][:3],
    "A": lambda moment: _DAYS[moment.weekday()],
    "a": lambda moment: _DAYS[moment.weekday()][:3],
    "u": lambda moment: str(moment.isoweekday()),
    "w": lambda moment: str(moment.isoweekday() % 7),
    "G": lambda moment: f"{moment.isocalendar().year:04}",
    "V": lambda moment: f"{moment.isocalendar().week:02}",
    "F": lambda moment: f"{moment.year:04}-{moment.month:02}-{moment.day:02}",
    "T": lambda moment: f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}",
    "s": lambda moment: str((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)),
    "z": lambda moment: _offset_text(moment).replace(":", ""),
    "Z": lambda moment: "UTC" if not moment.utcoffset() else _offset_text(moment),
    "%": lambda moment: "%",
}
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_OFFSET = re.compile(r"([+-])(0[0-9]|1[0-4]):?([0-5][0-9])")


def iso_text(moment: datetime) -> str:
    """``moment`` in UTC as ISO 8601 with ``Z``, and with milliseconds unless they are zero."""
    universal = in_utc(moment)
    milliseconds = universal.microsecond // 1000
    seconds = universal.strftime("%H:%M:%S")
    fraction = f".{milliseconds:03}" if milliseconds else ""
    return f"{universal.year:04}-{universal.month:02}-{universal.day:02}T{seconds}{fraction}Z"


def format_date(value: Any, pattern: str, offset: str = "+00:00") -> str:
    """A date or ISO 8601 text, UTC when it names no zone, by a pattern such as ``%Y-%m-%d`` at ``offset`` from UTC."""
    if len(pattern) > MAX_FORMAT:
        raise ExpressionError(f"a date format has at most {MAX_FORMAT} characters")
    try:
        moment = in_utc(_moment(value)).astimezone(_zone(offset))
    except OverflowError as error:
        raise ExpressionError("the date is outside the years 1 to 9999") from error
    return _DIRECTIVE.sub(lambda match: _directive(match.group(1))(moment), pattern)


def _directive(letter: str) -> Callable[[datetime], str]:
    directive = _DIRECTIVES.get(letter)
    if directive is None:
        known = " ".join(f"%{name}" for name in _DIRECTIVES)
        raise ExpressionError(f"'%{letter}' is no part of a date; there are: {known}")
    return directive


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ExpressionError(f"a date or ISO 8601 text is needed, not {kind_of(value)}")
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError as error:
        raise ExpressionError("the text is not a date in ISO 8601, such as 2026-01-31T09:00:00Z") from error


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC; without a zone it is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _zone(offset: str) -> timezone:
    if offset in ("UTC", "Z"):
        return UTC
    match = _OFFSET.fullmatch(offset)
    if match is None:
        raise ExpressionError("the second argument is an offset from UTC such as '+09:00'")
    distance = timedelta(hours=int(match.group(2)), minutes=int(match.group(3)))
    return timezone(-distance if match.group(1) == "-" else distance)


def _offset_text(moment: datetime) -> str:
    minutes = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
