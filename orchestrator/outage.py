"""A store that is out of reach: all parts that notice it say so together once, and once more when it is back.

Each part goes on trying by itself, with `orchestrator.patience.delay_s` between tries.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from flume.errors import OverloadedError, StoreError, UnavailableError
from orchestrator.patience import DELAYS_S, delay_s

logger = logging.getLogger(__name__)

T = TypeVar("T")


class StoreOutage:
    """Who finds the store failing just now. ``now`` counts seconds, from whenever."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began_at = 0.0
        self._failing: dict[Hashable, StoreError | UnavailableError] = {}

    @property
    def failure(self) -> StoreError | UnavailableError | None:
        """What one of the parts was told last; None while all is well."""
        return next(iter(self._failing.values()), None)

    def noticed(self, part: Hashable, error: StoreError | UnavailableError) -> None:
        """The store failed ``part``, which will try again. Safe to repeat."""
        if not self._failing:
            self._began_at = self._now()
            logger.error("the store can't be used; trying again until it can", extra={"reason": str(error)})
        self._failing[part] = error

    def passed(self, part: Hashable) -> None:
        """The store did what ``part`` wanted, or nobody wants it any more. Costs next to nothing while all is well."""
        if self._failing and self._failing.pop(part, None) is not None and not self._failing:
            logger.warning("the store can be used again", extra={"after_s": round(self._now() - self._began_at, 1)})

    def pause_s(self, part: Hashable, usual_s: float) -> float:
        """How long ``part``, which looks at the store every ``usual_s``, waits now: less while it finds it failing."""
        return min(usual_s, delay_s(len(DELAYS_S))) if part in self._failing else usual_s

    @contextmanager
    def tolerated(self, part: Hashable) -> Iterator[None]:
        """Let the block fail because of the store: that is told, and ``part`` tries again. What is only too much is raised."""
        try:
            yield
        except OverloadedError:
            raise
        except (StoreError, UnavailableError) as error:
            self.noticed(part, error)
        else:
            self.passed(part)

    async def wait_out(self, read: Callable[[], Awaitable[T]]) -> T:
        """What the store gives, once it does; for what a run can't go on without. Ends otherwise only by cancellation."""
        part, tries = object(), 0
        try:
            while True:
                try:
                    return await read()
                except (StoreError, UnavailableError) as error:
                    self.noticed(part, error)
                    await asyncio.sleep(delay_s(tries))
                    tries += 1
        finally:
            self.passed(part)
