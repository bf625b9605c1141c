"""A run's insides: one node with input, output and attempts; the items of a loop; the graph with states; large values."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from flume.errors import ConflictError, NotFoundError
from flume.ids import Instance
from orchestrator.api.answers import json_response
from orchestrator.api.context import TheNamespace, TheOrchestrator
from orchestrator.api.inspection import find_item, find_place, given_to
from orchestrator.api.loading import load_values, plan_of, read_run
from orchestrator.api.presentation import (
    graph_record,
    item_record,
    node_record,
    run_path,
    to_json,
)
from orchestrator.api.run_models import PROBLEM_ANSWERS, GraphRecord, ItemRecord, NodeDetailRecord, Page
from orchestrator.state import PayloadRef, RunStatus
from orchestrator.stored_apart import payloads_of_item, payloads_of_run

router = APIRouter(tags=["runs"], responses=PROBLEM_ANSWERS)

RunIdInPath = Annotated[str, Path(description="The run's id.", max_length=60)]
InstanceInPath = Annotated[str, Path(description="A node in its loop items: `fetch` or `each[3].fetch`.")]

MAX_ITEMS = 1000


@router.get(
    "/api/v1/runs/{run_id}/nodes/{node}",
    summary="One node of a run",
    response_class=Response,
    responses={200: {"model": NodeDetailRecord}},
)
async def read_node(
    run_id: RunIdInPath, node: InstanceInPath, orchestrator: TheOrchestrator, namespace: TheNamespace
) -> Response:
    """A node with what it was given, its output and its attempts."""
    stored = await read_run(orchestrator, namespace, run_id)
    plan = await plan_of(orchestrator, stored.run)
    place = await find_place(orchestrator.store, stored.run, plan, node)
    state = place.state
    refs = [state.output] if state is not None and isinstance(state.output, PayloadRef) else []
    record = node_record(
        place.run, place.path, place.node_id, place.node, state, await load_values(orchestrator.store, refs)
    )
    given = await given_to(orchestrator, plan, place)
    return json_response(
        to_json(
            {
                "id": place.node_id,
                "instance": node,
                **record,
                "config": given.config,
                "inputs": given.inputs,
                "inputError": given.error,
                "links": {"run": run_path(stored.run.id, namespace)},
            }
        )
    )


@router.get(
    "/api/v1/runs/{run_id}/nodes/{node}/items",
    summary="Items of a loop",
    response_class=Response,
    responses={200: {"model": Page[ItemRecord]}},
)
async def list_items(
    run_id: RunIdInPath,
    node: InstanceInPath,
    orchestrator: TheOrchestrator,
    namespace: TheNamespace,
    after: Annotated[int, Query(description="Items above this index; `nextCursor` of the page before.", ge=-1)] = -1,
    limit: Annotated[int, Query(ge=1, le=MAX_ITEMS)] = 100,
    status: Annotated[RunStatus | None, Query(description="Only items that are in this state.")] = None,
) -> Response:
    """Items that were begun, by rising index."""
    stored = await read_run(orchestrator, namespace, run_id)
    place = await find_place(orchestrator.store, stored.run, await plan_of(orchestrator, stored.run), node)
    is_loop = place.node.loop is not None if place.node is not None else place.state is not None and place.state.loop
    if not is_loop:
        raise NotFoundError("loop", node[:100], f"in run {run_id}: that node is none")
    loop = Instance(node)
    found = await orchestrator.store.read_items(stored.run.id, loop, after=after, limit=limit, status=status)
    refs = [ref for _, item in found for ref in payloads_of_item(item)]
    loaded = await load_values(orchestrator.store, refs)
    items = [item_record(stored.run, loop, index, item, loaded) for index, item in found]
    next_cursor = str(found[-1][0]) if len(found) == limit else None
    return json_response(to_json({"items": items, "nextCursor": next_cursor}))


@router.get(
    "/api/v1/runs/{run_id}/graph",
    summary="The graph of a run",
    response_class=Response,
    responses={200: {"model": GraphRecord}},
)
async def read_graph(run_id: RunIdInPath, orchestrator: TheOrchestrator, namespace: TheNamespace) -> Response:
    """Nodes and edges with their states."""
    stored = await read_run(orchestrator, namespace, run_id)
    plan = await plan_of(orchestrator, stored.run)
    if plan is None:
        raise ConflictError(
            f"the definition of run {run_id} can't be read any more",
            code="plan-gone",
            hint="read the run itself: it shows the nodes that were reached",
        )
    return json_response(to_json(graph_record(stored.run, plan)))


@router.get(
    "/api/v1/payloads/{payload_id}",
    summary="A large value",
    response_class=Response,
    responses={200: {"description": "The value as it was stored", "content": {"application/json": {"schema": {}}}}},
)
async def read_payload(
    payload_id: str,
    orchestrator: TheOrchestrator,
    namespace: TheNamespace,
    run: Annotated[str, Query(description="The run that the value belongs to.")],
    item: Annotated[str, Query(description="The loop item in which it was made, such as `each[3]`.")] = "",
) -> Response:
    """A value that is stored apart from its run. The address is that of a ``$payload`` reference."""
    stored = await read_run(orchestrator, namespace, run)
    refs = payloads_of_run(stored.run)
    if item:
        refs = payloads_of_item(await find_item(orchestrator.store, stored.run, item))
    if payload_id not in {ref.id for ref in refs}:
        raise NotFoundError("payload", payload_id[:60], f"of run {run}")
    payload = await orchestrator.store.read_payload(payload_id)
    if payload is None:
        raise NotFoundError("payload", payload_id)
    # What was uploaded may call itself a web page; it must not become one on this origin.
    headers = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}
    return Response(payload.content, headers=headers, media_type=payload.content_type)
