"""Durations over time as lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from console.formats import duration
from console.plots.drawing import element, nice_ceiling, picture, time_labels

WIDTH, HEIGHT = 480, 150
LEFT, RIGHT, TOP, BOTTOM = 52, 6, 8, 22


MANY = 24
"""Points of more intervals than these are drawn smaller, so that the line stays to be seen."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line: milliseconds by interval, None where there are none. ``name`` is shown, ``variant`` makes its class."""

    name: str
    variant: str
    values: Sequence[float | None]


def plot_lines(lines: Sequence[Line], since: datetime, until: datetime) -> Markup:
    """Lines over the same intervals, from ``since`` to ``until``; a gap is where nothing is known."""
    most = nice_ceiling(max((value for line in lines for value in line.values if value is not None), default=0))
    parts = [*_grid(most), *_times(since, until)]
    for line in lines:
        parts += _line(line, most)
    return picture(WIDTH, HEIGHT, _label(lines), parts)


def _line(line: Line, most: float) -> list[Markup]:
    step = (WIDTH - LEFT - RIGHT) / max(len(line.values), 1)
    points = [
        None if value is None else (LEFT + (index + 0.5) * step, HEIGHT - BOTTOM - value * _scale(most))
        for index, value in enumerate(line.values)
    ]
    parts = []
    for stretch in _stretches(points):
        if len(stretch) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in stretch)
            variant = f"plot__line plot__line--{line.variant}"
            parts.append(element("polyline", {"class_": variant, "points": path, "fill": "none"}))
    for point, value in zip(points, line.values, strict=True):
        if point is not None:
            title = element("title", {}, f"{line.name}: {duration(value)}")
            place = {"cx": point[0], "cy": point[1], "r": 2 if len(points) <= MANY else 1.4}
            parts.append(element("circle", {"class_": f"plot__dot plot__line--{line.variant}", **place}, title))
    return parts


def _stretches(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """Points that follow one another without a gap."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            stretches.append([])
        else:
            stretches[-1].append(point)
    return [stretch for stretch in stretches if stretch]


def _scale(most: float) -> float:
    return (HEIGHT - TOP - BOTTOM) / most


def _grid(most: float) -> list[Markup]:
    parts = []
    for value in (0, most / 2, most):
        y = HEIGHT - BOTTOM - value * _scale(most)
        parts.append(element("line", {"class_": "plot__grid", "x1": LEFT, "x2": WIDTH - RIGHT, "y1": y, "y2": y}))
        text = "0" if not value else _axis_text(value)
        parts.append(element("text", {"x": LEFT - 6, "y": y + 4, "text_anchor": "end"}, text))
    return parts


def _axis_text(milliseconds: float) -> str:
    """Shorter than `duration`: the axis has whole numbers, mostly."""
    for length, unit in ((3_600_000, "h"), (60_000, "m"), (1000, "s")):
        if milliseconds >= length:
            return f"{milliseconds / length:.3g} {unit}"
    return f"{milliseconds:.3g} ms"


def _times(since: datetime, until: datetime) -> list[Markup]:
    width = WIDTH - LEFT - RIGHT
    return [
        element("text", {"x": LEFT + place * width, "y": HEIGHT - 6, "text_anchor": "middle"}, text)
        for place, text in time_labels(since, until)
    ]


def _label(lines: Sequence[Line]) -> str:
    latest = []
    for line in lines:
        known = [value for value in line.values if value is not None]
        if known:
            latest.append(f"{line.name} {duration(known[-1])}")
    return f"Durations, the latest: {', '.join(latest)}" if latest else "Durations: none yet"
