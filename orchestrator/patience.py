"""Waiting for a store that is out of order for a while: how long between tries, and a read that waits it out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from flume.errors import StoreError, UnavailableError

logger = logging.getLogger(__name__)

T = TypeVar("T")

DELAYS_S = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Waits between tries; the last one repeats."""


def delay_s(tries: int) -> float:
    """How long to wait after so many tries that failed, counted from 0."""
    return DELAYS_S[min(tries, len(DELAYS_S) - 1)]


async def patiently(read: Callable[[], Awaitable[T]]) -> T:
    """What the store gives, once it does; for reads that a run can't go on without. Ends otherwise only by cancellation."""
    tries = 0
    while True:
        try:
            return await read()
        except (StoreError, UnavailableError) as error:
            if tries == 0:
                logger.warning("the store can't be read; trying again until it can", extra={"reason": str(error)})
            await asyncio.sleep(delay_s(tries))
            tries += 1
