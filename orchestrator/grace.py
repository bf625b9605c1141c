"""How long what is under way may go on once a process stops: one span for all parts, however many stop one after another."""

import time
from collections.abc import Callable


class Grace:
    """A span that begins when the first part stops, and of which each that follows gets what is left."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._ends_at: float | None = None

    def begin(self) -> None:
        """Let it run from now on, unless it does already."""
        if self._ends_at is None:
            self._ends_at = self._now() + self._seconds

    def left_s(self) -> float:
        """What is left, in seconds; asking begins it."""
        self.begin()
        assert self._ends_at is not None, "it has begun"
        return max(self._ends_at - self._now(), 0.0)
