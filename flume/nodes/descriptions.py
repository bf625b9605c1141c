"""A node type as JSON: what the API shows, what a process that only looks at node types tells, and what an image is to tell.

Two things have no place in it: the class, and ports that a function makes of a node's config, which show as null.
"""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from flume.errors import RequestError
from flume.nodes.types import NodeType, Rendering, Role
from flume.pipeline import Lane
from flume.values import JsonValue


class BadDescriptionError(RequestError):
    """What should describe a node type does not."""

    code = "bad-description"


def as_json(node_type: NodeType) -> dict[str, JsonValue]:
    """The description of a type. ``ports`` leaves out ``error``, which every type has."""
    return {
        "name": node_type.name,
        "version": node_type.version,
        "category": node_type.category,
        "description": node_type.description,
        "icon": node_type.icon,
        "lanes": [lane.value for lane in node_type.lanes],
        "runOn": node_type.run_on.value,
        "role": node_type.role.value,
        "pure": node_type.pure,
        "retryable": node_type.retryable,
        "timeoutSeconds": None if node_type.timeout is None else node_type.timeout.total_seconds(),
        "ports": None if node_type.ports is None else list(node_type.ports),
        "configSchema": None if node_type.config_schema is None else dict(node_type.config_schema),
        "inputSchema": dict(node_type.input_schema),
        "outputSchema": dict(node_type.output_schema),
        "renderings": {key: rendering.value for key, rendering in node_type.renderings.items()},
        "concurrency": node_type.concurrency,
        "resources": dict(node_type.resources),
        "scale": dict(node_type.scale),
        "image": node_type.image,
        "secrets": list(node_type.secrets),
    }


def read_description(value: object) -> NodeType:
    """The type that `as_json` described. Raises `BadDescriptionError`."""
    try:
        found = _Description.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise BadDescriptionError(f"not the description of a node type: {place}: {first['msg']}") from error
    timeout = None if found.timeout_seconds is None else timedelta(seconds=found.timeout_seconds)
    fields = {name: getattr(found, name) for name in _Description.model_fields if name != "timeout_seconds"}
    return NodeType(**fields, timeout=timeout)


class _Description(BaseModel):
    """Unknown keys are let pass: a newer Flume may have written it."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)

    name: str
    version: int
    category: str
    description: str
    icon: str
    lanes: tuple[Lane, ...]
    run_on: Lane
    role: Role
    pure: bool
    retryable: bool
    timeout_seconds: float | None = Field(le=1e12)
    ports: tuple[str, ...] | None
    config_schema: dict[str, Any] | None
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    renderings: dict[str, Rendering]
    concurrency: int
    resources: dict[str, Any]
    scale: dict[str, Any]
    image: str
    secrets: tuple[str, ...]
