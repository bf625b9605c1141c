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

from collections.abc import AsyncIterator
from typing import Protocol

from orchestrator.store.commits import (
    ANSWER,
    CANCEL,
    Audience,
    Backlog,
    Commit,
    CommitResult,
    InboxEntry,
    LogLine,
    OutboxEntry,
    Payload,
    Verdict,
)
from orchestrator.store.fleet import AuditEntry, FleetStore, OrchestratorRecord
from orchestrator.store.node_types import NodeTypeStore, PackagedTypeRecord
from orchestrator.store.pages import Page
from orchestrator.store.pipelines import PipelineFilter, PipelineRecord, PipelineStore, VersionRecord, path_taken
from orchestrator.store.run_lists import FoundLogLine, LogFilter, NodeCount, RunCount, RunFilter, RunSummary
from orchestrator.store.runs import RunStore, StoredRun
from orchestrator.store.schedules import Schedule, ScheduleStore

__all__ = [
    "ANSWER",
    "CANCEL",
    "Audience",
    "AuditEntry",
    "Backlog",
    "Commit",
    "CommitResult",
    "FleetStore",
    "FoundLogLine",
    "InboxEntry",
    "LogFilter",
    "LogLine",
    "NodeCount",
    "NodeTypeStore",
    "OrchestratorRecord",
    "OutboxEntry",
    "PackagedTypeRecord",
    "Page",
    "Payload",
    "PipelineFilter",
    "PipelineRecord",
    "PipelineStore",
    "RunCount",
    "RunFilter",
    "RunStore",
    "RunSummary",
    "Schedule",
    "ScheduleStore",
    "Store",
    "StoredRun",
    "Verdict",
    "VersionRecord",
    "path_taken",
]


class Store(RunStore, PipelineStore, ScheduleStore, FleetStore, NodeTypeStore, Protocol):
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
