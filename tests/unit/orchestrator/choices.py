"""Choices out of bytes: hypothesis draws and shrinks one byte string, and whoever decides takes a byte at a time.

Once the bytes are used up every choice is the first: whatever stands first must be what lets a run go on and end.
"""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Decisions made ahead."""

    def __init__(self, source: bytes) -> None:
        self._source = iter(source)
        self.left = len(source)

    def below(self, bound: int) -> int:
        """A number from 0 to ``bound`` - 1."""
        self.left = max(self.left - 1, 0)
        return next(self._source, 0) % bound

    def one_in(self, odds: int) -> bool:
        """True once in ``odds`` times."""
        return self.below(odds) == odds - 1

    def of(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]
