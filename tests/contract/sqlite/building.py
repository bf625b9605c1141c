"""Small, whole commits for tests of one store alone; what all stores must do has a suite and builders of its own."""

from dataclasses import replace

from flume.ids import ROOT, Millis, NodeId, PipelineId, RunId
from flume.pipeline import PipelineStatus
from orchestrator.records import inline
from orchestrator.state import NodeState, NodeStatus, Run, RunOrigin, RunStatus, Scope, TriggerRecord
from orchestrator.store import Commit, PipelineRecord, VersionRecord

PIPELINE = PipelineId("a" * 24)
DAY_MS = 24 * 60 * 60 * 1000


def run_id(number, second=0):
    """The id of a run that was made in a second since 1970."""
    return RunId(f"{second:08x}{number:016x}")


def commit_of(number, expected_rev=0, *, id=None, second=0, status=RunStatus.RUNNING, start_key=None, **facts):
    """A step of a run whose two nodes both changed: each bears the revision as its attempt."""
    node = NodeState(NodeStatus.RUNNING, attempt=expected_rev + 1)
    nodes = {NodeId("first"): node, NodeId("second"): node}
    origin = RunOrigin(
        id=run_id(number, second),
        namespace="default",
        pipeline_id=PIPELINE,
        pipeline="demo",
        version=1,
        trigger=TriggerRecord("manual", "manual", inline(None)),
        inputs=inline({}),
        created_at=Millis(1000 * number),
        start_key=start_key,
    )
    completed_at = Millis(1) if status.is_ended else None
    run = Run(origin, {ROOT: Scope(status, nodes, {}, 0, completed_at=completed_at)})
    facts = {"owner": None, "wake_at": None, "nodes": nodes} | facts
    return Commit(id=id or f"{number:012x}{expected_rev:012x}", run=run, expected_rev=expected_rev, **facts)


def pipeline(**facts):
    """A pipeline that has one version."""
    record = PipelineRecord(
        id=PIPELINE,
        namespace="default",
        name="demo",
        description="",
        labels={},
        status=PipelineStatus.ACTIVE,
        version=1,
        triggers=(),
        managed_by="api",
        created_at=Millis(1),
        updated_at=Millis(1),
    )
    return replace(record, **facts)


def version():
    """The pipeline's version."""
    return VersionRecord(PIPELINE, 1, "hash", "name: demo", "yaml", {"name": "demo"}, {}, Millis(1), "ada")
