"""Node types that are images: saved and deleted by the operator of a cluster, or by an administrator where there is none.

They belong to no namespace and run what an image says, so both calls are for administrators of all namespaces.
"""

from typing import Any, Literal, Self

from fastapi import APIRouter, Response
from pydantic import Field, model_validator

from flume.document_models import ResourcesModel
from flume.errors import ConflictError
from flume.nodes.descriptions import read_description
from flume.nodes.types import OUT, NodeType, Rendering
from flume.pipeline import Lane
from orchestrator.api.answers import json_response
from orchestrator.api.context import TheCaller, TheNamespace, TheOrchestrator, require_all_namespaces
from orchestrator.api.presentation import Record, to_json
from orchestrator.api.run_models import Shown, Taken
from orchestrator.auditing import Change
from orchestrator.packaged_types import SavedType

router = APIRouter(tags=["nodes"])

_WHAT = "node types are those of all namespaces: this call"


class NodeTypeScale(Taken):
    """How many processes its function has. ``max`` 0: no limit."""

    min: int = Field(default=0, ge=0, le=1000)
    max: int = Field(default=0, ge=0, le=1000)
    target: int | None = Field(default=None, ge=1, le=10_000)


class NodeTypeBody(Taken):
    """A node type as `flume nodes describe TYPE -o json` tells it; what is left out has the default of a class.

    ``configSchema`` null: ``config`` and ``inputs`` are one, checked by ``inputSchema``.
    """

    name: str = Field(default="", max_length=63, description="As in the address.")
    version: int = Field(default=1, ge=1)
    category: str = Field(default="custom", max_length=63)
    description: str = Field(default="", max_length=10_000)
    icon: str = Field(default="", max_length=63)
    lanes: list[Lane] = Field(default=[Lane.CPU], min_length=1, max_length=4)
    run_on: Lane | None = Field(default=None, description="Default: the first of lanes.")
    role: Literal["plain"] = "plain"
    pure: bool = False
    retryable: bool = True
    timeout_seconds: float | None = Field(default=None, gt=0, le=366 * 24 * 3600)
    ports: list[str] = Field(default=[OUT], min_length=1, max_length=100)
    config_schema: dict[str, Any] | None = None
    input_schema: dict[str, Any] = Field(default_factory=dict)
    output_schema: dict[str, Any] = Field(default_factory=dict)
    renderings: dict[str, Rendering] = Field(default_factory=dict, max_length=200)
    concurrency: int = Field(default=1, ge=1, le=10_000)
    resources: ResourcesModel = ResourcesModel()
    scale: NodeTypeScale = NodeTypeScale()
    image: str = Field(default="", max_length=500)
    secrets: list[str] = Field(default_factory=list, max_length=100)

    @model_validator(mode="after")
    def _has_short_ports(self) -> Self:
        if any(len(port) > 63 for port in self.ports):
            raise ValueError("a port's name has at most 63 characters")
        return self


class SavedTypeRecord(Shown):
    """A node type that was saved. ``hash`` is another one as soon as it says something else."""

    name: str
    hash: str
    links: dict[str, str]


@router.put(
    "/api/v1/nodes/{type}",
    summary="Save a node type that is an image",
    response_class=Response,
    responses={200: {"model": SavedTypeRecord}, 201: {"model": SavedTypeRecord}},
)
async def save_node_type(
    type: str, body: NodeTypeBody, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Make a node type known, or another one of the same name in its place. The same again changes nothing.

    On a cluster the operator sees to it that these types are those of ``NodeType`` resources. A name that the installation has
    already is refused. For administrators of all namespaces.
    """
    require_all_namespaces(caller, _WHAT)
    if body.name not in ("", type):
        raise ConflictError(
            f"the body is about '{body.name}', the address says '{type}'",
            code="name-mismatch",
            hint="a node type can't be renamed: save a new one and delete the old",
        )
    saved = await orchestrator.packaged_types.save(_node_type(type, body))
    if saved.before != saved.hash:
        before = None if saved.before is None else {"hash": saved.before}
        after = {"hash": saved.hash, "version": body.version, "image": body.image}
        await orchestrator.audit.record(caller.actor, Change("node.save", f"nodes/{type}", namespace, before, after))
    record = _record(type, saved)
    if saved.before is not None:
        return json_response(to_json(record))
    return json_response(to_json(record), status=201, headers={"Location": record["links"]["self"]})


@router.delete(
    "/api/v1/nodes/{type}",
    summary="Delete a node type that is an image",
    status_code=204,
    response_class=Response,
)
async def delete_node_type(
    type: str, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Forget a node type. Pipelines that use it stay; their runs fail at its nodes, and say why.

    For administrators of all namespaces.
    """
    require_all_namespaces(caller, _WHAT)
    before = await orchestrator.packaged_types.delete(type)
    await orchestrator.audit.record(
        caller.actor, Change("node.delete", f"nodes/{type}", namespace, before={"hash": before})
    )
    return Response(status_code=204)


def _node_type(name: str, body: NodeTypeBody) -> NodeType:
    given = body.model_dump(mode="json", by_alias=True)
    further = {
        "name": name,
        "runOn": given["runOn"] or given["lanes"][0],
        "resources": body.resources.model_dump(mode="json", exclude_none=True),
        "scale": body.scale.model_dump(mode="json", exclude_defaults=True),
    }
    return read_description({**given, **further})


def _record(name: str, saved: SavedType) -> Record:
    return {"name": name, "hash": saved.hash, "links": {"self": f"/api/v1/nodes/{name}"}}
