"""What the parts of the store have in common: each is some collections over one shared `Database`."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.stores.mongo.database import Database

_WRITERS = 1024


def wall_clock() -> int:
    """The present moment in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class World:
    """What the store needs besides the database: the moment in milliseconds since 1970, and random bytes for keys."""

    clock: Callable[[], int] = wall_clock
    random_bytes: Callable[[int], bytes] = secrets.token_bytes


class Places:
    """Numbers that rise, for what must be read in the order in which it was stored.

    They follow the time, so that those of several processes do too, as well as their clocks agree; no two are equal.
    """

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._writer = int.from_bytes(world.random_bytes(2), "big") % _WRITERS
        self._last = 0

    def __call__(self) -> int:
        """The next one. It fits into 64 bits for some centuries."""
        self._last = max(self._last + 1, self._clock() * 1000)
        return self._last * _WRITERS + self._writer

    def pass_by(self, place: int) -> None:
        """Let all that follow be behind a place that another process has made."""
        self._last = max(self._last, place // _WRITERS)


class Part:
    """A part of the store. `orchestrator.stores.mongo.store.MongoStore` puts the parts together."""

    def __init__(self, database: Database, world: World) -> None:
        self._database = database
        self._world = world
        self._places = Places(world)
        self._runs = database.collection("runs")
