"""From lines to an empty store. The lines are read twice: nothing is written before all of them were found to be well.

From the first record to the last, the store is marked as holding a part of something, and nobody can open it: a process that
dies here leaves a store that says what to do, never one that looks whole.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from flume.errors import FlumeError
from orchestrator.transfer.lines import KINDS
from orchestrator.transfer.quiet import Quiet
from orchestrator.transfer.seal import Read, unsealed
from orchestrator.transfer.store import Record, TransferStore

_BATCH_RECORDS = 500
_BATCH_BYTES = 8 * 1024 * 1024


async def import_store(
    store: TransferStore, lines: Callable[[], Iterable[bytes]], *, source: str, quiet: Quiet
) -> Mapping[str, int]:
    """Write all records of an export; how many of each kind there are. ``lines`` gives its lines from the first, each time.

    Raises `RequestError` for a file that is no whole export and `ConflictError` for a store that is not empty or that an
    orchestrator works on; nothing is written then. After any other error the store holds a part, and is marked.
    """
    counts = await _counted(unsealed(lines(), source))
    await store.begin_import()
    try:
        await quiet.require()
    except FlumeError:
        await store.end_import()
        raise
    for batch in _batches(unsealed(lines(), source)):
        await store.restore(batch)
    await quiet.require_still()
    await store.end_import()
    return counts


async def _counted(found: Iterable[Read]) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    for batch in _batches(found):
        counts.update(KINDS[type(record)] for record in batch)
        # So that it can be cancelled, however long it takes.
        await asyncio.sleep(0)
    return counts


def _batches(found: Iterable[Read]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for read in found:
        batch.append(read.record)
        size += read.size
        if len(batch) >= _BATCH_RECORDS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
