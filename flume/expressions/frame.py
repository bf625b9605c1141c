"""What the parts of an expression are evaluated against, and what a translated part is."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from flume.expressions.budget import Budget


class Frame:
    """One evaluation, or one pass of a loop in it: the names in scope, what was set on the way, and the budget."""

    __slots__ = ("budget", "local", "scope")

    def __init__(self, scope: Mapping[str, object], budget: Budget, local: dict[str, Any]) -> None:
        self.scope = scope
        self.budget = budget
        self.local = local

    def inner(self) -> "Frame":
        """A frame for one pass of a loop: what is set in it is gone afterwards."""
        self.budget.spend(1 + len(self.local) // 16)
        return Frame(self.scope, self.budget, dict(self.local))


Program: TypeAlias = Callable[[Frame], Any]
"""A translated expression: gives its value, or raises `flume.errors.ExpressionError`."""
