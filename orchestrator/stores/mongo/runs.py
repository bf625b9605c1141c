"""Reading runs: whole for their owner and the API, and the few facts that others ask for."""

from collections.abc import AsyncIterator, Mapping

from flume.ids import ROOT, NodeId, PipelineId, RunId, ScopePath, instance_in, item_scope
from orchestrator.state import Scope
from orchestrator.store import StoredRun
from orchestrator.stores.mongo.documents import item_key, to_scope
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.pending import apply_found, clear
from orchestrator.stores.mongo.run_documents import UNREADABLE, to_stored_run
from orchestrator.stores.mongo.values import Document, to_key

_EXPORTED_AT_ONCE = 100

_WITHOUT_PENDING = {"pending": 0}


class Runs(Part):
    """The part of the store that reads runs."""

    async def load_run(self, run_id: RunId) -> StoredRun | None:
        """A run with what its owner needs to go on: root nodes and the items that its loops name as active."""
        document = await self._runs.find_one({"_id": to_key(run_id)})
        if document is None:
            return None
        if "pending" in document:
            # Its owner may be back here because a commit ended with an error half way.
            await apply_found(self._database, [document])
            await clear(self._database, [document])
        return await self._stored_run(document)

    async def read_run(self, namespace: str, run_id: RunId) -> StoredRun | None:
        """A run for the API; None also if it belongs to another namespace."""
        document = await self._runs.find_one({"_id": to_key(run_id)}, _WITHOUT_PENDING)
        return None if document is None or document["namespace"] != namespace else await self._stored_run(document)

    async def find_start(self, pipeline_id: PipelineId, start_key: str) -> tuple[RunId, str | None] | None:
        """The run that was started with this key, and the body hash it was started with."""
        wanted = {"pipelineId": to_key(pipeline_id), "startKey": start_key}
        found = await self._runs.find_one(wanted, {"bodyHash": 1})
        return None if found is None else (RunId(str(found["_id"])), found.get("bodyHash"))

    async def children_of(self, run_id: RunId) -> tuple[RunId, ...]:
        """The runs that retry or rerun this one, the oldest first."""
        found = await self._runs.find({"retryOf": to_key(run_id)}, {"_id": 1}, sort=[("createdAt", 1), ("_id", 1)])
        return tuple(RunId(str(each["_id"])) for each in found)

    async def count_unfinished(self) -> int:
        """How many runs have not ended, over all namespaces."""
        # By its condition alone: a planner chooses an index by its first field, of which nothing is asked here.
        return await self._runs.count({"ended": False}, index="unfinished")

    async def stored_runs(self) -> AsyncIterator[StoredRun]:
        """Every run, the oldest first: for export."""
        wanted: Document = {}
        while found := await self._runs.find(wanted, {"_id": 1}, sort=[("_id", 1)], limit=_EXPORTED_AT_ONCE):
            for document in found:
                # One by one, since a run may have megabytes; and whole, with what its last commit had still to carry out.
                stored = await self.load_run(RunId(str(document["_id"])))
                if stored is not None:
                    yield stored
            wanted = {"_id": {"$gt": found[-1]["_id"]}}

    async def _stored_run(self, document: Document) -> StoredRun:
        damage = ""
        items: Mapping[ScopePath, Scope] = {}
        try:
            items = await self._active_items(str(document["_id"]), document["nodes"])
        except UNREADABLE as error:
            damage = f"{type(error).__name__}: {error}"
        return to_stored_run(document, items, damage)

    async def _active_items(self, run_id: str, nodes: Document) -> dict[ScopePath, Scope]:
        """The items that loops name as active, those of loops within items included, outer ones first."""
        found: dict[ScopePath, Scope] = {}
        level: list[tuple[ScopePath, Document]] = [(ROOT, nodes)]
        while wanted := [item_key(run_id, loop, place) for path, each in level for loop, place in _active(path, each)]:
            items = await self._database.collection("loop_items").find({"_id": {"$in": wanted}})
            by_key = {item["_id"]: item for item in items}
            level = []
            for item in (by_key[key] for key in wanted if key in by_key):
                path = item_scope(item["loop"], item["position"])
                found[path] = to_scope(item)
                level.append((path, item["nodes"]))
        return found


def _active(path: ScopePath, nodes: Document) -> list[tuple[str, int]]:
    """The loops among nodes, with the positions that are under way."""
    return [
        (instance_in(path, NodeId(node)), position)
        for node, state in nodes.items()
        for position in state.get("loop", {}).get("active", ())
    ]
