"""What Flume needs of a store: the protocols, and the records that go in and come out.

One contract suite holds every implementation to what the docstrings here say. Shared rules:

- A method returns after its effect is durable: a process that is killed right afterwards finds it again.
- All reads see all writes that returned before them in the same process.
- Namespaces never mix: a call that takes one sees nothing of another.
- Lists are in a stable order with an opaque cursor; their cost grows with the page, not with the history.
- A list that has to look for what it shows gives up after a bounded number of rows: its page may be short, even empty,
  and still have a cursor.
- Out of order, concurrent and repeated calls are safe; what a repetition means is said at each method.
- `flume.errors.StoreError` is raised when the store can't be used, `UnavailableError` when it is worth trying again.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from flume.errors import ConflictError
from flume.ids import Instance, Millis, NodeId, PipelineId, RunId, ScopePath
from flume.pipeline import PipelineStatus
from flume.values import JsonObject
from orchestrator.state import NodeState, Run, RunStatus, Scope

T = TypeVar("T")


class Verdict(StrEnum):
    """What became of one commit."""

    WON = "won"
    LOST = "lost"
    """The run is at another revision than expected: somebody else advanced it, or it exists already."""
    REPEATED = "repeated"
    """A new run whose start key its pipeline has used: the start was made before."""


@dataclass(frozen=True, slots=True)
class CommitResult:
    """The verdict on one commit; ``run_id`` is the run that used the start key first, for `Verdict.REPEATED`.

    ``error`` is set, and the verdict LOST, when this commit could not be written at all (too large for the store, say);
    the others of its group are not affected.
    """

    verdict: Verdict
    run_id: RunId | None = None
    body_hash: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """A value kept apart, as its JSON or as the bytes that were uploaded. ``id`` is 24 hexadecimal digits."""

    id: str
    content: bytes = field(repr=False)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a node, or Flume on its behalf, wrote. ``sequence`` counts from 0 within the attempt.

    Below 0 it is what the platform did to the attempt's process (`eventing.attempts.line_number`).
    """

    instance: Instance
    attempt: int
    sequence: int
    at: Millis
    level: str
    message: str
    fields: JsonObject = field(default_factory=lambda: MappingProxyType({}))


class Audience(StrEnum):
    """Whom events about runs are for: the pipelines of this installation, or whoever listens outside of it."""

    HERE = "here"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """An event that is to be published because of a commit. ``event`` is a CloudEvent in the JSON format, ``id`` its own id.

    An event for several audiences has an entry for each, so that one that can't be reached keeps nothing from the others.
    ``owner`` is the replica that publishes it.
    """

    id: str
    audience: Audience
    owner: str
    at: Millis
    event: JsonObject = field(repr=False)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in an outbox for an audience: how many entries, and the moment of the oldest."""

    count: int
    oldest_at: Millis


@dataclass(frozen=True, slots=True)
class Commit:
    """One step forward of one run: a compare-and-swap on its revision, with everything that belongs to it.

    ``run`` is the state after the step. ``expected_rev`` 0 makes the run; its ``rev`` is then 1, and otherwise
    ``expected_rev + 1``. ``id`` is random, so that a driver that reports only counts can tell who won. ``nodes`` are
    the nodes of the root that changed, ``items`` the loop items that changed or are new, with their whole scope.
    ``owner`` and ``wake_at`` are written as given. ``expires_at`` is set with the commit that ends the run.
    ``payloads`` and ``logs`` are inserted; the same row again replaces itself. ``inbox`` entries are removed, ``outbox``
    entries kept until `RunStore.delete_outbox`, whatever becomes of the run.
    """

    id: str
    run: Run
    expected_rev: int
    owner: str | None
    wake_at: Millis | None
    nodes: Mapping[NodeId, NodeState]
    items: Mapping[ScopePath, Scope] = field(default_factory=lambda: MappingProxyType({}))
    payloads: tuple[Payload, ...] = ()
    logs: tuple[LogLine, ...] = ()
    inbox: tuple[str, ...] = ()
    expires_at: Millis | None = None
    outbox: tuple[OutboxEntry, ...] = ()

    @property
    def rev(self) -> int:
        """The run's revision after the commit."""
        return self.expected_rev + 1


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as the store holds it: all root nodes, and the items that were under way (``arrivals`` are not worked out).

    ``node_revs`` gives the revision at which each root node last changed. ``damage`` says why what is stored can't be read;
    the run has no nodes then, perhaps not even its inputs, and can only end.
    """

    run: Run
    rev: int
    owner: str | None
    wake_at: Millis | None
    node_revs: Mapping[NodeId, int]
    expires_at: Millis | None = None
    damage: str = ""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run as lists show it."""

    id: RunId
    namespace: str
    pipeline: str
    version: int
    status: RunStatus
    trigger_type: str
    trigger_id: str
    created_at: Millis
    started_at: Millis | None
    completed_at: Millis | None
    attempt: int
    retry_of: RunId | None
    test: bool
    error: JsonObject | None
    """``{code, message, node, retryable}``"""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs a list shows; None means any. ``since`` and ``until`` bound the time of creation, ``until`` not included.

    ``trigger`` is a trigger's id or its type.
    """

    namespace: str
    pipeline: str | None = None
    statuses: tuple[RunStatus, ...] = ()
    trigger: str | None = None
    since: Millis | None = None
    until: Millis | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list. ``cursor`` None: nothing follows."""

    items: tuple[T, ...]
    cursor: str | None


