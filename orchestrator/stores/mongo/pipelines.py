"""Pipelines and their versions.

A pipeline's document holds its present version whole, in ``saved``: it is the one document whose change decides. The copy
among the versions is made after that, and made sure of before ``saved`` is replaced; until then it is read from there.
"""

from typing import Any

from flume.ids import PipelineId
from orchestrator.store import Page, PipelineFilter, PipelineRecord, VersionRecord, path_taken
from orchestrator.stores.cursors import from_cursor, to_cursor
from orchestrator.stores.mongo.database import Collection, Database
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.pipeline_documents import from_record, from_version, to_record, to_version, version_key
from orchestrator.stores.mongo.search import containing
from orchestrator.stores.mongo.values import Document, to_key

_WITHOUT_VERSION = {"saved": 0}


async def note_deleted(database: Database, pipeline: Any) -> None:
    """Let retention look for what is left of a pipeline that is deleted, or of which only versions may have been made."""
    change = {"$set": {"since": None}}
    await database.collection("deleted_pipelines").update_or_insert(pipeline, change)


async def note_unless_kept(database: Database, pipeline: Any, version: int) -> None:
    """`note_deleted` where a run has been deleted whose version nobody else may need."""
    if await database.collection("pipelines").find_one({"_id": pipeline}, {"_id": 1}) is not None:
        return
    versions = database.collection("pipeline_versions")
    if await versions.find_one({"_id": version_key(pipeline, version)}, {"_id": 1}) is not None:
        await note_deleted(database, pipeline)


