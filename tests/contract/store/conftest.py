"""A fresh store of each kind, and builders of what goes into it. A further store is one more case here."""

import pytest

from flume.ids import ROOT, Instance, Millis, NodeId, PipelineId, RunId
from flume.pipeline import PipelineStatus
from orchestrator.records import inline
from orchestrator.state import NodeState, NodeStatus, Run, RunOrigin, RunStatus, Scope, TriggerRecord
from orchestrator.store import Commit, InboxEntry, LogLine, PipelineRecord, VersionRecord
from orchestrator.stores.sqlite.store import SqliteStore

STORES = {"sqlite": SqliteStore.open}


@pytest.fixture(params=STORES, ids=STORES)
async def store(request, tmp_path):
    async with STORES[request.param](tmp_path) as opened:
        yield opened


class Build:
    """Makes records that differ only in what a test says."""

    pipeline_id = PipelineId("f" * 24)

    def run_id(self, number):
        return RunId(f"{number:024x}")

    def run(self, number=1, *, status=RunStatus.RUNNING, nodes=None, namespace="default", start_key=None, **origin):
        made = RunOrigin(
            id=self.run_id(number),
            namespace=namespace,
            pipeline_id=self.pipeline_id,
            pipeline=origin.pop("pipeline", "sample"),
            version=1,
            trigger=TriggerRecord("manual", "manual", inline({"n": number})),
            inputs=inline({}),
            created_at=Millis(1_000 + number),
            start_key=start_key,
            **origin,
        )
        return Run(made, {ROOT: Scope(status, dict(nodes or {}), {}, 0)})

    def node(self, output="x", status=NodeStatus.COMPLETED):
        return NodeState(status, attempt=1, answered=1, completed_at=Millis(5), port="out", output=inline(output))

    def commit(self, run, *, rev=0, owner="me", wake_at=None, **more):
        nodes = more.pop("nodes", run.root.nodes)
        return Commit(f"{run.id}-{rev}", run, rev, owner, wake_at, nodes, **more)

    def log(self, sequence=0, message="hello", **more):
        return LogLine(Instance("a"), 1, sequence, Millis(more.pop("at", 7)), more.pop("level", "info"), message, more)

    def inbox(self, run_id, kind="cancel"):
        return InboxEntry(f"{kind}-{run_id}", run_id, Instance(""), 0, kind, {"reason": "x"}, Millis(9))

    def pipeline(self, name="sample", namespace="default", **more):
        fields = {
            "id": self.pipeline_id,
            "description": "",
            "labels": {},
            "status": PipelineStatus.ACTIVE,
            "version": 1,
            "triggers": (),
            "managed_by": "api",
            "created_at": Millis(1),
            "updated_at": Millis(1),
        }
        return PipelineRecord(namespace=namespace, name=name, **{**fields, **more})

    def version(self, number=1):
        return VersionRecord(self.pipeline_id, number, f"hash{number}", "text", "yaml", {"a": 1}, {}, Millis(1), "me")

    node_id = staticmethod(NodeId)


@pytest.fixture
def build():
    return Build()
