"""What stands under ``spec`` of a ``NodeType``, a ``Model`` and a ``Run``, as it is written: `specs` reads it."""

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field

from flume.document_models import PositiveDuration, ResourcesModel, Strict, refuse
from flume.durations import parse_duration
from flume.nodes.types import OUT, Rendering

GROUP = "flume.dev"
VERSION = "v1"
API = f"{GROUP}/{VERSION}"

RESERVED_VARIABLES = frozenset({"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"})
"""Variables that no Service of Knative may set."""

_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/)?"
    rf"{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[a-f0-9]{{64}})?"
)
_QUANTITY = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,3})?(?:m|[KMGTPE]i|[kMGTPE])?")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_CLAIM = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,252}")
_VARIABLE = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]{0,252}")


def _fitting(
    pattern: re.Pattern[str], what: str, hint: str, *, may_be_empty: bool = False
) -> tuple[AfterValidator, Any]:
    """Lets a text pass that fits, or is empty where that stands for a default; clusters are told so too."""

    def check(value: str) -> str:
        if not (may_be_empty and value == "") and not pattern.fullmatch(value):
            raise refuse("bad-value", f"'{value[:100]}' can't be {what}", hint)
        return value

    optional = "?" if may_be_empty else ""
    return AfterValidator(check), Field(json_schema_extra={"pattern": f"^(?:{pattern.pattern}){optional}$"})


def _variable(value: str) -> str:
    if value in RESERVED_VARIABLES:
        raise refuse("bad-value", f"Knative sets {value} itself", "choose another name")
    if not _VARIABLE.fullmatch(value):
        hint = "letters, digits, '_', '.' and '-', and no digit in front"
        raise refuse("bad-value", f"'{value[:40]}' can't be an environment variable's name", hint)
    return value


Image: TypeAlias = Annotated[
    str,
    *_fitting(
        _IMAGE,
        "an image's name",
        "such as registry.example.org/team/resize:1.2 or resize@sha256:…; all but the registry and the tag in lower case",
        may_be_empty=True,
    ),
]
Quantity: TypeAlias = Annotated[str, *_fitting(_QUANTITY, "a quantity", "such as 500m, 4, 512Mi or 100Gi")]
LabelValue: TypeAlias = Annotated[
    str,
    *_fitting(
        _LABEL_VALUE,
        "the value of a label",
        "letters, digits, '_', '.' and '-', none of these three at an end",
        may_be_empty=True,
    ),
]
ClaimName: TypeAlias = Annotated[
    str,
    *_fitting(
        _CLAIM, "the name of a PersistentVolumeClaim", "lower-case letters, digits, '-' and '.'", may_be_empty=True
    ),
]
SecretName: TypeAlias = Annotated[
    str, *_fitting(_SECRET, "a secret's name", "letters, digits and _, and no digit in front")
]
# A definition can't bound the keys of an object, so that these are told by `specs` alone.
Variable: TypeAlias = Annotated[str, AfterValidator(_variable)]


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

    image: Image = Field(
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
    env: dict[Variable, str] = Field(default={}, max_length=100, description="Environment variables of its pods.")
    secrets: list[str] = Field(
        default=[], max_length=100, description='The secrets that it gets; "*" is all there are.'
    )


class GpuSpec(Strict):
    """What a model needs of GPUs."""

    count: int = Field(default=1, ge=1, le=64, description="GPUs of one pod.")
    product: LabelValue = Field(default="", max_length=63, description="As nodes are labeled nvidia.com/gpu.product.")
    tensor_parallel: int | None = Field(default=None, ge=1, le=64, description="Over how many GPUs. Default: all.")


class WeightsSpec(Strict):
    """Where the weights of a model are kept."""

    claim: ClaimName = Field(
        default="", max_length=253, description="A PersistentVolumeClaim that holds them, read only."
    )
    size: Quantity = Field(
        default="100Gi", max_length=20, description="Room for them where they are fetched at each start."
    )


class ModelResources(Strict):
    """What a model server needs beside GPUs."""

    cpu: Quantity = Field(default="4", max_length=20, description="Cores.")
    memory: Quantity = Field(default="32Gi", max_length=20, description="Bytes, with a unit.")
    shared_memory: Quantity = Field(default="8Gi", max_length=20, description="Of memory, what its processes share.")


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
    image: Image = Field(
        default="", max_length=500, description="Of the model server. Default: the installation's vLLM."
    )
    args: list[str] = Field(default=[], max_length=100, description="Further arguments of the model server.")
    gpu: GpuSpec = Field(default=GpuSpec(), description="GPUs of one pod.")
    scale: ModelScale = Field(default=ModelScale(), description="How many pods there are.")
    concurrency: int = Field(default=32, ge=1, le=1000, description="Requests that one pod takes at a time.")
    resources: ModelResources = Field(default=ModelResources(), description="Of the model server.")
    weights: WeightsSpec = Field(default=WeightsSpec(), description="Where the weights are kept.")
    load_timeout: PositiveDuration = Field(
        default=parse_duration("30m"), description="The longest that fetching and loading may take. Default: 30m."
    )
    env: dict[Variable, str] = Field(
        default={}, max_length=100, description="Environment variables of the model server."
    )
    secrets: list[SecretName] = Field(
        default=[], max_length=100, description="Keys of the installation's Secret that the model server gets by name."
    )


class RunSpec(Strict):
    """A run that is started by its resource."""

    pipeline: str = Field(min_length=1, max_length=63, description="A pipeline of the same namespace.")
    data: Any = Field(default=None, description="What the run is given.")
