"""What may have changed since the last look: kinds on the cluster, and the API."""

import asyncio
from collections.abc import Iterable

from knative.operator.kinds import ALL_KINDS, Kind


class News:
    """Gathers what is told from everywhere, until somebody takes it."""

    def __init__(self) -> None:
        self._kinds: set[Kind] = set(ALL_KINDS)
        self._has_engine = True
        self._any = asyncio.Event()
        self._any.set()

    def of_kind(self, kind: Kind) -> None:
        """Something happened to an object of this kind."""
        self._kinds.add(kind)
        self._any.set()

    def of_kinds(self, kinds: Iterable[Kind]) -> None:
        """Likewise for several."""
        for kind in kinds:
            self.of_kind(kind)

    def of_engine(self) -> None:
        """Something changed at the API."""
        self._has_engine = True
        self._any.set()

    def of_pods(self) -> None:
        """Something changed of which neither has to be asked: what the platform does to pods is told by itself."""
        self._any.set()

    def of_everything(self) -> None:
        """Nobody knows what may have been missed."""
        self.of_engine()
        self.of_kinds(ALL_KINDS)

    def __len__(self) -> int:
        """In how many kinds something has changed; the API is one more."""
        return len(self._kinds) + self._has_engine

    async def wait(self, most_s: float) -> bool:
        """Wait until there is some, or so long; whether there is."""
        try:
            async with asyncio.timeout(most_s):
                await self._any.wait()
        except TimeoutError:
            return False
        return True

    def take(self) -> tuple[frozenset[Kind], bool]:
        """The kinds, and whether the API changed; from now on there is none."""
        taken = frozenset(self._kinds), self._has_engine
        self._kinds.clear()
        self._has_engine = False
        self._any.clear()
        return taken
