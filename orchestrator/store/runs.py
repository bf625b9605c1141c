"""What a store does with runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flume.ids import Instance, Millis, NodeId, PipelineId, RunId
from orchestrator.state import Run, RunStatus, Scope
from orchestrator.store.commits import (
    Audience,
    Backlog,
    Commit,
    CommitResult,
    InboxEntry,
    LogLine,
    OutboxEntry,
    Payload,
)
from orchestrator.store.pages import Page
from orchestrator.store.run_lists import FoundLogLine, LogFilter, NodeCount, RunCount, RunFilter, RunSummary


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
