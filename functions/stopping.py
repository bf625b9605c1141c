"""How a process is told to stop, and how long it then has."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import Any


class Stop:
    """When the process is to stop, and until when: all that it still does shares one deadline."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._wanted = asyncio.Event()
        self._deadline = inf

    @property
    def is_wanted(self) -> bool:
        """Whether it is to stop."""
        return self._wanted.is_set()

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; the whole grace while nobody wants the process to stop."""
        return max(min(self._deadline - monotonic(), self._grace_s), 0)

    async def wait(self) -> None:
        """Return once it is to stop."""
        await self._wanted.wait()

    def want(self) -> None:
        """Stop when what was taken is done; asked again, it gets no more time."""
        self._deadline = min(self._deadline, monotonic() + self._grace_s)
        self._wanted.set()

    def abandon(self) -> None:
        """Stop at once: nobody hears of what an orphan does, and whoever takes up the run does it again, perhaps just now."""
        self._deadline = monotonic()
        self._wanted.set()


@contextmanager
def signals_to(act: Callable[[], object]) -> Iterator[None]:
    """Act on SIGTERM and SIGINT for the length of the block."""
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, act)
    try:
        yield
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)


async def first_of(*works: Awaitable[Any]) -> None:
    """Have all go on until one of them ends, and cancel the others; raises what that one raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
