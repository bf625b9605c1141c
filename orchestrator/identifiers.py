"""Ids made by the orchestrator: ObjectIds, so that both stores hold the same ones and lists by id are lists by time."""

import secrets
from collections.abc import Callable
from itertools import count

from flume.ids import Millis

Clock = Callable[[], Millis]
"""Gives the present moment."""


class IdSource:
    """Makes ids of 24 hexadecimal digits: 4 bytes of seconds, 5 random bytes of this source, and a counter of 3 bytes.

    Ids of one source rise in the order in which they are made, as long as the clock does not go back.
    """

    def __init__(self, clock: Clock, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._clock = clock
        self._source = random_bytes(5).hex()
        # Half of the range is left free, so that the counter does not turn over soon and break the order within a second.
        self._counter = count(int.from_bytes(random_bytes(3), "big") >> 1)
        self._last_second = 0

    def __call__(self) -> str:
        """The next id."""
        self._last_second = max(self._last_second, self._clock() // 1000)
        return f"{self._last_second:08x}{self._source}{next(self._counter) & 0xFFFFFF:06x}"
