"""What this replica has said it watches, and who has heard of it.

Between the moment at which somebody begins to watch and the one at which another replica knows of it, that replica says nothing
of what it commits. The gap is closed here: once all others have heard, the watchers are told to read the store again. One that
does not answer in time holds nobody up; when it answers after all, they are told once more.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

MOST_OPEN = 1_000
"""Announcements of which answers are counted; an answer to an older one is taken for that of a latecomer nobody waits for."""


@dataclass(slots=True)
class _Announced:
    topics: Collection[str]
    heard: int = 0
    receivers: int | None = None
    """How many have to answer; None until it is known how many were reached."""
    is_late: bool = False


class Announcements:
    """Counts answers. ``on_heard`` gets the topics whose watchers have to look again; answers are waited for ``answer_s``."""

    def __init__(self, on_heard: Callable[[Collection[str]], None], *, answer_s: float) -> None:
        self._on_heard = on_heard
        self._answer_s = answer_s
        self._number = 0
        self._open: dict[int, _Announced] = {}

    def number(self, topics: Collection[str]) -> int:
        """The number of a new announcement."""
        self._number += 1
        self._open[self._number] = _Announced(topics)
        if len(self._open) > MOST_OPEN:
            del self._open[next(iter(self._open))]
        return self._number

    def sent(self, number: int, receivers: int) -> None:
        """An announcement has reached so many, besides the one who made it. Answers may have come before."""
        announced = self._open.get(number)
        if announced is None:
            return
        announced.receivers = receivers
        if receivers == 0:
            del self._open[number]
        elif not self._has_ended(number, announced):
            asyncio.get_running_loop().call_later(self._answer_s, self._wait_no_more, number, announced)

    def heard(self, number: int) -> None:
        """Somebody has heard an announcement, and may have been silent about its topics until now."""
        announced = self._open.get(number)
        if announced is None:
            return
        announced.heard += 1
        if not self._has_ended(number, announced) and announced.is_late:
            self._on_heard(announced.topics)

    def clear(self) -> None:
        """Nobody knows of anything any more. Numbers go on."""
        self._open.clear()

    def _has_ended(self, number: int, announced: _Announced) -> bool:
        if announced.receivers is None or announced.heard < announced.receivers:
            return False
        del self._open[number]
        self._on_heard(announced.topics)
        return True

    def _wait_no_more(self, number: int, announced: _Announced) -> None:
        """From now on each answer counts by itself."""
        if self._open.get(number) is announced:
            announced.is_late = True
            self._on_heard(announced.topics)