ANSWER = "answer"
"""The kind of inbox entry that holds how an attempt ended; its body holds what `eventing.message_reading.read_answered` takes."""


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """Something that arrived for a run at a replica that does not own it: a result, a cancel, a dead letter.

    Unique by run, instance, attempt and kind: the same thing again is dropped while it waits. ``body`` is the event in its stored
    form.
    """

    id: str
    run_id: RunId
    instance: Instance
    attempt: int
    kind: str
    body: JsonObject
    at: Millis


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


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a trigger fires next.

    ``definition`` is a digest of the trigger's schedule: another digest means that the due time must be worked out
    anew. ``rev`` counts changes, for compare-and-swap. ``last_due`` is the due time that fired last.
    """

    pipeline_id: PipelineId
    trigger_id: str
    definition: str
    next_due: Millis | None
    last_due: Millis | None = None
    last_run: RunId | None = None
    rev: int = 0


@dataclass(frozen=True, slots=True)
class OrchestratorRecord:
    """A replica and its lease, and what it told of itself when it last renewed it.

    ``version`` is that of its Flume, ``runs`` how many runs it had in memory.
    """

    id: str
    host: str
    pid: int
    started_at: Millis
    lease_until: Millis
    version: str = ""
    runs: int = 0


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A change that a person or an operator made. ``before`` and ``after`` are small: hashes, names, states."""

    id: str
    at: Millis
    namespace: str
    actor: str
    origin: str
    action: str
    target: str
    before: JsonObject | None = None
    after: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which log lines a search shows; None means any. ``levels`` empty means all.

    ``text`` is sought in the message, whatever the case of its letters. ``since`` and ``until`` bound the time of the
    line, ``until`` not included.
    """

    namespace: str
    text: str | None = None
    levels: tuple[str, ...] = ()
    pipeline: str | None = None
    run_id: RunId | None = None
    instance: Instance | None = None
    since: Millis | None = None
    until: Millis | None = None


@dataclass(frozen=True, slots=True)
class FoundLogLine:
    """A log line with the run that it belongs to."""

    run_id: RunId
    pipeline: str
    line: LogLine


@dataclass(frozen=True, slots=True)
class RunCount:
    """How many runs of a pipeline ended with an outcome in an interval that begins at ``since``, and their durations.

    ``durations_ms`` holds the 50th, 90th and 99th percentile (nearest rank) from start to end, of the latest runs where
    there are very many; it is empty if none of these was timed.
    """

    since: Millis
    pipeline: str
    status: RunStatus
    count: int
    durations_ms: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeCount:
    """How often a top-level node of a pipeline ran to an end, and how often that was a failure.

    ``durations_ms`` holds the 50th, 90th and 99th percentile (nearest rank) from its first attempt to its end.
    """

    node: NodeId
    count: int
    failures: int
    durations_ms: tuple[int, ...] = ()


class RunStore(Protocol):
    """Runs and all that hangs on them."""

    async def commit(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """Carry out each commit whole or not at all, and say for each what became of it, in the same order.

        A commit wins if its run is at ``expected_rev`` (for 0: does not exist, and its start key is new to its
        pipeline). One bad commit does not harm the others of the list. Two commits of the same run in one list happen
        in order; one that goes on from another loses if that one lost. The same commit again, while it is the latest of
        its run, is WON and changes nothing: after an error was raised, some may have been carried out, and the same list
        tells which. A commit that ends its run empties its inbox.
        """
        ...

    async def load_run(self, run_id: RunId) -> StoredRun | None:
        """A run with what its owner needs to go on: root nodes and the items that its loops name as active."""
        ...

    async def find_start(self, pipeline_id: PipelineId, start_key: str) -> tuple[RunId, str | None] | None:
        """The run that was started with this key, and the body hash it was started with."""
        ...

    async def read_run(self, namespace: str, run_id: RunId) -> StoredRun | None:
        """A run for the API; None also if it belongs to another namespace."""
        ...

    async def list_runs(self, wanted: RunFilter, *, limit: int, cursor: str | None = None) -> Page[RunSummary]:
        """Runs, the newest first. Raises `RequestError` for a cursor that is not one."""
        ...

    async def children_of(self, run_id: RunId) -> tuple[RunId, ...]:
        """The runs that retry or rerun this one, the oldest first."""
        ...

    async def claim_runs(
        self, owner: str, *, now: Millis, live_owners: Sequence[str], commit_id: str, limit: int
    ) -> tuple[RunId, ...]:
        """Become the owner of runs that need one, each by compare-and-swap on its revision (which rises by one).

        These are runs that have not ended and (a) are pending or running without owner, with a ``wake_at`` that is due
        by ``now`` or an inbox entry, or (b) have an owner that is not among ``live_owners``. The earliest due first: an
        entry is due since it arrived, a run of a lost owner since its ``wake_at``, and before all others without one. A
        run whose ``state_version`` is above ours is left alone.
        """
        ...

    async def claim_run(self, run_id: RunId, owner: str, *, live_owners: Sequence[str], commit_id: str) -> bool:
        """Become the owner of one run that has not ended, if it has no owner or one that is not among ``live_owners``.

        Its revision rises by one. A run whose ``state_version`` is above ours is left alone.
        """
        ...

    async def unfinished_runs(self, owner: str, *, limit: int) -> tuple[RunId, ...]:
        """Runs of ``owner`` that have not ended, in no particular order, but for those whose ``state_version`` is above ours."""
        ...

    async def read_items(
        self, run_id: RunId, loop: Instance, *, after: int = -1, limit: int = 256, status: RunStatus | None = None
    ) -> list[tuple[int, Scope]]:
        """Items of a loop that were stored, by rising index above ``after``; those under way included.

        With ``status`` those of this status alone: a few that failed among very many cost no look at the others.
        """
        ...

    async def copy_items(self, source: RunId, target: RunId, loop: Instance) -> int:
        """Copy the items of a loop that completed, with the items within them, to another run; returns how many of
        ``loop``.

        Done before the commit that makes the target run; a repetition replaces. The payloads that they refer to are not
        kept by that: see `keep_payloads`.
        """
        ...

    async def read_payload(self, payload_id: str) -> Payload | None:
        """A payload, whole."""
        ...

    async def save_payload(self, run_id: RunId, payload: Payload) -> None:
        """Keep a payload for a run before the commit that refers to it."""
        ...

    async def keep_payloads(self, run_id: RunId, payload_ids: Sequence[str]) -> bool:
        """Let payloads of other runs stay for as long as this one too, which is about to be made. Again is harmless.

        False, and nothing is kept, if one of them is gone.
        """
        ...

    async def release_payloads(self, run_id: RunId, payload_ids: Sequence[str]) -> None:
        """Let a run go of payloads; what no other run keeps is gone. Again, or for one that is not there, is harmless."""
        ...

    async def read_logs(
        self, run_id: RunId, *, instance: Instance | None = None, after: str | None = None, limit: int = 1000
    ) -> Page[LogLine]:
        """Lines of a run in the order in which they were stored; ``cursor`` is the place after the last line, also at the end."""
        ...

    async def save_logs(self, run_id: RunId, lines: Sequence[LogLine]) -> None:
        """Keep lines at once, while their attempt is still under way. The same line again changes nothing; lines of a run
        that does not exist are dropped."""
        ...

    async def search_logs(self, wanted: LogFilter, *, limit: int, cursor: str | None = None) -> Page[FoundLogLine]:
        """Lines over many runs, the newest first."""
        ...

    async def put_inbox(self, entry: InboxEntry) -> bool:
        """Keep an entry until a commit of its run removes it or ends the run. False if the same thing waits already, or
        the run has ended or does not exist."""
        ...

    async def read_inbox(self, run_id: RunId) -> tuple[InboxEntry, ...]:
        """The entries of a run, the oldest first."""
        ...

    async def inbox_runs(self, owner: str, *, limit: int) -> tuple[RunId, ...]:
        """The runs of ``owner`` for which entries wait."""
        ...

    async def read_outbox(
        self, owner: str, audience: Audience, *, limit: int, after: OutboxEntry | None = None
    ) -> tuple[OutboxEntry, ...]:
        """What ``owner`` has yet to publish to ``audience``, the oldest first; with ``after`` only what follows that entry,
        which may be gone."""
        ...

    async def delete_outbox(self, entries: Sequence[OutboxEntry]) -> None:
        """Forget entries that were published; those that are gone already do no harm."""
        ...

    async def drop_outbox(self, owner: str, audience: Audience, *, before: Millis) -> int:
        """Forget what ``owner`` could not publish to ``audience`` from before a moment; how many entries that are."""
        ...

    async def outbox_backlogs(self, owner: str) -> Mapping[Audience, Backlog]:
        """What ``owner`` has yet to publish, by audience; one for which nothing waits is left out."""
        ...

    async def take_over_outbox(self, owner: str, *, live_owners: Sequence[str]) -> int:
        """Let ``owner`` publish what belongs to none of ``live_owners``; how many entries that are."""
        ...

    async def count_runs(
        self, namespace: str, *, since: Millis, until: Millis, interval_ms: int, pipeline: str | None = None
    ) -> list[RunCount]:
        """Runs that ended from ``since`` to before ``until``, by interval, pipeline and outcome, in this order.

        ``pipeline`` None means all.
        """
        ...

    async def count_nodes(self, namespace: str, pipeline: str, *, since: Millis, until: Millis) -> list[NodeCount]:
        """The nodes of a pipeline's runs that ended from ``since`` to before ``until``, by name.

        Where there are very many, of the latest of these runs. What was skipped or cut short does not count.
        """
        ...

    async def count_unfinished(self) -> int:
        """How many runs have not ended, over all namespaces."""
        ...

    async def delete_expired(self, now: Millis, *, limit: int) -> int:
        """Delete up to ``limit`` runs whose ``expires_at`` has come, with all that hangs on them, children first; how many.

        A run that was made from another loses nothing by that: it has items of its own, and keeps the payloads that it
        refers to, which go with the last run that does. The version of a deleted pipeline goes with its last run. What
        was saved for a run that was not made within a day goes too.
        """
        ...


def path_taken(path: str, pipeline: str) -> ConflictError:
    """``pipeline``, another one of the namespace, claims a webhook path."""
    return ConflictError(
        f"pipeline '{pipeline}' has the webhook path '{path}' already",
        code="webhook-path-taken",
        hint="give the trigger a path of its own",
    )


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


class ScheduleStore(Protocol):
    """When time triggers fire."""

    async def read_schedule(self, pipeline_id: PipelineId, trigger_id: str) -> Schedule | None:
        """One schedule."""
        ...

    async def list_schedules(self) -> list[Schedule]:
        """All schedules."""
        ...

    async def due_schedules(self, now: Millis, *, limit: int) -> list[Schedule]:
        """Schedules whose ``next_due`` has come, the earliest first."""
        ...

    async def next_due(self) -> Millis | None:
        """When the first of all schedules is due, which may be past; None if none will ever be."""
        ...

    async def save_schedule(self, schedule: Schedule, *, expected_rev: int) -> bool:
        """Write a schedule if it is at ``expected_rev`` (0: does not exist). ``schedule.rev`` is ``expected_rev + 1``."""
        ...

    async def delete_schedule(self, pipeline_id: PipelineId, trigger_id: str) -> None:
        """Forget a schedule; nothing happens if there is none."""
        ...


class FleetStore(Protocol):
    """Replicas, what people changed, and keys."""

    async def renew_lease(self, record: OrchestratorRecord) -> None:
        """Write a replica and its lease."""
        ...

    async def list_orchestrators(self) -> list[OrchestratorRecord]:
        """All replicas whose record is still there, those with an ended lease included."""
        ...

    async def delete_orchestrator(self, orchestrator_id: str) -> None:
        """Forget a replica that has stopped."""
        ...

    async def secret_key(self, name: str) -> bytes:
        """32 random bytes under a name, made by the store at the first call and the same ever after."""
        ...

    async def append_audit(self, entry: AuditEntry) -> None:
        """Record a change; the same entry again changes nothing."""
        ...

    async def list_audit(
        self, namespace: str, *, target: str | None = None, limit: int, cursor: str | None = None
    ) -> Page[AuditEntry]:
        """Changes in a namespace, the newest first."""
        ...

    async def delete_audit(self, before: Millis, *, limit: int) -> int:
        """Delete up to ``limit`` entries from before a moment, whatever their namespace, the oldest first; how many."""
        ...


class Store(RunStore, PipelineStore, ScheduleStore, FleetStore, Protocol):
    """Everything. Opening and closing are the implementation's own affair: the composition root does that."""

    async def check(self) -> None:
        """Raise `StoreError` or `UnavailableError` unless the store can be written to."""
        ...

    async def require_whole(self) -> None:
        """Raise `StoreError` if the store holds a part of an import, which is under way or did not come to its end."""
        ...

    def stored_runs(self) -> AsyncIterator[StoredRun]:
        """Every run, by rising id, which is the oldest first: for export."""
        ...
