"""Pipelines and their versions as the API shows them (spec 5): from what the store holds to JSON-able objects."""

import asyncio
from urllib.parse import quote

import orjson
from fastapi import Request

from flume.document import parse_pipeline
from flume.errors import NotFoundError
from flume.source import Format, read_source
from flume.values import JsonObject
from orchestrator.api.presentation import DEFAULT_NAMESPACE, Record, timestamp
from orchestrator.event_triggers import EVENT
from orchestrator.service import Orchestrator
from orchestrator.store import PipelineRecord, VersionRecord

YAML = "application/yaml"


def pipeline_path(namespace: str, name: str, *below: str) -> str:
    """The address of a pipeline, or of something ``below`` it."""
    path = "/".join(["/api/v1/pipelines", quote(name, safe=""), *below])
    return path if namespace == DEFAULT_NAMESPACE else f"{path}?namespace={quote(namespace, safe='')}"


def etag_of(record: PipelineRecord) -> str:
    """The entity tag of a pipeline as it is now."""
    return f'"{record.rev}"'


def hook_url(request: Request, namespace: str, path: str) -> str:
    """Where a webhook is called: under the public URL or, without one, under the name that this call came to."""
    return f"{_base(request)}/hooks/{quote(namespace, safe='')}/{quote(path)}"


def event_url(request: Request, namespace: str, name: str) -> str:
    """Where events for a pipeline are sent, likewise."""
    return f"{_base(request)}/events/{quote(namespace, safe='')}/{quote(name, safe='')}"


def _base(request: Request) -> str:
    return str(request.app.state.public_url or request.base_url).rstrip("/")


def trigger_summary(request: Request, record: PipelineRecord, trigger: JsonObject) -> Record:
    """A trigger of a pipeline."""
    is_enabled = bool(trigger["enabled"]) and trigger["id"] not in record.disabled_triggers
    shown: Record = {"id": trigger["id"], "type": trigger["type"], "enabled": is_enabled, "path": None, "url": None}
    if "path" in trigger:
        shown |= {"path": trigger["path"], "url": hook_url(request, record.namespace, trigger["path"])}
    if trigger["type"] == EVENT:
        shown["url"] = event_url(request, record.namespace, record.name)
    return shown


def pipeline_summary(request: Request, record: PipelineRecord) -> Record:
    """A pipeline as lists show it."""
    key = (record.namespace, record.name)
    return {
        "namespace": record.namespace,
        "name": record.name,
        "description": record.description,
        "labels": dict(record.labels),
        "status": record.status.value,
        "version": record.version,
        "triggers": [trigger_summary(request, record, trigger) for trigger in record.triggers],
        "managedBy": record.managed_by,
        "createdAt": timestamp(record.created_at),
        "updatedAt": timestamp(record.updated_at),
        "links": {
            "self": pipeline_path(*key),
            "versions": pipeline_path(*key, "versions"),
            "invoke": pipeline_path(*key, "invoke"),
        },
    }


def version_summary(record: PipelineRecord, version: VersionRecord) -> Record:
    """A version as lists show it."""
    return {
        "version": version.version,
        "hash": version.hash,
        "format": version.format,
        "createdAt": timestamp(version.created_at),
        "createdBy": version.created_by,
        "links": {"self": pipeline_path(record.namespace, record.name, "versions", str(version.version))},
    }


def version_detail(record: PipelineRecord, version: VersionRecord) -> Record:
    """A version, whole."""
    shown = version_summary(record, version)
    return {**shown, "definition": dict(version.definition), "source": version.source}


async def read_version(orchestrator: Orchestrator, record: PipelineRecord, number: int) -> VersionRecord:
    """A version of a pipeline. Raises `NotFoundError`."""
    version = await orchestrator.store.read_version(record.id, number)
    if version is None:
        raise NotFoundError("version", str(number), f"of pipeline '{record.name}'")
    return version


async def definition_of(orchestrator: Orchestrator, record: PipelineRecord) -> JsonObject:
    """The definition of a pipeline as it was saved last, whether that is a version or not."""
    text = _text_beside_version(record)
    if text is not None:
        return await asyncio.to_thread(_definition_in, text)
    return (await read_version(orchestrator, record, record.version)).definition


async def text_of(orchestrator: Orchestrator, record: PipelineRecord) -> str:
    """The text of a pipeline as it was written. JSON is YAML too."""
    text = _text_beside_version(record)
    return source_text(await read_version(orchestrator, record, record.version)) if text is None else text


def _text_beside_version(record: PipelineRecord) -> str | None:
    """The text that was saved last, unless it is the present version's: a draft, or the same in another layout."""
    return record.source if record.draft is None else record.draft


def _definition_in(text: str) -> JsonObject:
    return parse_pipeline(read_source(text, tolerant=True)).definition


def source_text(version: VersionRecord) -> str:
    """The text of a version; one that came without text is written out."""
    return version.source or as_text(version.definition)


def as_text(definition: JsonObject) -> str:
    """A definition as JSON that a person can read."""
    return orjson.dumps(definition, option=orjson.OPT_INDENT_2, default=dict).decode()


async def pipeline_detail(request: Request, orchestrator: Orchestrator, record: PipelineRecord) -> Record:
    """A pipeline with its definition."""
    definition = await definition_of(orchestrator, record)
    return {**pipeline_summary(request, record), "definition": dict(definition)}


def format_of(media_type: str) -> Format:
    """The format that a content type, which the entrance has let in, stands for."""
    return "yaml" if media_type.partition(";")[0].strip().lower().endswith("yaml") else "json"


def prefers_yaml(accept: str) -> bool:
    """Whether a caller would rather have YAML than JSON; one that takes anything gets JSON."""
    yaml, json = 0.0, 0.0
    for part in accept.lower().split(","):
        media_type, *parameters = (each.strip() for each in part.split(";"))
        quality = next((_quality(each[2:]) for each in parameters if each.startswith("q=")), 1.0)
        if media_type.endswith("yaml"):
            yaml = max(yaml, quality)
        elif media_type in ("application/json", "application/*", "*/*"):
            json = max(json, quality)
    return yaml > 0 and yaml >= json


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
