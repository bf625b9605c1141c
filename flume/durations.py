"""Durations as people write them: ``1h30m``, ``PT30S``, or a number of seconds."""

import re
from datetime import timedelta
from decimal import Decimal

LONGEST = timedelta(days=3650)
"""The longest duration that is taken for meant."""

_NUMBER = r"\d{1,15}(?:\.\d{1,9})?"
_SHORT = re.compile(
    rf"(?:(?P<d>{_NUMBER})d)?(?:(?P<h>{_NUMBER})h)?(?:(?P<m>{_NUMBER})m)?(?:(?P<s>{_NUMBER})s)?(?:(?P<ms>{_NUMBER})ms)?",
    re.ASCII,
)
_ISO = re.compile(
    rf"P(?:(?P<w>{_NUMBER})W)?(?:(?P<d>{_NUMBER})D)?"
    rf"(?:T(?=\d)(?:(?P<h>{_NUMBER})H)?(?:(?P<m>{_NUMBER})M)?(?:(?P<s>{_NUMBER})S)?)?",
    re.ASCII,
)
_PLAIN = re.compile(_NUMBER, re.ASCII)
_MICROSECONDS = {
    "ms": 1_000,
    "s": 10**6,
    "m": 60 * 10**6,
    "h": 3600 * 10**6,
    "d": 86_400 * 10**6,
    "w": 7 * 86_400 * 10**6,
}

EXPECTED = "a duration such as 500ms, 30s, 5m, 1h30m, 2d, PT30S, or a number of seconds"


def parse_duration(value: object) -> timedelta:
    """The duration that ``value`` writes, from 0 to `LONGEST`; what is finer than a microsecond is rounded.

    Text is units from large to small, each at most once, ISO 8601 without years and months (whose length varies), or
    digits: seconds. Raises ValueError with a sentence that says what is wrong.
    """
    microseconds = _microseconds(value)
    if microseconds > LONGEST // timedelta(microseconds=1):
        raise ValueError(f"longer than {LONGEST.days:,} days")
    return timedelta(microseconds=int(microseconds.to_integral_value()))


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as the same duration: ``1h30m``, ``1.5ms``, ``0s``.

    Raises ValueError for a negative one.
    """
    left = duration // timedelta(microseconds=1)
    if left < 0:
        raise ValueError("a negative duration has no text")
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, _MICROSECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    if left:
        parts.append(f"{Decimal(left) / 1000:f}ms")
    return "".join(parts) or "0s"


def _microseconds(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"expected {EXPECTED}")
    if isinstance(value, str):
        return _microseconds_of_text(value)
    seconds = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    if not seconds.is_finite() or seconds < 0:
        raise ValueError("a duration can't be negative or infinite")
    return seconds * _MICROSECONDS["s"]


def _microseconds_of_text(text: str) -> Decimal:
    stripped = text.strip()
    if _PLAIN.fullmatch(stripped):
        return Decimal(stripped) * _MICROSECONDS["s"]
    match = _SHORT.fullmatch(stripped) or _ISO.fullmatch(stripped)
    amounts = {unit: amount for unit, amount in match.groupdict().items() if amount} if match else {}
    if not amounts:
        raise ValueError(_reason(stripped))
    return sum((Decimal(amount) * _MICROSECONDS[unit] for unit, amount in amounts.items()), Decimal(0))


def _reason(text: str) -> str:
    shown = text if len(text) <= 40 else text[:39] + "…"
    if text.startswith("-"):
        return "a duration can't be negative"
    if re.match(r"P[\d.]*[YM]", text):
        return f"'{shown}' counts years or months, whose length varies; write days"
    if "{{" in text:
        return "a template can't stand here; write a fixed duration"
    return f"'{shown}' is not a duration; expected {EXPECTED}"
