"""From a store to lines. However much there is, no more is in memory than a run without its items, or a payload.

The order is always the same, so that stores with the same content give the same lines: keys, node types, pipelines, each with its
versions, schedules, runs, each followed by all that is its own, payloads, what is to be published, the audit log.
"""

from collections.abc import AsyncIterator, Callable, Mapping

from flume.errors import StoreError
from flume.ids import Instance, PipelineId, RunId
from orchestrator.store import Audience, PipelineFilter, StoredRun
from orchestrator.transfer.quiet import Quiet
from orchestrator.transfer.seal import Sealer
from orchestrator.transfer.store import REDIS_KEY, HeldPayload, Item, Key, Line, Record, TransferStore

_PIPELINES_AT_ONCE = 100
_ITEMS_AT_ONCE = 64
_LINES_AT_ONCE = 1000


async def export_store(
    store: TransferStore, write: Callable[[bytes], object], sealer: Sealer, *, quiet: Quiet, warn: Callable[[str], None]
) -> Mapping[str, int]:
    """Write every line; how many records of each kind there are. ``warn`` is told what could not be read in full.

    Raises `ConflictError` if an orchestrator is at work or comes to work meanwhile, and `StoreError` for a run under way that
    can't be read. The last line was not written then.
    """
    await quiet.require()
    write(sealer.first())
    async for record in records_of(store, warn):
        write(sealer.line(record))
    await quiet.require_still()
    write(sealer.last())
    return sealer.counts


async def records_of(store: TransferStore, warn: Callable[[str], None]) -> AsyncIterator[Record]:
    """Everything in a store that nobody uses, in order; see `export_store`."""
    for name, content in sorted((await store.stored_keys()).items()):
        if name != REDIS_KEY:
            yield Key(name, content)
    for packaged in await store.read_packaged_types([*await store.packaged_type_hashes()]):
        yield packaged
    present: set[PipelineId] = set()
    async for record in _pipelines(store, present):
        yield record
    for schedule in sorted(await store.list_schedules(), key=lambda each: (each.pipeline_id, each.trigger_id)):
        yield schedule
    async for record in _runs(store, present, warn):
        yield record
    async for record in _rest(store):
        yield record


async def _pipelines(store: TransferStore, present: set[PipelineId]) -> AsyncIterator[Record]:
    """All pipelines, each with its versions; ``present`` gets their ids."""
    cursor = None
    while True:
        page = await store.list_pipelines(PipelineFilter(None), limit=_PIPELINES_AT_ONCE, cursor=cursor)
        for pipeline in page.items:
            present.add(pipeline.id)
            yield pipeline
            async for version in _versions(store, pipeline.id):
                yield version
        cursor = page.cursor
        if cursor is None:
            return


async def _versions(store: TransferStore, pipeline_id: PipelineId) -> AsyncIterator[Record]:
    cursor = None
    while True:
        page = await store.list_versions(pipeline_id, limit=_PIPELINES_AT_ONCE, cursor=cursor)
        for version in page.items:
            yield version
        cursor = page.cursor
        if cursor is None:
            return


async def _runs(store: TransferStore, present: set[PipelineId], warn: Callable[[str], None]) -> AsyncIterator[Record]:
    """All runs with all that is their own; the version of a pipeline that was deleted comes before its first run."""
    async for stored in store.stored_runs():
        origin = stored.run.origin
        if origin.version > 0 and origin.pipeline_id not in present:
            present.add(origin.pipeline_id)
            async for version in _versions(store, origin.pipeline_id):
                yield version
        _require_readable(stored, warn)
        yield stored
        async for record in _of_run(store, stored):
            yield record


def _require_readable(stored: StoredRun, warn: Callable[[str], None]) -> None:
    """What can't be read of a run that has ended is lost already; one under way would begin anew."""
    if not stored.damage:
        return
    where = f"run {stored.run.id} can't be read ({stored.damage})"
    if not stored.run.status.is_ended:
        raise StoreError(f"{where}; start an orchestrator on the store once, which ends the run, and export again")
    warn(f"{where}: its nodes and values are left out")


async def _of_run(store: TransferStore, stored: StoredRun) -> AsyncIterator[Record]:
    run_id = stored.run.id
    for loop in await store.loops_of(run_id):
        async for item in _items(store, run_id, loop):
            yield item
    async for line in _lines(store, run_id):
        yield line
    if not stored.run.status.is_ended:
        for entry in await store.read_inbox(run_id):
            yield entry


async def _items(store: TransferStore, run_id: RunId, loop: Instance) -> AsyncIterator[Record]:
    after = -1
    while True:
        items = await store.read_items(run_id, loop, after=after, limit=_ITEMS_AT_ONCE)
        for position, scope in items:
            yield Item(run_id, loop, position, scope)
        if len(items) < _ITEMS_AT_ONCE:
            return
        after = items[-1][0]


async def _lines(store: TransferStore, run_id: RunId) -> AsyncIterator[Record]:
    place = None
    while True:
        page = await store.read_logs(run_id, after=place, limit=_LINES_AT_ONCE)
        for line in page.items:
            yield Line(run_id, line)
        if len(page.items) < _LINES_AT_ONCE:
            return
        place = page.cursor


async def _rest(store: TransferStore) -> AsyncIterator[Record]:
    async for payload_id, holders in store.payload_holders():
        payload = await store.read_payload(payload_id)
        if payload is None:
            raise StoreError(f"payload {payload_id} is gone though {', '.join(holders)} keep it; restore a backup")
        yield HeldPayload(payload, holders)
    for audience in Audience:
        async for event in store.stored_outbox(audience):
            yield event
    async for entry in store.stored_audit():
        yield entry
