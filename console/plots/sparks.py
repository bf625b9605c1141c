"""Plots as small as a word: the latest runs of a pipeline as bars, and how a duration changed as a line."""

from collections.abc import Sequence

from markupsafe import Markup

from console.formats import duration
from console.models.runs import RunRow
from console.plots.drawing import element

HEIGHT = 20
BAR, GAP = 5, 2
TREND_WIDTH = 120
LEAST = 4
"""Height of the shortest run, so that it can be seen."""


def plot_spark(runs: Sequence[RunRow], *, places: int = 12) -> Markup:
    """The last ``places`` runs, the newest on the right."""
    shown = runs[-places:]
    most = max((run.duration_ms or 0 for run in shown), default=0) or 1
    bars = []
    for index, run in enumerate(shown, start=places - len(shown)):
        height = LEAST + (HEIGHT - LEAST) * (run.duration_ms or 0) / most
        box = {"x": index * (BAR + GAP), "y": HEIGHT - height, "width": BAR, "height": height, "rx": 1}
        title = element("title", {}, f"{run.status}, {duration(run.duration_ms)}")
        bars.append(element("rect", {"class_": f"bar bar--{run.status}", **box}, title))
    width = places * (BAR + GAP) - GAP
    failed = sum(run.status == "failed" for run in shown)
    label = f"Last {len(shown)} runs, {failed} failed" if shown else "No runs yet"
    size = {"class_": "spark", "width": width, "height": HEIGHT, "viewBox": f"0 0 {width} {HEIGHT}"}
    return element("svg", {**size, "role": "img", "aria_label": label}, Markup("").join(bars))


def plot_trend(values: Sequence[float | None]) -> Markup:
    """How a duration changed over intervals of the same length; milliseconds, None where nothing is known."""
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    most = max((value for _, value in known), default=0) or 1
    step = TREND_WIDTH / max(len(values) - 1, 1)
    points = [(2 + index * step, HEIGHT - 2 - (HEIGHT - 4) * value / most) for index, value in known]
    parts = [element("circle", {"class_": "plot__dot", "cx": x, "cy": y, "r": 1.5}) for x, y in points]
    if len(points) > 1:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(element("polyline", {"class_": "plot__line", "points": path, "fill": "none"}))
    label = f"From {duration(known[0][1])} to {duration(known[-1][1])}" if known else "Not known"
    width = TREND_WIDTH + 4
    size = {"class_": "spark", "width": width, "height": HEIGHT, "viewBox": f"0 0 {width} {HEIGHT}"}
    return element("svg", {**size, "role": "img", "aria_label": label}, Markup("").join(parts))
