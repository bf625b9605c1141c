"""What the contract suite of stores needs: an empty store of each implementation, and builders for what goes in.

The suite knows `orchestrator.store.Store` and nothing else. Another implementation joins by one fixture and its name in
`STORES`.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from flume.ids import ROOT, Instance, Millis, NodeId, PipelineId, RunId, ScopePath
from flume.pipeline import PipelineStatus
from orchestrator.records import inline
from orchestrator.state import (
    LoopState,
    NodeState,
    NodeStatus,
    Run,
    RunOrigin,
    RunStatus,
    Scope,
    TriggerRecord,
)
from orchestrator.store import (
    Audience,
    AuditEntry,
    Commit,
    CommitResult,
    InboxEntry,
    LogLine,
    OrchestratorRecord,
    OutboxEntry,
    PackagedTypeRecord,
    PipelineRecord,
    Schedule,
    Store,
    Verdict,
    VersionRecord,
)
from orchestrator.stores.mongo.store import MongoStore
from orchestrator.stores.sqlite.store import SqliteStore

STORES = ("sqlite", "mongo")

PIPELINE = PipelineId("a" * 24)
OTHER_PIPELINE = PipelineId("b" * 24)


class Build:
    """Makes small, whole records; every argument is a fact that a test is about. Run ``n`` is made at moment ``1000 n``."""

    pipeline_id = PIPELINE
    other_pipeline_id = OTHER_PIPELINE

    def __init__(self) -> None:
        self._commits = 0

    def run_id(self, number: int) -> RunId:
        return RunId(f"{number:024x}")

    def origin(self, number: int = 1, **facts: Any) -> RunOrigin:
        facts.setdefault("namespace", "default")
        facts.setdefault("pipeline_id", PIPELINE)
        facts.setdefault("pipeline", "demo")
        facts.setdefault("version", 1)
        facts.setdefault("trigger", TriggerRecord("manual", "manual", inline(None)))
        facts.setdefault("inputs", inline({}))
        facts.setdefault("created_at", Millis(1000 * number))
        return RunOrigin(self.run_id(number), **facts)

    def node(self, status: NodeStatus = NodeStatus.RUNNING, **facts: Any) -> NodeState:
        return NodeState(status, **facts)

    def loop(self, *, active: Sequence[int] = (), **facts: Any) -> NodeState:
        count = max(active, default=-1) + 1
        return NodeState(
            NodeStatus.RUNNING, attempt=1, loop=LoopState(count, next=count, active=tuple(active)), **facts
        )

    def scope(
        self,
        status: RunStatus = RunStatus.RUNNING,
        nodes: Mapping[str, NodeState] | None = None,
        **facts: Any,
    ) -> Scope:
        states = {NodeId(node): state for node, state in (nodes or {}).items()}
        return Scope(status, states, {}, 0, **facts)

    def run(
        self,
        number: int = 1,
        status: RunStatus = RunStatus.RUNNING,
        nodes: Mapping[str, NodeState] | None = None,
        *,
        started_at: int | None = None,
        completed_at: int | None = None,
        output: Any = None,
        error: Any = None,
        items: Mapping[str, Scope] | None = None,
        deadline_at: int | None = None,
        response: str | None = None,
        inline_bytes: int = 0,
        state_version: int = 1,
        **origin: Any,
    ) -> Run:
        root = self.scope(status, nodes, started_at=started_at, completed_at=completed_at, output=output, error=error)
        return Run(
            self.origin(number, **origin),
            {ROOT: root, **{ScopePath(path): scope for path, scope in (items or {}).items()}},
            deadline_at=None if deadline_at is None else Millis(deadline_at),
            response=None if response is None else NodeId(response),
            inline_bytes=inline_bytes,
            state_version=state_version,
        )

    def commit(self, run: Run, expected_rev: int = 0, *, nodes: Sequence[str] | None = None, **facts: Any) -> Commit:
        """A commit of the named root nodes, or all, and of all items that the run holds."""
        self._commits += 1
        facts.setdefault("id", f"{self._commits:024x}")
        facts.setdefault("owner", None)
        facts.setdefault("wake_at", None)
        facts.setdefault("items", {path: scope for path, scope in run.scopes.items() if path != ROOT})
        changed = {node: state for node, state in run.root.nodes.items() if nodes is None or node in nodes}
        return Commit(run=run, expected_rev=expected_rev, nodes=changed, **facts)

    def line(self, sequence: int = 0, message: str = "hello", **facts: Any) -> LogLine:
        facts.setdefault("instance", Instance("fetch"))
        facts.setdefault("attempt", 1)
        facts.setdefault("at", Millis(10 + sequence))
        facts.setdefault("level", "info")
        return LogLine(sequence=sequence, message=message, **facts)

    def entry(self, number: int, run: int = 1, **facts: Any) -> InboxEntry:
        facts.setdefault("instance", Instance(f"node-{number}"))
        facts.setdefault("attempt", 1)
        facts.setdefault("kind", "result")
        facts.setdefault("body", {"number": number})
        facts.setdefault("at", Millis(10 * number))
        return InboxEntry(f"{number:024x}", self.run_id(run), **facts)

    def event(self, number: int, **facts: Any) -> OutboxEntry:
        facts.setdefault("audience", Audience.HERE)
        facts.setdefault("owner", "me")
        facts.setdefault("at", Millis(10 * number))
        facts.setdefault("event", {"specversion": "1.0", "id": f"e{number}", "source": "/s", "type": "t"})
        return OutboxEntry(f"{number:024x}.completed", **facts)

    def pipeline(self, name: str = "demo", **facts: Any) -> PipelineRecord:
        facts.setdefault("id", PIPELINE)
        facts.setdefault("namespace", "default")
        facts.setdefault("description", "")
        facts.setdefault("labels", {})
        facts.setdefault("status", PipelineStatus.ACTIVE)
        facts.setdefault("version", 1)
        facts.setdefault("triggers", ())
        facts.setdefault("managed_by", "api")
        facts.setdefault("created_at", Millis(1))
        facts.setdefault("updated_at", Millis(2))
        return PipelineRecord(name=name, **facts)

    def version(self, number: int = 1, **facts: Any) -> VersionRecord:
        facts.setdefault("pipeline_id", PIPELINE)
        facts.setdefault("hash", f"hash-{number}")
        facts.setdefault("source", f"name: demo # {number}")
        facts.setdefault("format", "yaml")
        facts.setdefault("definition", {"name": "demo", "nodes": [{"id": "fetch"}]})
        facts.setdefault("node_types", {"log": {"version": 1, "ports": ["out"], "lane": "engine", "pure": True}})
        facts.setdefault("created_at", Millis(number))
        facts.setdefault("created_by", "ada")
        return VersionRecord(version=number, **facts)

    def schedule(self, trigger_id: str = "nightly", **facts: Any) -> Schedule:
        facts.setdefault("pipeline_id", PIPELINE)
        facts.setdefault("definition", "digest")
        facts.setdefault("next_due", Millis(100))
        facts.setdefault("rev", 1)
        return Schedule(trigger_id=trigger_id, **facts)

    def packaged_type(self, name: str = "resize", **facts: Any) -> PackagedTypeRecord:
        facts.setdefault("hash", f"hash of {name}")
        facts.setdefault("description", {"name": name, "inputSchema": {"$ref": "#/$defs/A.B", "minimum": 0.5}})
        return PackagedTypeRecord(name, **facts)

    def replica(self, name: str = "one", **facts: Any) -> OrchestratorRecord:
        facts.setdefault("host", "box")
        facts.setdefault("pid", 7)
        facts.setdefault("started_at", Millis(1))
        facts.setdefault("lease_until", Millis(10_000))
        return OrchestratorRecord(name, **facts)

    def change(self, number: int, **facts: Any) -> AuditEntry:
        facts.setdefault("at", Millis(number))
        facts.setdefault("namespace", "default")
        facts.setdefault("actor", "ada")
        facts.setdefault("origin", "10.0.0.1")
        facts.setdefault("action", "pipeline.replace")
        facts.setdefault("target", "pipelines/demo")
        return AuditEntry(f"{number:024x}", **facts)


@pytest.fixture
def build() -> Build:
    return Build()


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    opening: AbstractAsyncContextManager[Store] = request.getfixturevalue(f"opening_{request.param}")
    async with opening as opened:
        yield opened


@pytest.fixture
def opening_sqlite(tmp_path: Path) -> AbstractAsyncContextManager[Store]:
    return SqliteStore.open(tmp_path / "data")


@pytest.fixture
def opening_mongo(mongodb_url: str) -> AbstractAsyncContextManager[Store]:
    # Watched by one connection: the driver forgets a second one if it is closed just while that connects.
    return MongoStore.open(f"{mongodb_url}&serverMonitoringMode=poll", f"flume-{uuid4().hex}")


@pytest.fixture
def keep(store: Store, build: Build) -> Callable[..., Any]:
    """Commits a run that is new, or goes on from ``expected_rev``, and says what became of it; it must have won."""

    async def commit(run: Run, expected_rev: int = 0, **facts: Any) -> CommitResult:
        (result,) = await store.commit([build.commit(run, expected_rev, **facts)])
        assert result.verdict is Verdict.WON, result
        return result

    return commit
