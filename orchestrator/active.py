"""A run in its owner's memory: its state, what has happened to it since, and what waits for the next commit."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from flume.ids import ROOT, Instance, Millis, NodeId, RunId, ScopePath
from flume.plan import Plan
from orchestrator.events import Command, DecideLoopStep, Event, GatherLoop, StartAttempt
from orchestrator.partial_output import PartialOutput
from orchestrator.recovery import awaits
from orchestrator.state import NodeState, Run, Scope
from orchestrator.store import Commit, CommitResult, LogLine, OutboxEntry, Payload
from orchestrator.values import RunValues

if TYPE_CHECKING:
    from orchestrator.reporting import AttemptReports

AttemptId = tuple[Instance, int]


class Stage(Enum):
    """What becomes of the state that was reached."""

    OPEN = "open"
    """Nothing is on its way to the store."""
    COMMITTING = "committing"
    """A commit is under way; the run may compute a few stretches meanwhile."""
    GONE = "gone"
    """The run has left memory, and this object is worth nothing any more."""


@dataclass(slots=True)
class ActiveRun:
    """One run under way here. ``committed`` is the state that is durable, ``run`` the state that is reached.

    ``rev`` 0: the run is not stored yet. ``events`` have happened and were not applied. ``at_once`` are commands that
    may be carried out before the next commit, ``held`` those that must wait for it. ``arriving`` are inbox entries whose
    news is among ``events``, ``inbox`` those whose news is applied. ``logs``, ``payloads`` and ``inbox`` go with the next
    commit, and so does ``dropped_lines``: a note for each attempt that wrote too much. ``first`` is told what became of the
    commit that makes the run, ``on_log`` that there are lines to store, and ``deliver`` lets something happen to the run.
    ``tasks`` are the attempts that are waited for here, ``reports`` take what they tell. ``stretches_ahead`` is how many were
    computed since the commit under way was made. ``is_scheduled``: a turn of the run is due. ``is_last_try``: a step could not
    be stored, and should its failure not be either, that was all.
    """

    plan: Plan
    run: Run
    rev: int
    values: RunValues
    committed: Run
    events: deque[Event] = field(default_factory=deque)
    at_once: deque[StartAttempt | DecideLoopStep] = field(default_factory=deque)
    held: list[Command] = field(default_factory=list)
    granted: list[Command] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    dropped_lines: dict[AttemptId, LogLine] = field(default_factory=dict)
    payloads: list[Payload] = field(default_factory=list)
    arriving: list[str] = field(default_factory=list)
    inbox: list[str] = field(default_factory=list)
    tasks: dict[AttemptId, asyncio.Task[None]] = field(default_factory=dict)
    reports: "dict[AttemptId, AttemptReports]" = field(default_factory=dict)
    partial_output: PartialOutput = field(default_factory=PartialOutput)
    timer: asyncio.TimerHandle | None = None
    log_timer: asyncio.TimerHandle | None = None
    on_log: Callable[[], None] = lambda: None
    deliver: Callable[[Event], None] = lambda event: None
    first: asyncio.Future[CommitResult] | None = None
    stage: Stage = Stage.OPEN
    stretches_ahead: int = 0
    is_scheduled: bool = False
    is_last_try: bool = False

    @property
    def id(self) -> RunId:
        """The run's id."""
        return self.run.id

    @property
    def is_committing(self) -> bool:
        """Whether a commit is under way."""
        return self.stage is Stage.COMMITTING

    def mark_applied(self) -> None:
        """All events are applied, and the news of the inbox with them: the next commit may remove those entries, none before."""
        self.events.clear()
        self.inbox += self.arriving
        self.arriving.clear()

    def has_changed(self) -> bool:
        """Whether there is anything to commit."""
        return self.run is not self.committed or self.rev == 0 or bool(self.logs or self.dropped_lines or self.inbox)

    def changed_nodes(self) -> Mapping[NodeId, NodeState]:
        """The root's nodes that differ from what is stored."""
        before = self.committed.root.nodes if self.rev else {}
        after = self.run.root.nodes
        if after is before:
            return {}
        return {node_id: state for node_id, state in after.items() if before.get(node_id) is not state}

    def changed_items(self) -> Mapping[ScopePath, Scope]:
        """The loop items that differ from what is stored."""
        before = self.committed.scopes
        return {
            path: scope for path, scope in self.run.scopes.items() if path != ROOT and before.get(path) is not scope
        }

    def next_commit(
        self,
        id: str,
        *,
        owner: str | None,
        wake_at: Millis | None,
        expires_at: Millis | None,
        outbox: tuple[OutboxEntry, ...] = (),
    ) -> Commit:
        """The step from what is durable to what is reached, with all that goes with it and is not kept here any longer."""
        commit = Commit(
            id=id,
            run=self.run,
            expected_rev=self.rev,
            owner=owner,
            wake_at=wake_at,
            nodes=self.changed_nodes(),
            items=self.changed_items(),
            payloads=tuple(self.payloads),
            logs=(*self.logs, *self.dropped_lines.values()),
            inbox=tuple(self.inbox),
            expires_at=expires_at,
            outbox=outbox,
        )
        for sent in (self.payloads, self.logs, self.dropped_lines, self.inbox):
            sent.clear()
        return commit

    def let_go_of(self, instance: Instance, attempt: int) -> None:
        """Cancel an attempt's task, if it has one; nobody waits for its answer any more."""
        task = self.tasks.pop((instance, attempt), None)
        if task is not None:
            task.cancel()
            self.partial_output.end(instance, attempt)

    def let_go_of_all(self) -> None:
        """Cancel all tasks."""
        for instance, attempt in list(self.tasks):
            self.let_go_of(instance, attempt)

    def awaits(self, command: StartAttempt | DecideLoopStep | GatherLoop) -> bool:
        """Whether the run, as far as it has come since the command was given, still wants it carried out."""
        return awaits(self.run, command.instance, command.attempt)
