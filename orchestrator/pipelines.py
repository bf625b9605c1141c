"""What people do with pipelines: save, pause, restore and delete them. A change is a new version; the same content is none."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import orjson

from flume.errors import ConflictError, DefinitionError, NotFoundError
from flume.ids import PipelineId
from flume.pipeline import EventTrigger, Pipeline, PipelineStatus, WebhookTrigger
from flume.planning import Circumstances, NodeTypes
from flume.source import Format, Source, read_source
from flume.validation import Validation, validate_source
from flume.values import JsonObject
from flume.versions import definition_hash
from orchestrator.bus import Bus, PipelineChanged, namespace_topic
from orchestrator.identifiers import Clock, IdSource
from orchestrator.plans import recorded_types
from orchestrator.recent import RecentPipelines
from orchestrator.store import PipelineRecord, PipelineStore, VersionRecord

API = "api"
CLUSTER = "cluster"

DELETED = "deleted"
"""What the bus is told of a pipeline that is gone."""

MAX_TRIES = 10
"""How often a save that asks for no revision begins again because others change the same pipeline meanwhile."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a save: the pipeline as it is now and before, and whether a version was made."""

    record: PipelineRecord
    before: PipelineRecord | None
    made_version: bool


class Pipelines:
    """Keeps pipelines. ``manager`` says who is calling: what the cluster manages, the API can't change, and vice versa.

    ``on_change`` is told each pipeline that this process has changed, and whether it still exists. ``look_at_types`` brings
    ``types`` up with what other replicas have changed, and is waited for before each document is checked.
    """

    def __init__(
        self,
        *,
        store: PipelineStore,
        bus: Bus,
        types: NodeTypes,
        circumstances: Callable[[], Circumstances],
        look_at_types: Callable[[], Awaitable[None]],
        on_change: Callable[[PipelineRecord, bool], None],
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._look_at_types = look_at_types
        self._on_change = on_change
        self._store = store
        self._bus = bus
        self._types = types
        self._circumstances = circumstances
        self._clock = clock
        self._ids = ids
        self._recent = RecentPipelines(self.read, clock)

    async def validate(self, source: Source) -> Validation:
        """All problems of a document, worked out in a thread: a hostile one takes seconds, and runs must go on meanwhile."""
        await self._look_at_types()
        return await asyncio.to_thread(validate_source, source, self._types, circumstances=self._circumstances())

    async def read(self, namespace: str, name: str) -> PipelineRecord:
        """A pipeline. Raises `NotFoundError`."""
        record = await self._store.read_pipeline(namespace, name)
        if record is None:
            raise NotFoundError("pipeline", name, f"in namespace '{namespace}'")
        return record

    async def for_start(self, namespace: str, name: str) -> PipelineRecord:
        """`read` for the hot path: what another replica changed within the last second may not show yet."""
        return await self._recent.read(namespace, name)

    async def save(
        self,
        source: Source,
        *,
        namespace: str | None = None,
        name: str | None = None,
        actor: str = "",
        manager: str = API,
        expected_rev: int | None = None,
        creates: bool = True,
        replaces: bool = True,
    ) -> Saved:
        """Save a document, as a new pipeline or over the one of its name.

        ``namespace`` and ``name`` None are taken from the document; otherwise the document must agree. ``expected_rev`` None
        saves over whatever is there, also over what somebody else saves at the same time. A document that differs from the
        present version in layout and comments alone makes no version, and its text is kept. Raises `DefinitionError` unless
        it is valid or says it is a draft, `ConflictError` for a name that is taken or missing against ``creates`` and
        ``replaces``, another revision than ``expected_rev``, a webhook path that another pipeline has, or another manager.
        """
        document = await self._checked(source, namespace, name, actor)
        terms = _Terms(manager, expected_rev, creates, replaces)
        for _ in range(MAX_TRIES):
            saved = await self._try_to_save(document, terms)
            if saved is not None:
                return saved
            if expected_rev is not None:
                break
        raise stale(document.name, None)

    async def set_status(self, record: PipelineRecord, status: PipelineStatus, *, manager: str = API) -> PipelineRecord:
        """Pause, resume or activate. Raises `DefinitionError` when a draft with problems would become active."""
        self._check_manager(record, manager)
        if record.status is status:
            return record
        if record.draft is not None and status is not PipelineStatus.DRAFT:
            return await self._activate(record, record.draft, status)
        return await self._write(replace(record, status=status), record, None, change=status.value)

    async def set_trigger(self, record: PipelineRecord, trigger_id: str, *, enabled: bool) -> PipelineRecord:
        """Switch a trigger on or off, beside what the definition says. Raises `NotFoundError`."""
        if trigger_id not in {trigger["id"] for trigger in record.triggers} | {"manual"}:
            raise NotFoundError("trigger", trigger_id, f"of pipeline '{record.name}'")
        others = tuple(each for each in record.disabled_triggers if each != trigger_id)
        disabled = others if enabled else (*others, trigger_id)
        return await self._write(replace(record, disabled_triggers=disabled), record, None, change="triggers")

    async def restore(self, record: PipelineRecord, version: int, *, actor: str, manager: str = API) -> Saved:
        """Save an old version's text again, as the newest version. Raises `NotFoundError`."""
        old = await self._store.read_version(record.id, version)
        if old is None:
            raise NotFoundError("version", str(version), f"of pipeline '{record.name}'")
        format: Format = "json" if old.format == "json" else "yaml"
        return await self.save(
            await asyncio.to_thread(_read, old.source, format)
            if old.source
            else Source.from_value(dict(old.definition)),
            namespace=record.namespace,
            name=record.name,
            actor=actor,
            manager=manager,
            expected_rev=record.rev,
        )

    async def delete(self, record: PipelineRecord, *, expected_rev: int | None = None, manager: str = API) -> None:
        """Delete a pipeline; its runs stay. Raises `ConflictError` for another revision or manager."""
        self._check_manager(record, manager)
        if expected_rev is not None and record.rev != expected_rev:
            raise stale(record.name, record.rev)
        if not await self._store.delete_pipeline(record.namespace, record.name, expected_rev=record.rev):
            raise stale(record.name, None)
        self._announce(record, DELETED)

    async def _checked(self, source: Source, namespace: str | None, name: str | None, actor: str) -> "_Document":
        validation = await self.validate(source)
        pipeline = validation.parsed.readable
        if pipeline is None:
            raise DefinitionError(validation.problems)
        if validation.problems and pipeline.status is not PipelineStatus.DRAFT:
            raise DefinitionError(validation.problems)
        return _Document(source, validation, pipeline, *self._agreed(pipeline, namespace, name), actor)

    async def _try_to_save(self, document: "_Document", terms: "_Terms") -> Saved | None:
        """Save over what is there now, unless somebody else changes that in the meantime: None."""
        namespace, name = document.namespace, document.name
        before = await self._store.read_pipeline(namespace, name)
        if before is None:
            if not terms.creates:
                raise NotFoundError("pipeline", name, f"in namespace '{namespace}'")
            return await self._create(document, terms.manager)
        if not terms.replaces:
            raise ConflictError(
                f"there is a pipeline '{name}' already",
                code="name-taken",
                hint="replace it with PUT, or choose another name",
            )
        self._check_manager(before, terms.manager)
        if terms.expected_rev is not None and before.rev != terms.expected_rev:
            raise stale(name, before.rev)
        return await self._replace(document, before)

    async def _create(self, document: "_Document", manager: str) -> Saved | None:
        now, pipeline, is_valid = self._clock(), document.pipeline, document.is_valid
        record = PipelineRecord(
            id=PipelineId(self._ids()),
            namespace=document.namespace,
            name=document.name,
            description=pipeline.description,
            labels=dict(pipeline.labels),
            status=pipeline.status or PipelineStatus.ACTIVE,
            version=1 if is_valid else 0,
            triggers=_triggers_of(pipeline),
            managed_by=manager,
            created_at=now,
            updated_at=now,
            draft=None if is_valid else document.text,
        )
        version = self._version(record, document) if is_valid else None
        if not await self._store.create_pipeline(record, version):
            return None
        self._announce(record, "created")
        return Saved(record, None, is_valid)

    async def _replace(self, document: "_Document", before: PipelineRecord) -> Saved | None:
        pipeline, is_valid = document.pipeline, document.is_valid
        latest = await self._store.read_version(before.id, before.version) if before.version else None
        same = latest if latest is not None and _is_same(latest, document.validation) else None
        makes_version = is_valid and same is None
        after = replace(
            before,
            description=pipeline.description,
            labels=dict(pipeline.labels),
            status=pipeline.status or _status_when_saved(before),
            version=before.version + makes_version,
            triggers=_triggers_of(pipeline) if is_valid else before.triggers,
            draft=None if is_valid else document.text,
            source=document.text if is_valid and same is not None and same.source != document.text else None,
        )
        if not makes_version and after == before:
            return Saved(before, before, False)
        version = self._version(after, document) if makes_version else None
        written = await self._try_to_write(after, before, version, change="saved")
        return None if written is None else Saved(written, before, makes_version)

    async def _activate(self, record: PipelineRecord, draft: str, status: PipelineStatus) -> PipelineRecord:
        source = await asyncio.to_thread(_read, draft)
        validation = await self.validate(source)
        pipeline = validation.parsed.readable
        if pipeline is None or validation.plan is None:
            raise DefinitionError(validation.problems)
        document = _Document(source, validation, pipeline, record.namespace, record.name, "")
        after = replace(record, status=status, version=record.version + 1, triggers=_triggers_of(pipeline), draft=None)
        return await self._write(after, record, self._version(after, document), change=status.value)

    async def _write(
        self, after: PipelineRecord, before: PipelineRecord, version: VersionRecord | None, *, change: str
    ) -> PipelineRecord:
        written = await self._try_to_write(after, before, version, change=change)
        if written is None:
            raise stale(before.name, None)
        return written

    async def _try_to_write(
        self, after: PipelineRecord, before: PipelineRecord, version: VersionRecord | None, *, change: str
    ) -> PipelineRecord | None:
        after = replace(after, rev=before.rev + 1, updated_at=self._clock())
        if not await self._store.replace_pipeline(after, version, expected_rev=before.rev):
            return None
        self._announce(after, change)
        return after

    def _version(self, record: PipelineRecord, document: "_Document") -> VersionRecord:
        definition = document.validation.parsed.definition
        return VersionRecord(
            pipeline_id=record.id,
            version=record.version,
            hash=definition_hash(definition),
            source=document.text,
            format=document.source.format,
            definition=definition,
            node_types=recorded_types(document.validation.require_plan()),
            created_at=self._clock(),
            created_by=document.actor,
        )

    def _agreed(self, pipeline: Pipeline, namespace: str | None, name: str | None) -> tuple[str, str]:
        if name is not None and pipeline.name != name:
            raise ConflictError(
                f"the document is called '{pipeline.name}', the address says '{name}'",
                code="name-mismatch",
                hint="a pipeline can't be renamed: make a new one and delete the old",
            )
        if namespace is not None and pipeline.namespace not in ("default", namespace):
            raise ConflictError(
                f"the document is in namespace '{pipeline.namespace}', the call in '{namespace}'",
                code="namespace-mismatch",
            )
        return namespace or pipeline.namespace, pipeline.name

    def _check_manager(self, record: PipelineRecord, manager: str) -> None:
        if record.managed_by != manager:
            where = "its resource on the cluster" if record.managed_by == CLUSTER else "the API"
            raise ConflictError(
                f"pipeline '{record.name}' is managed by {where}",
                code=f"managed-by-{record.managed_by}",
                hint="change it there",
            )

    def _announce(self, record: PipelineRecord, change: str) -> None:
        message = PipelineChanged(record.id, record.namespace, record.name, change)
        self._bus.publish(namespace_topic(record.namespace), message)
        self._recent.forget(record.namespace, record.name)
        self._on_change(record, change != DELETED)


def stale(name: str, rev: int | None) -> ConflictError:
    """Somebody else changed the pipeline in the meantime."""
    now = "" if rev is None else f"; it is at revision {rev}"
    return ConflictError(
        f"pipeline '{name}' was changed in the meantime{now}",
        code="stale",
        hint="read it again and apply your change to that",
    )


@dataclass(frozen=True, slots=True)
class _Document:
    """A document that may be saved, and under which name."""

    source: Source
    validation: Validation
    pipeline: Pipeline
    namespace: str
    name: str
    actor: str

    @property
    def is_valid(self) -> bool:
        """Whether it may become a version."""
        return self.validation.plan is not None

    @property
    def text(self) -> str:
        """The text as it was written; what came as a value is written out."""
        return self.source.text or orjson.dumps(self.validation.parsed.definition, default=dict).decode()


@dataclass(frozen=True, slots=True)
class _Terms:
    """What must be true of what is there for a save to go on."""

    manager: str
    expected_rev: int | None
    creates: bool
    replaces: bool


def _status_when_saved(record: PipelineRecord) -> PipelineStatus:
    """What a pipeline becomes by a document that says no state: a draft ends being one."""
    return PipelineStatus.ACTIVE if record.status is PipelineStatus.DRAFT else record.status


def _triggers_of(pipeline: Pipeline) -> tuple[JsonObject, ...]:
    """What a list of triggers shows without reading the definition; a trigger's kind decides its further keys."""
    found: list[JsonObject] = []
    for trigger in pipeline.triggers:
        entry: dict[str, object] = {"type": trigger.type, "id": trigger.id, "enabled": trigger.enabled}
        if isinstance(trigger, WebhookTrigger):
            entry["path"] = trigger.path
        if isinstance(trigger, EventTrigger):
            entry["filters"] = [dict(each) for each in trigger.filters]
        found.append(entry)
    return tuple(found)


def _read(text: str, format: Format | None = None) -> Source:
    return read_source(text, format=format, tolerant=True)


def _is_same(version: VersionRecord, validation: Validation) -> bool:
    """Whether a document says what a version says already, and its node types are what they were then."""
    if version.hash != definition_hash(validation.parsed.definition):
        return False
    return validation.plan is None or dict(version.node_types) == recorded_types(validation.plan)
