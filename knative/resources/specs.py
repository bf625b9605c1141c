"""What is made of a ``NodeType``, a ``Model`` and a ``Run``, and the other way round.

Only the edge knows their models (`spec_models`): `read_node_type`, `read_model` and `read_run` turn a resource into what Flume
works with. What a cluster's own check lets pass is checked again here, since resources also come from files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from flume.document_models import Strict
from flume.errors import DefinitionError
from flume.nodes.packaged import packaged_problems
from flume.nodes.types import OUT, NodeType, Rendering
from flume.pipeline import Lane
from flume.problems import Problem, join_pointer
from flume.values import JsonObject, JsonValue
from knative.models import Gpu, Model, Task
from knative.resources.spec_models import API, ModelSpec, NodeTypeSpec, RunSpec

_PLACES = {
    "/name": "/metadata/name",
    "/configSchema": "/spec/schema/config",
    "/inputSchema": "/spec/schema/input",
    "/outputSchema": "/spec/schema/output",
}
"""Where a resource says otherwise what the description of its type says there."""


@dataclass(frozen=True, slots=True)
class RunStart:
    """What a ``Run`` asks for. ``name`` is the resource's: a run is started once for it."""

    namespace: str
    name: str
    pipeline: str
    data: JsonValue = None


@dataclass(frozen=True, slots=True)
class PackagedType:
    """A node type as its resource describes it, and the further variables of its functions."""

    type: NodeType
    environment: Mapping[str, str] = field(default_factory=dict)


_Spec = TypeVar("_Spec", bound=Strict)


def read_node_type(resource: JsonObject) -> PackagedType:
    """What a ``NodeType`` describes. Raises `DefinitionError` with every problem."""
    spec = _read(resource, NodeTypeSpec)
    node_type = NodeType(
        name=name_of(resource),
        version=spec.version,
        category=spec.category,
        description=spec.description,
        lanes=tuple(Lane(lane) for lane in spec.lanes),
        run_on=Lane(spec.run_on or spec.lanes[0]),
        input_schema=spec.schemas.input,
        output_schema=spec.schemas.output,
        config_schema=spec.schemas.config,
        icon=spec.icon,
        retryable=spec.retryable,
        timeout=spec.timeout,
        ports=tuple(spec.ports),
        renderings={key: Rendering(rendering) for key, rendering in spec.renderings.items()},
        concurrency=spec.concurrency,
        resources=spec.resources.model_dump(exclude_none=True),
        image=spec.image,
        scale=spec.scale.model_dump(exclude_defaults=True),
        secrets=tuple(spec.secrets),
    )
    if problems := packaged_problems(node_type):
        raise DefinitionError([replace(each, pointer=_in_resource(each.pointer)) for each in problems])
    return PackagedType(node_type, spec.env)


def read_model(resource: JsonObject) -> Model:
    """What a ``Model`` describes. Raises `DefinitionError` with every problem."""
    spec = _read(resource, ModelSpec)
    name = spec.name or name_of(resource)
    return Model(
        name=name,
        source=spec.source or name,
        task=Task(spec.task),
        image=spec.image,
        args=tuple(spec.args),
        gpu=Gpu(spec.gpu.count, spec.gpu.product, spec.gpu.tensor_parallel or 0),
        concurrency=spec.concurrency,
        least=spec.scale.min,
        most=spec.scale.max,
        cpu=spec.resources.cpu,
        memory=spec.resources.memory,
        claim=spec.weights.claim,
        weights_size=spec.weights.size,
        shared_memory=spec.resources.shared_memory,
        load_timeout=spec.load_timeout,
        secrets=tuple(spec.secrets),
        environment=spec.env,
    )


def read_run(resource: JsonObject) -> RunStart:
    """What a ``Run`` asks for. Raises `DefinitionError` with every problem."""
    spec = _read(resource, RunSpec)
    metadata = _object(resource.get("metadata"))
    return RunStart(str(metadata.get("namespace") or "default"), name_of(resource), spec.pipeline, spec.data)


def node_type_resource(node_type: NodeType, namespace: str = "") -> dict[str, Any]:
    """The ``NodeType`` that describes a type: what `read_node_type` reads. Lane ``engine`` is none of an image's."""
    lanes = [lane.value for lane in node_type.lanes if lane is not Lane.ENGINE]
    schemas = {
        "config": None if node_type.config_schema is None else dict(node_type.config_schema),
        "input": dict(node_type.input_schema),
        "output": dict(node_type.output_schema),
    }
    timeout = node_type.timeout
    spec: dict[str, Any] = {
        "image": node_type.image,
        "description": node_type.description,
        "category": node_type.category,
        "icon": node_type.icon,
        "version": node_type.version,
        "lanes": lanes,
        "runOn": node_type.run_on.value if node_type.run_on.value in lanes else None,
        "schema": {key: schema for key, schema in schemas.items() if schema is not None},
        "ports": list(node_type.ports or (OUT,)),
        "renderings": {key: rendering.value for key, rendering in node_type.renderings.items()},
        "retryable": node_type.retryable,
        "concurrency": node_type.concurrency,
        "scale": dict(node_type.scale),
        "resources": dict(node_type.resources),
        "timeout": None if timeout is None else f"{timeout.total_seconds():g}s",
        "secrets": list(node_type.secrets),
    }
    metadata = {"name": node_type.name, **({"namespace": namespace} if namespace else {})}
    kept = {key: value for key, value in spec.items() if value not in (None, "", [], {})}
    return {"apiVersion": API, "kind": "NodeType", "metadata": metadata, "spec": kept}


def name_of(resource: JsonObject) -> str:
    """The name of a resource. Raises `DefinitionError` if it has none."""
    name = _object(resource.get("metadata")).get("name")
    if not isinstance(name, str) or not name:
        problem = Problem("missing-key", "/metadata/name", "`name` is missing", "add metadata: {name: …}")
        raise DefinitionError([problem])
    return name


def _in_resource(pointer: str) -> str:
    """Where a resource has what a description has at ``pointer``."""
    for place, there in _PLACES.items():
        if pointer == place or pointer.startswith(f"{place}/"):
            return there + pointer.removeprefix(place)
    return f"/spec{pointer}"


def _read(resource: JsonObject, model: type[_Spec]) -> _Spec:
    try:
        return model.model_validate(resource.get("spec") or {})
    except ValidationError as error:
        problems = [
            Problem("bad-value", join_pointer("/spec", *_place_of(each)), each["msg"], _hint(each))
            for each in error.errors(include_url=False)
        ]
        raise DefinitionError(problems) from error


def _place_of(error: Any) -> tuple[str | int, ...]:
    """Where the value is, or the key that is wrong itself."""
    place: tuple[str | int, ...] = error["loc"]
    return place[:-1] if place and place[-1] == "[key]" else place


def _hint(error: Any) -> str:
    return str((error.get("ctx") or {}).get("hint", ""))


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, Mapping) else {}
