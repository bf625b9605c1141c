"""Collects the results of a loop's items, in order: the output of the loop.

How large they are together is known before any is loaded, so that no loop takes more memory than one value may.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from flume.errors import TooLargeError
from flume.ids import Instance
from flume.values import JsonValue
from orchestrator.active import ActiveRun
from orchestrator.outage import StoreOutage
from orchestrator.records import inline
from orchestrator.state import Failure, RunStatus, Scope, ScopeOutput
from orchestrator.store import RunStore
from orchestrator.values import MAX_VALUE_BYTES, NotLoadedError, size_of_output

ITEMS_PER_PAGE = 256
"""Loop items read at a time."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The results of a loop's items by their index; of one that failed ``{"error": {"code", "message", "node"}}``."""

    results: list[JsonValue]
    succeeded: int
    failed: int


async def gather(active: ActiveRun, loop: Instance, store: RunStore, outage: StoreOutage) -> Gathered:
    """The results of a loop; a store that is away is waited for. Raises `TooLargeError` if no value may be so large."""
    results: list[JsonValue] = []
    apart: dict[int, ScopeOutput | None] = {}
    size = failed = 0
    async for item in _items(active, loop, store, outage):
        error = None if item.status is RunStatus.COMPLETED else inline(_error_of(item))
        size += size_of_output(item.output) if error is None else error.size
        if size > MAX_VALUE_BYTES:
            raise TooLargeError("what its items give together", MAX_VALUE_BYTES)
        if error is not None:
            failed += 1
            results.append(error.value)
            continue
        try:
            results.append(active.values.of_output(item.output))
        except NotLoadedError:
            apart[len(results)] = item.output
            results.append(None)
    for index, output in apart.items():
        results[index] = await outage.wait_out(partial(active.values.load_output, output))
    return Gathered(results, len(results) - failed, failed)


def _error_of(item: Scope) -> JsonValue:
    cause = item.error or Failure("item-failed", "the item failed")
    return {"error": {"code": cause.code, "message": cause.message, "node": cause.node}}


async def _items(active: ActiveRun, loop: Instance, store: RunStore, outage: StoreOutage) -> AsyncIterator[Scope]:
    after = -1
    while True:
        page = await outage.wait_out(partial(store.read_items, active.id, loop, after=after, limit=ITEMS_PER_PAGE))
        for _, item in page:
            yield item
        if len(page) < ITEMS_PER_PAGE:
            return
        after = page[-1][0]
