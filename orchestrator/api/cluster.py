"""What the operator of a cluster asks: pipelines of all namespaces, with all that their objects on the cluster need.

It also says here that a call is made for a resource (``Flume-Manager: cluster``): what is saved so can't be changed through API
and console, and what others saved it can't change. Both are for administrators of all namespaces.
"""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Response

from flume.pipeline import PipelineStatus
from orchestrator.api.answers import json_response
from orchestrator.api.context import TheCaller, TheOrchestrator, require_all_namespaces
from orchestrator.api.pipeline_presentation import definition_of
from orchestrator.api.presentation import Record, to_json
from orchestrator.api.run_models import Page, Shown
from orchestrator.pipelines import API
from orchestrator.service import Orchestrator
from orchestrator.store import PipelineFilter, PipelineRecord

router = APIRouter(tags=["cluster"])

PAGE = 100


class ClusterPipelineRecord(Shown):
    """A pipeline as its objects on a cluster are made of it.

    ``definition`` is the present version's, ``version`` 0 and ``hash`` empty without one. ``nodeTypes`` are those that it was
    saved with, and their versions. ``eventKey`` lets senders that have no token reach the pipeline's event address: treat it as
    a secret.
    """

    namespace: str
    name: str
    status: PipelineStatus
    version: int
    hash: str
    managed_by: str
    disabled_triggers: list[str]
    definition: dict[str, Any]
    node_types: dict[str, int]
    event_key: str


class ClusterPipelinePage(Page[ClusterPipelineRecord]):
    """Pipelines by namespace and name, and how many runs of all namespaces have not ended."""

    unfinished_runs: int


class ClusterNodeTypeRecord(Shown):
    """A node type that is an image. ``hash`` is another one as soon as it says something else."""

    name: str
    hash: str


async def manager_of(
    caller: TheCaller,
    manager: Annotated[
        Literal["cluster"] | None,
        Header(alias="Flume-Manager", description="`cluster`: the pipeline is that of a resource on a cluster."),
    ] = None,
) -> str:
    """Who changes a pipeline: the API, unless the call says otherwise, which the operator alone may."""
    if manager is None:
        return API
    require_all_namespaces(caller, "Flume-Manager")
    return manager


TheManager = Annotated[str, Depends(manager_of)]


@router.get(
    "/api/v1/cluster/pipelines",
    summary="Pipelines of all namespaces, for the operator",
    response_class=Response,
    responses={200: {"model": ClusterPipelinePage}},
)
async def list_cluster_pipelines(
    orchestrator: TheOrchestrator,
    caller: TheCaller,
    limit: Annotated[int, Query(ge=1, le=500)] = PAGE,
    cursor: Annotated[str | None, Query(description="`nextCursor` of the page before.")] = None,
) -> Response:
    """Pipelines with definitions and the keys of their event addresses. For administrators of all namespaces."""
    require_all_namespaces(caller, "this call")
    page = await orchestrator.store.list_pipelines(PipelineFilter(None), limit=limit, cursor=cursor)
    items = await asyncio.gather(*(_record(orchestrator, each) for each in page.items))
    unfinished = await orchestrator.store.count_unfinished()
    return json_response(to_json({"items": items, "nextCursor": page.cursor, "unfinishedRuns": unfinished}))


@router.get(
    "/api/v1/cluster/node-types",
    summary="Node types that are images, for the operator",
    response_class=Response,
    responses={200: {"model": Page[ClusterNodeTypeRecord]}},
)
async def list_cluster_node_types(orchestrator: TheOrchestrator, caller: TheCaller) -> Response:
    """The node types that were saved, by name, on one page. For administrators of all namespaces."""
    require_all_namespaces(caller, "this call")
    await orchestrator.packaged_types.catch_up()
    items = [{"name": name, "hash": hash} for name, hash in orchestrator.packaged_types.hashes.items()]
    return json_response(to_json({"items": items, "nextCursor": None}))


async def _record(orchestrator: Orchestrator, record: PipelineRecord) -> Record:
    version = await orchestrator.store.read_version(record.id, record.version) if record.version else None
    definition = await definition_of(orchestrator, record) if version is None else version.definition
    return {
        "namespace": record.namespace,
        "name": record.name,
        "status": record.status.value,
        "version": record.version,
        "hash": "" if version is None else version.hash,
        "managedBy": record.managed_by,
        "disabledTriggers": list(record.disabled_triggers),
        "definition": dict(definition),
        "nodeTypes": {} if version is None else {name: each["version"] for name, each in version.node_types.items()},
        "eventKey": orchestrator.pipeline_keys.make(record.namespace, record.name),
    }
