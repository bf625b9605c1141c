"""The registry of node types, and running one node by itself."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import Field

from flume.forms import FLAT_VERSION
from flume.ids import ROOT, NodeId
from flume.nodes.descriptions import as_json
from flume.nodes.registry import Registry
from flume.nodes.types import NodeType
from flume.pipeline import Lane
from flume.values import check_value
from orchestrator.api.answers import accepted, json_response, status_of, until_answered
from orchestrator.api.context import TheCaller, TheNamespace, TheOrchestrator
from orchestrator.api.last_call import last_call_of
from orchestrator.api.loading import load_values, plan_of
from orchestrator.api.presentation import Record, log_record, node_record, run_path, to_json
from orchestrator.api.run_models import LogRecord, NodeRecord, Page, Shown, StartedRun, Taken
from orchestrator.auditing import Change
from orchestrator.runs import TestRun
from orchestrator.service import Orchestrator
from orchestrator.state import Run
from orchestrator.stored_apart import payloads_of_run

router = APIRouter(tags=["nodes"])

TEST_WAIT_S = 60.0
"""How long a call waits for the node that it tests; the run goes on afterwards."""

TEST_PIPELINE = "node-test"

_NODE = NodeId("node")


class NodeTypeRecord(Shown):
    """A node type.

    ``ports`` null: they follow from a node's config; every type has ``error`` besides. ``configSchema`` null: ``config``
    and ``inputs`` are one, checked by ``inputSchema``. ``renderings`` says which fields are not plain templates. ``secrets``
    are the names of those that the type's function gets; ``*`` is all.
    """

    name: str
    version: int
    category: str
    description: str
    icon: str
    lanes: list[Lane]
    run_on: Lane
    role: str
    pure: bool
    retryable: bool
    timeout_seconds: float | None
    ports: list[str] | None
    config_schema: dict[str, Any] | None
    input_schema: dict[str, Any]
    output_schema: Any
    renderings: dict[str, str]
    concurrency: int
    resources: dict[str, Any]
    scale: dict[str, Any]
    image: str
    secrets: list[str]
    source: str
    links: dict[str, str]


class LoadFailureRecord(Shown):
    """A node type or file that could not be loaded. ``name`` is empty for a file."""

    name: str
    source: str
    reason: str


class NodeTypePage(Page[NodeTypeRecord]):
    """All node types, and what could not be loaded."""

    failures: list[LoadFailureRecord]


class NodeTestBody(Taken):
    """What the node is given. Templates are rendered as in a pipeline that has this node alone."""

    config: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, Any] = Field(default_factory=dict)


class NodeTestRecord(Shown):
    """How the node did: ``error`` inside ``node`` says why it failed. The run that this was stays to be looked at."""

    run: str
    node: NodeRecord
    logs: list[LogRecord]
    links: dict[str, str]


@router.get(
    "/api/v1/nodes",
    summary="List node types",
    response_class=Response,
    responses={200: {"model": NodeTypePage}},
)
async def list_node_types(orchestrator: TheOrchestrator) -> Response:
    """All node types by name, whole, on one page."""
    await orchestrator.packaged_types.look()
    registry = orchestrator.registry
    items = [_type_record(registry, each) for each in registry.types()]
    failures = [{"name": each.name, "source": each.source, "reason": each.reason} for each in registry.failures]
    return json_response(to_json({"items": items, "nextCursor": None, "failures": failures}))


@router.get(
    "/api/v1/nodes/{type}",
    summary="One node type",
    response_class=Response,
    responses={200: {"model": NodeTypeRecord}},
)
async def get_node_type(type: str, orchestrator: TheOrchestrator) -> Response:
    """A node type with its schemas, ports and lanes."""
    await orchestrator.packaged_types.look()
    return json_response(to_json(_type_record(orchestrator.registry, orchestrator.registry.get(type))))


@router.post(
    "/api/v1/nodes/{type}:test",
    summary="Run one node",
    response_class=Response,
    responses={
        200: {"model": NodeTestRecord},
        202: {"model": StartedRun, "description": "It is still at work; its run can be looked at"},
    },
)
async def test_node(
    type: str,
    body: NodeTestBody,
    request: Request,
    orchestrator: TheOrchestrator,
    caller: TheCaller,
    namespace: TheNamespace,
) -> Response:
    """Run a node with the given config and inputs, as the only node of a test run, and wait for it."""
    await orchestrator.packaged_types.look()
    node_type = orchestrator.registry.get(type)
    check_value({"config": body.config, "inputs": body.inputs})
    started = await orchestrator.runs.test(namespace, TestRun(_document(node_type, body)))
    seen = await until_answered(orchestrator, started, TEST_WAIT_S, last_call_of(request.scope))
    change = Change("node.test", f"nodes/{type}", namespace, after={"run": started.run_id})
    await orchestrator.audit.record(caller.actor, change)
    if seen is None:
        return accepted(started.run_id, namespace, TEST_PIPELINE, await status_of(orchestrator, started))
    return json_response(to_json(await _test_record(orchestrator, seen.run)))


def _document(node_type: NodeType, body: NodeTestBody) -> str:
    document = {
        "apiVersion": FLAT_VERSION,
        "kind": "Pipeline",
        "metadata": {"name": TEST_PIPELINE},
        "nodes": [{"id": _NODE, "type": node_type.name, "config": body.config, "inputs": body.inputs}],
    }
    return orjson.dumps(document).decode()


async def _test_record(orchestrator: Orchestrator, run: Run) -> Record:
    plan = await plan_of(orchestrator, run)
    loaded = await load_values(orchestrator.store, payloads_of_run(run))
    lines = await orchestrator.store.read_logs(run.id)
    node = None if plan is None else plan.root.nodes[_NODE]
    return {
        "run": run.id,
        "node": node_record(run, ROOT, _NODE, node, run.root.nodes.get(_NODE), loaded),
        "logs": [log_record(line) for line in lines.items],
        "links": {"run": run_path(run.id, run.origin.namespace)},
    }


def _type_record(registry: Registry, node_type: NodeType) -> Record:
    return {
        **as_json(node_type),
        "source": registry.source_of(node_type.name),
        "links": {"self": f"/api/v1/nodes/{node_type.name}"},
    }
