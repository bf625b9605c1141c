"""What filters work with for one event: its attributes, and how much may still be done about it.

Whoever writes filters may do it for many events of others, on the loop that everything waits for. So work is counted in steps,
for all filters of a trigger together: an operand is one, 16 characters that are read or made are one, and a character that is
held against a pattern is one, which takes some tenths of a microsecond.
"""

from flume.errors import ExpressionError
from flume.filters.cesql.values import Attributes

MAX_STEPS = 50_000
"""Steps of all filters of a trigger for one event: some ten milliseconds at the most."""

CHARACTERS_PER_STEP = 16


class Scope:
    """One event for the filters of one trigger. Once `spend` has raised, it raises for ever."""

    __slots__ = ("_steps_left", "attributes")

    def __init__(self, attributes: Attributes, steps: int = MAX_STEPS) -> None:
        self.attributes = attributes
        self._steps_left = steps

    @property
    def is_spent(self) -> bool:
        """Whether more was to be done than is allowed, so that no result is to be trusted."""
        return self._steps_left < 0

    def spend(self, steps: int) -> None:
        """Take steps away. Raises `flume.errors.ExpressionError` when there are not that many."""
        self._steps_left -= steps
        if self._steps_left < 0:
            raise ExpressionError(f"the filters take more than {MAX_STEPS:,} steps for this event")

    def spend_on_text(self, characters: int) -> None:
        """Pay for a text of that length, read or made."""
        self.spend(1 + characters // CHARACTERS_PER_STEP)
