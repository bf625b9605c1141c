"""Pipelines that were read a moment ago, so that a start costs no question to the store."""

from collections.abc import Awaitable, Callable

from orchestrator.identifiers import Clock
from orchestrator.store import PipelineRecord

FRESH_MS = 1_000
"""How long a record is taken for true; the most that a change made by another replica goes unnoticed."""

CAPACITY = 1_000

Key = tuple[str, str]


class RecentPipelines:
    """Remembers records by namespace and name. Changes of this process show at once: they call `forget`."""

    def __init__(self, read: Callable[[str, str], Awaitable[PipelineRecord]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._kept: dict[Key, tuple[int, PipelineRecord]] = {}
        self._changes = 0

    async def read(self, namespace: str, name: str) -> PipelineRecord:
        """A pipeline as it was at most `FRESH_MS` ago. Raises `NotFoundError`."""
        key, now = (namespace, name), self._clock()
        found = self._kept.get(key)
        if found is not None and 0 <= now - found[0] < FRESH_MS:
            return found[1]
        changes = self._changes
        record = await self._read(namespace, name)
        # What was read while something changed may be what it was before.
        if changes == self._changes:
            self._keep(key, now, record)
        return record

    def forget(self, namespace: str, name: str) -> None:
        """The pipeline was changed."""
        self._changes += 1
        self._kept.pop((namespace, name), None)

    def _keep(self, key: Key, now: int, record: PipelineRecord) -> None:
        self._kept.pop(key, None)
        self._kept[key] = (now, record)
        if len(self._kept) > CAPACITY:
            del self._kept[next(iter(self._kept))]
