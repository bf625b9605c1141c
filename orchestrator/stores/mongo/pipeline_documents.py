"""Pipelines and versions as documents, and back."""

from typing import Any

from flume.ids import PipelineId
from flume.pipeline import PipelineStatus
from orchestrator.store import PipelineRecord, VersionRecord
from orchestrator.stores.mongo.values import Document, from_date, from_json, to_date, to_json, to_key


def from_record(record: PipelineRecord) -> Document:
    """A pipeline as it is now, without its present version."""
    document: Document = {
        "_id": to_key(record.id),
        "namespace": record.namespace,
        "name": record.name,
        "description": record.description,
        # Pairs, because a label's name may be no name of a field.
        "labels": [{"name": name, "value": value} for name, value in record.labels.items()],
        "status": record.status.value,
        "version": record.version,
        "triggers": [{"type": each["type"], "config": to_json(each)} for each in record.triggers],
        "managedBy": record.managed_by,
        "createdAt": to_date(record.created_at),
        "updatedAt": to_date(record.updated_at),
        "rev": record.rev,
        "draft": record.draft,
        "disabledTriggers": list(record.disabled_triggers),
        "source": record.source,
    }
    if paths := record.webhook_paths:
        document["webhookPaths"] = list(paths)
    return document


def to_record(document: Document) -> PipelineRecord:
    """The inverse of `from_record`."""
    return PipelineRecord(
        id=PipelineId(str(document["_id"])),
        namespace=document["namespace"],
        name=document["name"],
        description=document["description"],
        labels={each["name"]: each["value"] for each in document["labels"]},
        status=PipelineStatus(document["status"]),
        version=document["version"],
        triggers=tuple(from_json(each["config"]) for each in document["triggers"]),
        managed_by=document["managedBy"],
        created_at=from_date(document["createdAt"]),
        updated_at=from_date(document["updatedAt"]),
        rev=document["rev"],
        draft=document["draft"],
        disabled_triggers=tuple(document["disabledTriggers"]),
        source=document["source"],
    )


def from_version(version: VersionRecord) -> Document:
    """A version, for the collection of versions and for the pipeline whose present one it is."""
    return {
        "_id": version_key(version.pipeline_id, version.version),
        "pipelineId": to_key(version.pipeline_id),
        "version": version.version,
        "hash": version.hash,
        "source": version.source,
        "format": version.format,
        "definition": to_json(version.definition),
        "nodeTypes": to_json(version.node_types),
        "createdAt": to_date(version.created_at),
        "createdBy": version.created_by,
    }


def to_version(document: Document) -> VersionRecord:
    """The inverse of `from_version`."""
    return VersionRecord(
        pipeline_id=PipelineId(str(document["pipelineId"])),
        version=document["version"],
        hash=document["hash"],
        source=document["source"],
        format=document["format"],
        definition=from_json(document["definition"]),
        node_types=from_json(document["nodeTypes"]),
        created_at=from_date(document["createdAt"]),
        created_by=document["createdBy"],
    )


def version_key(pipeline: Any, version: int) -> str:
    """The ``_id`` of a version."""
    return f"{pipeline}/{version}"
