"""Waiting for something that is out of order for a while: how long between tries."""

import random
from collections.abc import Callable

DELAYS_S = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Waits between tries; the last one repeats."""


def delay_s(tries: int, chance: Callable[[], float] = random.random) -> float:
    """How long to wait after so many tries that failed, counted from 0.

    By chance between half and all of it, so that those who were cut off at the same moment don't come back at the same moment.
    """
    return DELAYS_S[min(tries, len(DELAYS_S) - 1)] * (1 + chance()) / 2
