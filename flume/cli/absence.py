"""Servers that answered and then don't for a while, as they do when they are restarted: how long that is borne."""

import time
from collections.abc import Callable
from typing import Protocol

from flume.errors import FlumeError

AWAY_S = 120.0
"""A server that has been away for so long is given up; one that moves to another machine takes a minute."""

PAUSE_S = 1.0
"""Between two calls of a server that is away."""


class AwayError(FlumeError):
    """A server that had answered before does not any more."""

    code = "unreachable"
    hint = "what was started there goes on by itself once it is back"

    def __init__(self, url: str, reason: FlumeError) -> None:
        super().__init__(f"the server at {url} has been away for {AWAY_S:g} s: {reason}")


class Clock(Protocol):
    """The time as clients count it. ``now`` is in seconds since any moment."""

    def now(self) -> float:
        """Seconds, never fewer than before."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return so much later."""
        ...


class SystemClock:
    """The clock of this machine."""

    now: Callable[[], float] = staticmethod(time.monotonic)
    sleep: Callable[[float], None] = staticmethod(time.sleep)


class Absence:
    """Whether a server is away just now, and for how long. Tell it of each failed call, and of each sign of life."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._since: float | None = None

    def end(self) -> None:
        """Something came through."""
        self._since = None

    def bear(self, error: FlumeError) -> None:
        """Wait until another call is due. Raises `AwayError` when the server has been away for too long."""
        now = self._clock.now()
        self._since = now if self._since is None else self._since
        if now - self._since >= AWAY_S:
            raise AwayError(self._url, error) from error
        self._clock.sleep(PAUSE_S)
