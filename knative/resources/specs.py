"""What stands under ``spec`` of a ``NodeType``, a ``Model`` and a ``Run``, and what is made of it.

Only the edge knows these models: `read_node_type`, `read_model` and `read_run` turn a resource into what Flume works with. What a
cluster's own check lets pass is checked again here, since resources also come from files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from flume.document_models import PositiveDuration, ResourcesModel, Strict
from flume.durations import parse_duration
from flume.errors import DefinitionError
from flume.nodes.types import OUT, NodeType, Rendering
from flume.pipeline import Lane
from flume.problems import Problem, join_pointer
from flume.secret_values import is_secret_name
from flume.values import JsonObject, JsonValue
from knative.models import Gpu, Model, Task

GROUP = "flume.dev"
VERSION = "v1"
API = f"{GROUP}/{VERSION}"


RESERVED_VARIABLES = frozenset({"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"})
"""Variables that no Service of Knative may set."""


class NodeSchemas(Strict):
    """JSON Schemas of what a node type takes and gives."""

    config: dict[str, Any] | None = Field(
        default=None, description="Of config; without it config and inputs are merged."
    )
    input: dict[str, Any] = Field(default={}, description="Of inputs.")
    output: dict[str, Any] = Field(default={}, description="Of the output.")


class ScaleSpec(Strict):
    """How many processes a function has."""

    min: int = Field(default=0, ge=0, le=1000, description="Pods that are always there.")
    max: int = Field(default=0, ge=0, le=1000, description="Pods at most; 0 is no limit.")
    target: int | None = Field(default=None, ge=1, le=10_000, description="Events per pod to aim at; else concurrency.")


class NodeTypeSpec(Strict):
    """A node type that is packaged as an image."""

    image: str = Field(
        default="", max_length=500, description="Speaks the function protocol. Default: Flume's own image."
    )
    description: str = Field(default="", max_length=10_000, description="What it does, for people.")
    category: str = Field(default="custom", max_length=63, description="Where editors list it.")
    icon: str = Field(default="", max_length=63, description="The name of an icon.")
    version: int = Field(default=1, ge=1, description="Raised with changes that break pipelines.")
    lanes: list[Literal["cpu", "gpu", "job"]] = Field(
        default=["cpu"], min_length=1, max_length=3, description="Where pipelines may run it."
    )
    run_on: Literal["cpu", "gpu", "job"] | None = Field(default=None, description="Default: the first of lanes.")
    schemas: NodeSchemas = Field(default=NodeSchemas(), alias="schema", description="What it takes and gives.")
    ports: list[str] = Field(
        default=[OUT], min_length=1, max_length=100, description="The ports that nodes leave by, besides error."
    )
    renderings: dict[str, Literal[tuple(Rendering)]] = Field(  # type: ignore[valid-type]
        default={}, description="Of fields that are not rendered as usual."
    )
    retryable: bool = Field(default=True, description="Whether a failure that does not say so may be tried again.")
    concurrency: int = Field(default=1, ge=1, le=10_000, description="Events that one pod takes at a time.")
    scale: ScaleSpec = Field(default=ScaleSpec(), description="How many pods there are.")
    resources: ResourcesModel = Field(default=ResourcesModel(), description="What a pod needs.")
    timeout: PositiveDuration | None = Field(default=None, description="Of one attempt. Default: the lane's.")
    env: dict[str, str] = Field(default={}, max_length=100, description="Environment variables of its pods.")
    secrets: list[str] = Field(
        default=[], max_length=100, description='The secrets that it gets; "*" is all there are.'
    )


class GpuSpec(Strict):
    """What a model needs of GPUs."""

    count: int = Field(default=1, ge=1, le=64, description="GPUs of one pod.")
    product: str = Field(default="", max_length=63, description="As nodes are labeled nvidia.com/gpu.product.")
    tensor_parallel: int | None = Field(default=None, ge=1, le=64, description="Over how many GPUs. Default: all.")


class WeightsSpec(Strict):
    """Where the weights of a model are kept."""

    claim: str = Field(default="", max_length=253, description="A PersistentVolumeClaim that holds them, read only.")
    size: str = Field(default="100Gi", max_length=20, description="Room for them where they are fetched at each start.")


class ModelResources(Strict):
    """What a model server needs beside GPUs."""

    cpu: str = Field(default="4", max_length=20, description="Cores.")
    memory: str = Field(default="32Gi", max_length=20, description="Bytes, with a unit.")
    shared_memory: str = Field(default="8Gi", max_length=20, description="Of memory, what its processes share.")


class ModelScale(Strict):
    """How many pods serve a model."""

    min: int = Field(default=0, ge=0, le=1000, description="Pods that are always there.")
    max: int = Field(default=1, ge=1, le=1000, description="Pods at most.")


class ModelSpec(Strict):
    """A language model that the cluster serves."""

    name: str = Field(
        default="", max_length=200, description="What nodes write as model. Default: the resource's name."
    )
    source: str = Field(default="", max_length=500, description="Repository or path of the weights. Default: name.")
    task: Literal["generate", "embed"] = Field(default="generate", description="What it is for.")
    image: str = Field(default="", max_length=500, description="Of the model server. Default: the installation's vLLM.")
    args: list[str] = Field(default=[], max_length=100, description="Further arguments of the model server.")
    gpu: GpuSpec = Field(default=GpuSpec(), description="GPUs of one pod.")
    scale: ModelScale = Field(default=ModelScale(), description="How many pods there are.")
    concurrency: int = Field(default=32, ge=1, le=1000, description="Requests that one pod takes at a time.")
    resources: ModelResources = Field(default=ModelResources(), description="Of the model server.")
    weights: WeightsSpec = Field(default=WeightsSpec(), description="Where the weights are kept.")
    load_timeout: PositiveDuration = Field(
        default=parse_duration("30m"), description="The longest that fetching and loading may take. Default: 30m."
    )
    env: dict[str, str] = Field(default={}, max_length=100, description="Environment variables of the model server.")
    secrets: list[str] = Field(
        default=[], max_length=100, description="Keys of the installation's Secret that the model server gets by name."
    )


class RunSpec(Strict):
    """A run that is started by its resource."""

    pipeline: str = Field(min_length=1, max_length=63, description="A pipeline of the same namespace.")
    data: Any = Field(default=None, description="What the run is given.")


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
    problems = [
        Problem(
            "bad-secret", f"/spec/secrets/{index}", f"'{name[:40]}' can't be a secret's name", "letters, digits and _"
        )
        for index, name in enumerate(spec.secrets)
        if name != "*" and not is_secret_name(name)
    ]
    problems += [
        Problem("bad-value", join_pointer("/spec/env", name), f"Knative sets {name} itself", "choose another name")
        for name in spec.env
        if name in RESERVED_VARIABLES
    ]
    run_on = spec.run_on or spec.lanes[0]
    if run_on not in spec.lanes:
        hint = f"one of {', '.join(spec.lanes)}"
        problems.append(Problem("lane-not-allowed", "/spec/runOn", f"'{run_on}' is not among its lanes", hint))
    if problems:
        raise DefinitionError(problems)
    node_type = NodeType(
        name=name_of(resource),
        version=spec.version,
        category=spec.category,
        description=spec.description,
        lanes=tuple(Lane(lane) for lane in spec.lanes),
        run_on=Lane(run_on),
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


def _read(resource: JsonObject, model: type[_Spec]) -> _Spec:
    try:
        return model.model_validate(resource.get("spec") or {})
    except ValidationError as error:
        problems = [
            Problem("bad-value", join_pointer("/spec", *each["loc"]), each["msg"], _hint(each))
            for each in error.errors(include_url=False)
        ]
        raise DefinitionError(problems) from error


def _hint(error: Any) -> str:
    return str((error.get("ctx") or {}).get("hint", ""))


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, Mapping) else {}
