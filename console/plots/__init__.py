"""Plots as SVG, made on the server: pure functions from numbers to `Markup`.

They carry classes and no colors, so that one picture serves both themes, and a sentence for those who can't see them.
"""

from console.plots.durations import Line, plot_lines
from console.plots.outcomes import plot_outcomes
from console.plots.sparks import plot_spark, plot_trend

__all__ = ["Line", "plot_lines", "plot_outcomes", "plot_spark", "plot_trend"]
