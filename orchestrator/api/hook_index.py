"""Which pipeline has a webhook path: kept in memory, so that a call to an unknown path costs the store nothing.

The index only says where to look. What it finds is read from the store again for every call; so it may be behind after
another replica saved a pipeline, but never wrong.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

from orchestrator.bus import PIPELINES_TOPIC, Bus, Message, PipelineChanged
from orchestrator.store import PipelineFilter, PipelineRecord, PipelineStore

PAGE = 500

STALE_AFTER_S = 5.0
"""How old the index may be when a path is not found in it: the bus between replicas may have lost a message."""

Key = tuple[str, str]
"""``(namespace, path or name)``"""


class HookIndex:
    """Finds pipelines by webhook path. ``now_s`` is a clock that never goes back."""

    def __init__(self, store: PipelineStore, bus: Bus, *, now_s: Callable[[], float]) -> None:
        self._store = store
        self._now_s = now_s
        self._names: dict[Key, str] = {}
        self._paths: dict[Key, tuple[str, ...]] = {}
        self._scanned_at: float | None = None
        self._scanning = asyncio.Lock()
        self._stack = ExitStack()
        # Nobody waits on it: what came is taken when the next path is looked up.
        self._changes = self._stack.enter_context(bus.subscribe(PIPELINES_TOPIC))

    def close(self) -> None:
        """Stop listening for changes."""
        self._stack.close()

    async def find(self, namespace: str, path: str) -> PipelineRecord | None:
        """The pipeline, as it is now, that has a webhook with this path; whether it is active is not asked."""
        await self._catch_up()
        found = await self._read(namespace, path)
        if found is None and self._is_stale():
            await self._scan()
            found = await self._read(namespace, path)
        return found

    async def _read(self, namespace: str, path: str) -> PipelineRecord | None:
        name = self._names.get((namespace, path))
        if name is None:
            return None
        record = await self._store.read_pipeline(namespace, name)
        if record is None or path not in _paths_of(record):
            self._forget((namespace, name))
            return None
        return record

    async def _catch_up(self) -> None:
        """Take in what changed since the last call."""
        if self._scanned_at is None:
            await self._scan()
        for message in self._changes.take():
            await self._take_in(message)

    async def _take_in(self, message: Message) -> None:
        if not isinstance(message, PipelineChanged):
            # Messages were dropped, so nobody knows what changed.
            await self._scan()
            return
        self._forget((message.namespace, message.pipeline))
        record = await self._store.read_pipeline(message.namespace, message.pipeline)
        if record is not None:
            self._remember(record)

    async def _scan(self) -> None:
        """Look at all pipelines. Calls that come meanwhile wait for it instead of doing the same."""
        asked_at = self._now_s()
        async with self._scanning:
            if self._scanned_at is not None and self._scanned_at >= asked_at:
                return
            began = self._now_s()
            records = [record async for record in self._all()]
            self._names.clear()
            self._paths.clear()
            for record in records:
                self._remember(record)
            self._scanned_at = began

    async def _all(self) -> AsyncIterator[PipelineRecord]:
        cursor = None
        while True:
            page = await self._store.list_pipelines(PipelineFilter(None), limit=PAGE, cursor=cursor)
            for record in page.items:
                yield record
            if page.cursor is None:
                return
            cursor = page.cursor

    def _is_stale(self) -> bool:
        return self._scanned_at is None or self._now_s() - self._scanned_at > STALE_AFTER_S

    def _remember(self, record: PipelineRecord) -> None:
        paths = tuple(_paths_of(record))
        self._paths[record.namespace, record.name] = paths
        for path in paths:
            self._names[record.namespace, path] = record.name

    def _forget(self, pipeline: Key) -> None:
        namespace, name = pipeline
        for path in self._paths.pop(pipeline, ()):
            if self._names.get((namespace, path)) == name:
                del self._names[namespace, path]


def _paths_of(record: PipelineRecord) -> Iterator[str]:
    return (trigger["path"] for trigger in record.triggers if trigger["type"] == "webhook")
