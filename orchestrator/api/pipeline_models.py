"""What the routes about pipelines and triggers take and give, as models; answers are only documented by them.

Answers are written by `orchestrator.api.pipeline_presentation`; a test holds the two to each other.
"""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from flume.pipeline import PipelineStatus
from orchestrator.api.problems import ProblemItem
from orchestrator.api.run_models import Shown, Taken


class TriggerSummaryRecord(Shown):
    """A trigger of a pipeline. ``url`` is where a webhook is called, or where events for the pipeline are sent.

    ``enabled`` false: the definition or a person switched it off.
    """

    id: str
    type: str
    enabled: bool
    path: str | None = None
    url: str | None = None


class PipelineSummaryRecord(Shown):
    """A pipeline as lists show it. ``version`` 0: a draft that never was valid has no version."""

    namespace: str
    name: str
    description: str
    labels: dict[str, str]
    status: PipelineStatus
    version: int
    triggers: list[TriggerSummaryRecord]
    managed_by: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    links: dict[str, str]


class PipelineDetailRecord(PipelineSummaryRecord):
    """A pipeline with its definition in the flat form (``flume/v1``)."""

    definition: dict[str, Any]


class VersionSummaryRecord(Shown):
    """One immutable version. ``format`` is that of its source text."""

    version: int
    hash: str
    format: Literal["yaml", "json"]
    created_at: AwareDatetime
    created_by: str
    links: dict[str, str]


class VersionDetailRecord(VersionSummaryRecord):
    """A version with its definition, and the text as it was written; empty if it came without text."""

    definition: dict[str, Any]
    source: str


class ChangeRecord(Shown):
    """One difference. ``pointer`` is into the later definition, and into the earlier one for what was removed."""

    op: Literal["add", "remove", "change", "move"]
    pointer: str
    before: Any
    after: Any


class DifferenceRecord(Shown):
    """What changed from one version to another."""

    from_: int = Field(alias="from")
    to: int
    changes: list[ChangeRecord]


class ValidationRecord(Shown):
    """All that is wrong with a document, in the order of its text."""

    valid: bool
    problems: list[ProblemItem]


class PipelinePatchBody(Taken):
    """A merge patch (RFC 7386): ``definition`` is merged into the definition, where null removes a key."""

    definition: dict[str, Any] | None = None
    status: PipelineStatus | None = None


class FiringRecord(Shown):
    """A time at which a trigger was due, and the run that this started."""

    at: AwareDatetime
    run: str | None


class TriggerDetailRecord(TriggerSummaryRecord):
    """A trigger with its pipeline, what it goes by, and its last and next firing.

    ``settings`` are those of its type, such as ``schedule`` and ``timezone``. ``nextFiring`` is null for what does not
    follow time, or does not fire as things are. ``key`` is the pipeline's, with which events may be sent to it without a
    token; null for triggers that no event stands for, and for callers who may not change anything.
    """

    pipeline: str
    pipeline_status: PipelineStatus
    settings: dict[str, Any]
    last_firing: FiringRecord | None
    next_firing: AwareDatetime | None
    key: str | None = None
    links: dict[str, str]


class TriggerPatchBody(Taken):
    """Switches a trigger on or off."""

    enabled: bool
