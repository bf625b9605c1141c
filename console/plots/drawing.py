"""What plots have in common: elements, scales and the labels of axes."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil, floor, log10

from markupsafe import Markup, escape

Attributes = Mapping[str, object]


def element(name: str, attributes: Attributes, content: Markup | str = "") -> Markup:
    """An SVG element. Attribute names write ``_`` for ``-``; numbers are rounded to tenths; text content is escaped."""
    given = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _number(value))
        for key, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), given, escape(content))


def picture(width: int, height: int, label: str, parts: Sequence[Markup]) -> Markup:
    """A plot as wide as the place it is put into. ``label`` says in words what is to be seen."""
    attributes = {"class_": "plot", "viewBox": f"0 0 {width} {height}", "role": "img", "aria_label": label}
    return element("svg", attributes, Markup("").join(parts))


def nice_ceiling(value: float) -> float:
    """The next number that people count by: 1, 2, 5, 10, 20, 50 …"""
    if value <= 0:
        return 1
    unit = 10.0 ** floor(log10(value))
    return next(step * unit for step in (1, 2, 5, 10) if step * unit >= value * 0.999)


def nice_count(value: int) -> int:
    """`nice_ceiling` for what can't be divided: even, so that half of it can be labelled."""
    top = ceil(nice_ceiling(max(value, 2)))
    return top + top % 2


def time_labels(start: datetime, end: datetime) -> list[tuple[float, str]]:
    """Labels of a time axis: places from 0 to 1 with texts, at whole hours or days."""
    length = end - start
    step = next((each for each in _STEPS if length / each <= 7), _STEPS[-1])
    at = _next_whole(start, step)
    labels = []
    while at < end:
        place = (at - start) / length
        # A label at the very edge would be cut off.
        if 0.02 < place < 0.98:
            labels.append((place, f"{at:%H:%M}" if step < timedelta(days=1) else f"{at:%b} {at.day}"))
        at += step
    return labels


_STEPS = (
    timedelta(minutes=5),
    timedelta(minutes=10),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
    timedelta(days=1),
    timedelta(days=5),
    timedelta(days=30),
)


def _next_whole(at: datetime, step: timedelta) -> datetime:
    seconds = step.total_seconds()
    return datetime.fromtimestamp(ceil(at.timestamp() / seconds) * seconds, at.tzinfo)


def _number(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value
