"""Whether a process takes on more runs: a bound on those in memory, and one on memory itself.

Runs that only sleep count for neither. Who is refused is told when to come back; what was taken on before has room to go on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from flume.errors import OverloadedError

LOOK_S = 0.25
"""How long a look at the memory counts: within that time no caller can send what would fill the rest."""

FEW = 64
"""With so few runs under way a process takes on more whatever its memory: what it once had may never be given back."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process takes on. Beyond ``runs`` in memory, or ``memory_bytes`` (0: no bound), new ones are refused with 429."""

    runs: int = 20_000
    memory_bytes: int = 0


class Admission:
    """The bounds of a process. ``resident`` tells how many bytes of memory it has, ``now`` counts seconds."""

    def __init__(
        self, limits: Limits, *, resident: Callable[[], int] = lambda: 0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._resident = resident
        self._now = now
        self._looks_at = 0.0
        self._is_short = False

    def room(self, runs: int) -> int:
        """How many more runs may be taken on, with so many in memory."""
        return 0 if self._is_short_of_memory(runs) else max(self._limits.runs - runs, 0)

    def check(self, runs: int) -> None:
        """Raise `OverloadedError` unless one more run may be taken on. Costs next to nothing."""
        if runs >= self._limits.runs:
            raise OverloadedError(f"{self._limits.runs:,} runs are under way here already")
        if self._is_short_of_memory(runs):
            most = self._limits.memory_bytes // 2**20
            raise OverloadedError(f"the runs that are under way here fill the {most:,} MiB that there are for them")

    def _is_short_of_memory(self, runs: int) -> bool:
        if not self._limits.memory_bytes or runs < FEW:
            return False
        now = self._now()
        if now >= self._looks_at:
            self._looks_at = now + LOOK_S
            self._is_short = self._resident() > self._limits.memory_bytes
        return self._is_short