class Pipelines(Part):
    """The part of the store that keeps pipelines and their versions."""

    async def create_pipeline(self, record: PipelineRecord, version: VersionRecord | None) -> bool:
        """Make a pipeline, with its first version unless it is a draft with problems. False if its name is taken.

        Raises `ConflictError` for a webhook path that another one claims.
        """
        document = from_record(record)
        if version is not None:
            document["saved"] = from_version(version)
        if not await self._pipelines.insert(document):
            await self._raise_for_path(record)
            return False
        await self._copy_version(document)
        return True

    async def replace_pipeline(
        self, record: PipelineRecord, version: VersionRecord | None, *, expected_rev: int
    ) -> bool:
        """Change a pipeline and add ``version`` unless it is None. False if it is at another revision or gone.

        Raises `ConflictError` for a webhook path that another one claims.
        """
        present = await self._pipelines.find_one({"_id": to_key(record.id)})
        if present is None or present["rev"] != expected_rev:
            return False
        await self._copy_version(present)
        document = from_record(record)
        if version is not None:
            document["saved"] = from_version(version)
        elif "saved" in present:
            document["saved"] = present["saved"]
        replaced = await self._pipelines.replace({"_id": document["_id"], "rev": expected_rev}, document)
        if replaced is None:
            await self._raise_for_path(record)
        if replaced:
            await self._copy_version(document)
        return bool(replaced)

    async def read_pipeline(self, namespace: str, name: str) -> PipelineRecord | None:
        """A pipeline by name."""
        return await self._find({"namespace": namespace, "name": name})

    async def pipeline_by_path(self, namespace: str, path: str) -> PipelineRecord | None:
        """The pipeline that claims a webhook path, whether it is active or paused; never a draft."""
        return await self._find({"namespace": namespace, "webhookPaths": path})

    async def pipeline_by_id(self, pipeline_id: PipelineId) -> PipelineRecord | None:
        """A pipeline by id, whatever its namespace."""
        return await self._find({"_id": to_key(pipeline_id)})

    async def list_pipelines(
        self, wanted: PipelineFilter, *, limit: int, cursor: str | None = None
    ) -> Page[PipelineRecord]:
        """Pipelines by name (and namespace, where the filter names none)."""
        after = None if cursor is None else from_cursor(cursor, str, str)
        found = await self._pipelines.find(
            {"$and": [{}, *_conditions(wanted, after)]},
            _WITHOUT_VERSION,
            sort=[("namespace", 1), ("name", 1)],
            limit=limit + 1,
        )
        items = tuple(map(to_record, found[:limit]))
        return Page(items, to_cursor(items[-1].namespace, items[-1].name) if len(found) > limit else None)

    async def delete_pipeline(self, namespace: str, name: str, *, expected_rev: int) -> bool:
        """Delete a pipeline, its schedules and the versions that no run was started with; runs and their versions stay."""
        present = await self._pipelines.find_one({"namespace": namespace, "name": name})
        if present is None or present["rev"] != expected_rev:
            return False
        await self._copy_version(present)
        await note_deleted(self._database, present["_id"])
        if not await self._pipelines.delete({"_id": present["_id"], "rev": expected_rev}):
            return False
        await self._database.collection("schedules").delete_all({"pipelineId": present["_id"]})
        return True

    async def read_version(self, pipeline_id: PipelineId, version: int) -> VersionRecord | None:
        """One version, also of a pipeline that was deleted, as long as a run of it exists."""
        found = await self._versions.find_one({"_id": version_key(pipeline_id, version)})
        pipeline = await self._pipelines.find_one({"_id": to_key(pipeline_id)}, {"saved": 1})
        if found is None:
            saved = None if pipeline is None else pipeline.get("saved")
            return to_version(saved) if saved is not None and saved["version"] == version else None
        is_kept = pipeline is not None or await self._has_runs(pipeline_id, version)
        return to_version(found) if is_kept else None

    async def list_versions(
        self, pipeline_id: PipelineId, *, limit: int, cursor: str | None = None
    ) -> Page[VersionRecord]:
        """Versions, the newest first."""
        wanted: Document = {"pipelineId": to_key(pipeline_id)}
        if cursor is not None:
            wanted["version"] = {"$lt": from_cursor(cursor, int)[0]}
        pipeline = await self._pipelines.find_one({"_id": to_key(pipeline_id)})
        if pipeline is not None:
            await self._copy_version(pipeline)
        items: list[VersionRecord] = []
        for document in await self._versions.find(wanted, sort=[("version", -1)], limit=limit + 1 if pipeline else 0):
            # A start may have read the version just before its pipeline was deleted, and commit its run just after. So
            # versions without runs are hidden, and deleted by retention when that is past.
            if pipeline is not None or await self._has_runs(pipeline_id, document["version"]):
                items.append(to_version(document))
        shown = tuple(items[:limit])
        return Page(shown, to_cursor(shown[-1].version) if len(items) > limit else None)

    async def _copy_version(self, pipeline: Document) -> None:
        """Let the present version be among the versions, if it is not yet."""
        if "saved" in pipeline:
            await self._versions.insert(pipeline["saved"])

    async def _raise_for_path(self, record: PipelineRecord) -> None:
        """Say which path another pipeline claims, unless it is the name that is taken."""
        if await self._pipelines.find_one({"namespace": record.namespace, "name": record.name}, {"_id": 1}) is not None:
            holder = await self._pipelines.find_one({"_id": to_key(record.id)}, {"name": 1})
            if holder is None or holder["name"] != record.name:
                return
        for path in record.webhook_paths:
            other = await self._pipelines.find_one({"namespace": record.namespace, "webhookPaths": path}, {"name": 1})
            if other is not None and other["_id"] != to_key(record.id):
                raise path_taken(path, other["name"])

    async def _has_runs(self, pipeline_id: PipelineId, version: int) -> bool:
        wanted = {"pipelineId": to_key(pipeline_id), "pipelineVersion": version}
        return await self._runs.find_one(wanted, {"_id": 1}) is not None

    async def _find(self, wanted: Document) -> PipelineRecord | None:
        found = await self._pipelines.find_one(wanted, _WITHOUT_VERSION)
        return None if found is None else to_record(found)

    @property
    def _pipelines(self) -> Collection:
        return self._database.collection("pipelines")

    @property
    def _versions(self) -> Collection:
        return self._database.collection("pipeline_versions")


def _conditions(wanted: PipelineFilter, after: tuple[str, str] | None) -> list[Document]:
    conditions: list[Document] = []
    if wanted.namespace is not None:
        conditions.append({"namespace": wanted.namespace})
    if after is not None:
        namespace, name = after
        conditions.append({"namespace": {"$gte": namespace}})
        conditions.append({"$or": [{"namespace": {"$gt": namespace}}, {"name": {"$gt": name}}]})
    if wanted.status is not None:
        conditions.append({"status": wanted.status.value})
    if wanted.label is not None:
        conditions.append({"labels": {"$elemMatch": {"name": wanted.label[0], "value": wanted.label[1]}}})
    if wanted.trigger_type is not None:
        conditions.append({"triggers.type": wanted.trigger_type})
    if wanted.text:
        text = containing(wanted.text)
        conditions.append({"$or": [{"name": text}, {"description": text}]})
    return conditions
