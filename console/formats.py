"""How pages write times, durations and values: pure functions, also used as filters in templates."""

import json
import math
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

NONE = "–"
"""Stands where there is nothing."""


def parse_time(text: str | None) -> datetime | None:
    """A moment as the API writes it."""
    return None if not text else datetime.fromisoformat(text)


def millis_between(start: str | None, end: str | None) -> int | None:
    """Milliseconds from one moment to another; None if one of them is not known."""
    began, ended = parse_time(start), parse_time(end)
    return None if began is None or ended is None else round((ended - began).total_seconds() * 1000)


def duration(milliseconds: float | None) -> str:
    """``321 ms``, ``10.4 s``, ``4 m 02 s``, ``3 h 05 m``, ``2 d 04 h``."""
    if milliseconds is None:
        return NONE
    if milliseconds < SECOND_MS:
        return f"{milliseconds:.0f} ms"
    if milliseconds < MINUTE_MS - 50:
        return f"{milliseconds / SECOND_MS:.1f} s"
    seconds = round(milliseconds / SECOND_MS)
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60:02} s"
    minutes = seconds // 60
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02} m"
    return f"{minutes // 1440} d {minutes // 60 % 24:02} h"


def ago(text: str | None, now: datetime) -> str:
    """How far a moment is from now, in one unit: ``3 min ago``, ``in 2 h``, ``now``."""
    at = parse_time(text)
    if at is None:
        return NONE
    # As ago.ts has it, which goes on with these texts in the browser.
    seconds = math.floor((now - at).total_seconds() + 0.5)
    if abs(seconds) < 5:
        return "now"
    span = _span(abs(seconds))
    return f"{span} ago" if seconds > 0 else f"in {span}"


def _span(seconds: int) -> str:
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def clock(text: str | None, now: datetime) -> str:
    """A moment of today as ``14:06:56``, of another day with its date."""
    at = parse_time(text)
    if at is None:
        return NONE
    at = at.astimezone(UTC)
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M:%S}"


def moment(text: str | None) -> str:
    """A moment in full, with its time zone."""
    at = parse_time(text)
    return NONE if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"


def size(count: int) -> str:
    """Bytes: ``812 bytes``, ``12 kB``, ``3.4 MB``."""
    if count < 1000:
        return f"{count} bytes"
    if count < 1_000_000:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1_000_000:.1f} MB"


def share(part: float, whole: float) -> str:
    """A part of a whole in per cent; nothing where there is no whole. 99.96 % is not 100 %."""
    if not whole:
        return NONE
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent in (0, 100) else f"{min(max(percent, 0.1), 99.9):.1f} %"


def days(number: float) -> str:
    """``30 days``, ``0.5 days``."""
    return f"{number:,g} {'day' if number == 1 else 'days'}"


def count(number: float, one: str, many: str | None = None) -> str:
    """``1 run``, ``1,234 runs``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def pretty(value: Any) -> str:
    """A value for reading: text as it is, everything else as indented JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def prose(text: str) -> Markup:
    """A sentence with its code marks, which are all of Markdown that descriptions use."""
    parts = text.replace("``", "`").split("`")
    marked = (Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts))
    return Markup("").join(marked)


def sentence(text: str) -> str:
    """A text of the API as a sentence."""
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


def island_json(value: Any) -> str:
    """JSON for a ``<script type="application/json">``, which it can't end before its time."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def short_id(run_id: str) -> str:
    """The end of a run's id, which tells runs of one day apart: the beginning is the time."""
    return run_id[-8:]
