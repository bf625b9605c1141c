"""Pipelines with their versions, and what a store does with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from flume.errors import ConflictError
from flume.ids import Millis, PipelineId
from flume.pipeline import PipelineStatus
from flume.values import JsonObject
from orchestrator.store.pages import Page


@dataclass(frozen=True, slots=True)
class PipelineRecord:
    """A pipeline as it is now. ``version`` 0: a draft that was never valid has no version yet; its text is in ``draft``.

    ``source`` is the text that was saved last, where it only is written otherwise than the present version (layout,
    comments); None: it is the version's own.
    """

    id: PipelineId
    namespace: str
    name: str
    description: str
    labels: Mapping[str, str]
    status: PipelineStatus
    version: int
    triggers: tuple[JsonObject, ...]
    managed_by: str
    created_at: Millis
    updated_at: Millis
    rev: int = 1
    draft: str | None = None
    disabled_triggers: tuple[str, ...] = ()
    source: str | None = None

    @property
    def webhook_paths(self) -> tuple[str, ...]:
        """The paths that it claims, each once: those of its webhooks, switched off or not. A draft has no triggers."""
        if self.status is PipelineStatus.DRAFT:
            return ()
        paths = (trigger["path"] for trigger in self.triggers if trigger["type"] == "webhook")
        return tuple(dict.fromkeys(paths))


def path_taken(path: str, pipeline: str) -> ConflictError:
    """``pipeline``, another one of the namespace, claims a webhook path."""
    return ConflictError(
        f"pipeline '{pipeline}' has the webhook path '{path}' already",
        code="webhook-path-taken",
        hint="give the trigger a path of its own",
    )


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One immutable version. ``source`` is the text as it was written, ``format`` ``yaml`` or ``json``.

    ``node_types`` holds what its plan took from each node type: ``{type: {version, ports, lane, pure}}``.
    """

    pipeline_id: PipelineId
    version: int
    hash: str
    source: str
    format: str
    definition: JsonObject
    node_types: Mapping[str, JsonObject]
    created_at: Millis
    created_by: str


@dataclass(frozen=True, slots=True)
class PipelineFilter:
    """Which pipelines a list shows; None means any. ``label`` is ``(key, value)``.

    ``text`` is sought in name and description, whatever the case of its letters. ``trigger_type`` is that of a trigger which
    the pipeline lists, switched off or not.
    """

    namespace: str | None
    status: PipelineStatus | None = None
    label: tuple[str, str] | None = None
    text: str | None = None
    trigger_type: str | None = None


class PipelineStore(Protocol):
    """Pipelines and their versions.

    No two pipelines of a namespace claim one webhook path (`PipelineRecord.webhook_paths`): whoever writes second gets
    the `ConflictError` that `path_taken` makes, and nothing is written. Nothing but the one record has to be looked at
    or locked for that: a unique index over the paths that records claim is enough.
    """

    async def create_pipeline(self, record: PipelineRecord, version: VersionRecord | None) -> bool:
        """Make a pipeline, with its first version unless it is a draft with problems. False if its name is taken.

        Raises `ConflictError` for a webhook path that another one claims.
        """
        ...

    async def replace_pipeline(
        self, record: PipelineRecord, version: VersionRecord | None, *, expected_rev: int
    ) -> bool:
        """Change a pipeline and add ``version`` unless it is None. False if it is at another revision or gone.

        ``record.rev`` must be ``expected_rev + 1``. Raises `ConflictError` for a webhook path that another one claims.
        """
        ...

    async def read_pipeline(self, namespace: str, name: str) -> PipelineRecord | None:
        """A pipeline by name."""
        ...

    async def pipeline_by_path(self, namespace: str, path: str) -> PipelineRecord | None:
        """The pipeline that claims a webhook path, whether it is active or paused; never a draft."""
        ...

    async def pipeline_by_id(self, pipeline_id: PipelineId) -> PipelineRecord | None:
        """A pipeline by id, whatever its namespace."""
        ...

    async def list_pipelines(
        self, wanted: PipelineFilter, *, limit: int, cursor: str | None = None
    ) -> Page[PipelineRecord]:
        """Pipelines by name (and namespace, where the filter names none)."""
        ...

    async def delete_pipeline(self, namespace: str, name: str, *, expected_rev: int) -> bool:
        """Delete a pipeline, its schedules and the versions that no run was started with; runs and their versions stay.

        The webhook paths that it claimed are free again.
        """
        ...

    async def read_version(self, pipeline_id: PipelineId, version: int) -> VersionRecord | None:
        """One version, also of a pipeline that was deleted, as long as a run of it exists."""
        ...

    async def list_versions(
        self, pipeline_id: PipelineId, *, limit: int, cursor: str | None = None
    ) -> Page[VersionRecord]:
        """Versions, the newest first."""
        ...
