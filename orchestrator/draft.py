"""A working copy of a run for the length of one step: the machine changes it, and what was not touched is shared with
the original.

A newcomer's trap: a `ScopeDraft` copies its scope's mappings when it is made, so ask for one (`Draft.open`) only in
order to change it; reading goes through `Draft.scope` and `Draft.node`.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from flume.ids import ROOT, Instance, Millis, NodeId, ScopePath, split_instance
from flume.plan import Plan, PlanNode, ScopePlan
from orchestrator.events import Command
from orchestrator.state import Arrivals, Failure, NodeState, Run, RunStatus, Scope, ScopeOutput


class ScopeDraft:
    """A scope that may be changed."""

    __slots__ = ("arrivals", "completed_at", "error", "nodes", "output", "started_at", "status", "unsettled")

    def __init__(self, scope: Scope) -> None:
        self.status = scope.status
        self.nodes = dict(scope.nodes)
        self.arrivals = dict(scope.arrivals)
        self.unsettled = scope.unsettled
        self.started_at = scope.started_at
        self.completed_at = scope.completed_at
        self.output: ScopeOutput | None = scope.output
        self.error: Failure | None = scope.error

    def arrive(self, node: PlanNode, *, taken: bool) -> Arrivals:
        """Count one settled edge into ``node`` and return what has reached it now."""
        before = self.arrivals.get(node.id)
        open_edges = len(node.incoming) if before is None else before.open
        after = Arrivals(open_edges - 1, taken or (before is not None and before.taken))
        self.arrivals[node.id] = after
        return after

    def freeze(self) -> Scope:
        """The scope as it stands."""
        return Scope(
            self.status,
            self.nodes,
            self.arrivals,
            self.unsettled,
            self.started_at,
            self.completed_at,
            self.output,
            self.error,
        )


class Draft:
    """A run that may be changed, the commands that the changes gave, and the work they left to do in this step."""

    __slots__ = (
        "_opened",
        "_run",
        "at",
        "commands",
        "deadline_at",
        "ended_items",
        "inline_bytes",
        "plan",
        "response",
        "seeds",
        "settled",
    )

    def __init__(self, plan: Plan, run: Run, at: Millis) -> None:
        self.plan = plan
        self.at = at
        self.commands: list[Command] = []
        self.settled: deque[tuple[ScopePath, NodeId]] = deque()
        self.ended_items: deque[ScopePath] = deque()
        self.deadline_at = run.deadline_at
        self.response = run.response
        self.inline_bytes = run.inline_bytes
        self.seeds: Mapping[NodeId, NodeState] = MappingProxyType({})
        self._run = run
        self._opened: dict[ScopePath, ScopeDraft] = {}

    def has_ended(self) -> bool:
        """Whether the run has ended in this step."""
        root = self._opened.get(ROOT)
        return root is not None and root.status.is_ended

    def scope(self, path: ScopePath) -> Scope | ScopeDraft | None:
        """A scope to read, or None if it is not under way."""
        return self._opened.get(path) or self._run.scopes.get(path)

    def open(self, path: ScopePath) -> ScopeDraft:
        """A scope to change; it must be under way."""
        draft = self._opened.get(path)
        if draft is None:
            draft = self._opened[path] = ScopeDraft(self._run.scopes[path])
        return draft

    def add_scope(self, path: ScopePath, plan: ScopePlan) -> ScopeDraft:
        """A new scope under way."""
        scope = Scope(RunStatus.RUNNING, {}, {}, len(plan.order), started_at=self.at)
        draft = self._opened[path] = ScopeDraft(scope)
        return draft

    def scopes(self) -> Iterator[tuple[ScopePath, Scope | ScopeDraft]]:
        """The scopes of the run and their paths, each as it is when its turn comes; those added meanwhile are left out."""
        for path in [*self._run.scopes, *(path for path in self._opened if path not in self._run.scopes)]:
            yield path, self._opened.get(path) or self._run.scopes[path]

    def node(self, instance: Instance) -> NodeState | None:
        """A node's state, or None if nothing has reached it or its scope is not under way."""
        path, node_id = split_instance(instance)
        scope = self.scope(path)
        return None if scope is None else scope.nodes.get(node_id)

    def put(self, path: ScopePath, node_id: NodeId, state: NodeState) -> ScopeDraft:
        """Record a node's state, and count what it keeps inline in place of what it kept before; returns its scope."""
        scope = self.open(path)
        before = scope.nodes.get(node_id)
        self.inline_bytes += state.inline_bytes - (0 if before is None else before.inline_bytes)
        scope.nodes[node_id] = state
        return scope

    def settle(self, path: ScopePath, node_id: NodeId, state: NodeState) -> None:
        """Record that a node has finished; its edges are followed later in this step."""
        self.put(path, node_id, state).unsettled -= 1
        self.settled.append((path, node_id))

    def count_origin(self) -> None:
        """Count what the run was made with among what it keeps inline."""
        self.inline_bytes += self._run.origin.inline_bytes

    def let_go(self, item: ScopePath) -> None:
        """Count an item no longer: it has ended, is stored by itself, and leaves the run with the next commit."""
        scope = self.scope(item)
        self.inline_bytes -= 0 if scope is None else sum(state.inline_bytes for state in scope.nodes.values())

    def finish(self) -> tuple[Run, tuple[Command, ...]]:
        """The run after the step, the very same object if nothing changed, and the commands in the order in which they arose."""
        if not self._opened:
            return self._run, tuple(self.commands)
        scopes = dict(self._run.scopes)
        for path, draft in self._opened.items():
            scopes[path] = draft.freeze()
        # Written out: `dataclasses.replace` costs more than the rest of a small step.
        run = Run(
            self._run.origin,
            scopes,
            self.deadline_at,
            self.response,
            self.inline_bytes,
            self._run.state_version,
        )
        return run, tuple(self.commands)
