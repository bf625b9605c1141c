"""Runs per interval, stacked by outcome."""

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from console.formats import count
from console.models.statistics import OUTCOMES, Interval
from console.plots.drawing import element, nice_count, picture, time_labels

WIDTH, HEIGHT = 480, 150
LEFT, RIGHT, TOP, BOTTOM = 34, 4, 8, 22
GAP = 0.25
"""How much of an interval's width is left free."""


def plot_outcomes(intervals: Sequence[Interval], until: datetime) -> Markup:
    """A bar for each interval: failed runs at the bottom, where they are seen first, completed ones on top."""
    most = nice_count(max((each.total for each in intervals), default=0))
    parts = [*_grid(most), *_times(intervals, until)]
    width = (WIDTH - LEFT - RIGHT) / max(len(intervals), 1)
    for index, interval in enumerate(intervals):
        if interval.total:
            parts.append(_bar(interval, LEFT + index * width, width, most))
    return picture(WIDTH, HEIGHT, _label(intervals), parts)


def _bar(interval: Interval, x: float, width: float, most: int) -> Markup:
    scale = (HEIGHT - TOP - BOTTOM) / most
    y = float(HEIGHT - BOTTOM)
    parts = [element("title", {}, _title(interval))]
    for outcome in reversed(OUTCOMES):
        amount = interval.counts.get(outcome, 0)
        if amount:
            # One run among thousands must not vanish.
            height = max(amount * scale, 1.5)
            y -= height
            box = {"x": x + width * GAP / 2, "y": y, "width": width * (1 - GAP), "height": height}
            parts.append(element("rect", {"class_": f"bar bar--{outcome}", **box}))
    return element("g", {}, Markup("").join(parts))


def _grid(most: int) -> list[Markup]:
    parts = []
    for value in (0, most // 2, most):
        y = HEIGHT - BOTTOM - value * (HEIGHT - TOP - BOTTOM) / most
        parts.append(element("line", {"class_": "plot__grid", "x1": LEFT, "x2": WIDTH - RIGHT, "y1": y, "y2": y}))
        parts.append(element("text", {"x": LEFT - 6, "y": y + 4, "text_anchor": "end"}, f"{value:,}"))
    return parts


def _times(intervals: Sequence[Interval], until: datetime) -> list[Markup]:
    if not intervals:
        return []
    return [
        element(
            "text",
            {"x": LEFT + place * (WIDTH - LEFT - RIGHT), "y": HEIGHT - 6, "text_anchor": "middle"},
            text,
        )
        for place, text in time_labels(intervals[0].since, until)
    ]


def _title(interval: Interval) -> str:
    told = ", ".join(f"{interval.counts[each]:,} {each}" for each in OUTCOMES if interval.counts.get(each))
    return f"{interval.since:%b} {interval.since.day}, {interval.since:%H:%M}: {told}"


def _label(intervals: Sequence[Interval]) -> str:
    failed = sum(each.counts.get("failed", 0) for each in intervals)
    return f"{count(sum(each.total for each in intervals), 'run')} ended, {failed:,} of them failed"
