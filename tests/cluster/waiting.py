"""Waits for conditions of a cluster, with a deadline, and says what was seen last when it gives up."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class NotYetError(Exception):
    """What is waited for is not so yet. The message says what is so instead."""


class GivenUpError(AssertionError):
    """It was not so in time."""


@dataclass(frozen=True)
class Waiting:
    """How waiting is done; tests of it replace the clock. ``seen`` is asked for more to tell when it gives up.

    ``patience`` is what deadlines are multiplied by: a cluster may be slow.
    """

    seen: Callable[[], str] = str
    pause_s: float = 1.0
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    patience: float = 1.0

    def until(self, what: str, look: Callable[[], T], *, within_s: float) -> T:
        """What ``look`` returns, once it raises `NotYetError` no more. Raises `GivenUpError` after ``within_s`` × patience."""
        begun, within_s = self.now(), within_s * self.patience
        while True:
            try:
                return look()
            except NotYetError as error:
                last = error
            if self.now() - begun >= within_s:
                raise GivenUpError(f"not within {within_s:g} s: {what}\nlast: {last}\n{self.seen()}".rstrip()) from last
            self.sleep(self.pause_s)

    def holds(self, what: str, look: Callable[[], object], *, for_s: float) -> None:
        """Raise `GivenUpError` if ``look`` raises `NotYetError` at any time within the next seconds."""
        begun = self.now()
        while self.now() - begun < for_s:
            try:
                look()
            except NotYetError as error:
                raise GivenUpError(f"no longer so: {what}\nnow: {error}\n{self.seen()}".rstrip()) from error
            self.sleep(self.pause_s)
