"""Which functions pipelines need: one per node type, lane and distinct resources.

Two nodes of the same type share a function unless one of them asks for other resources. The AI types are different in lane
``gpu``: a function of theirs belongs to a model (`knative.models`), which only the rendered ``config.model`` names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from flume.nodes.types import NodeType
from flume.pipeline import Lane
from flume.plan import Plan, PlanNode
from flume.planning import LANE_TIMEOUTS
from flume.values import JsonObject, JsonValue
from knative.models import asks_for_model
from knative.names import digest_of, object_name, with_digest


@dataclass(frozen=True, slots=True)
class Resources:
    """What one process of a function needs, as Kubernetes writes quantities; None: the default of its lane."""

    cpu: str | None = None
    memory: str | None = None
    gpu: int = 0


@dataclass(frozen=True, slots=True)
class Function:
    """A function as the cluster runs it. ``timeout`` is the longest that an attempt of any of its nodes may take.

    ``environment`` are further variables of its process, as its node type's resource has them.
    """

    type: NodeType
    lane: Lane
    resources: Resources
    timeout: timedelta
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its object, Service or JobSink."""
        return function_name(self.type, self.lane, self.resources)


def function_name(node_type: NodeType, lane: Lane, resources: Resources) -> str:
    """The name of a function: ``fn-script-job``; one with other resources than its type's has a digest of them."""
    plain = object_name("fn", node_type.name, ending=lane)
    if resources == resources_of(node_type.resources):
        return plain
    digest = digest_of(node_type.name, lane, resources.cpu or "", resources.memory or "", str(resources.gpu))
    return with_digest(plain, digest)


def model_function_name(model: str) -> str:
    """The name of the function that serves the AI node types for a model, by the name that nodes ask for it with."""
    return object_name("model", model)


def resources_of(given: JsonObject | None) -> Resources:
    """The resources that a node or a node type writes: ``{cpu, memory, gpu}``, each optional."""
    given = given or {}
    gpu = given.get("gpu")
    return Resources(_quantity(given.get("cpu")), _quantity(given.get("memory")), gpu if isinstance(gpu, int) else 0)


def functions_of(plans: Iterable[Plan], environments: Mapping[str, Mapping[str, str]]) -> tuple[Function, ...]:
    """The functions that some pipelines need, in the order of their names; ``environments`` is by node type.

    Those of AI types in lane ``gpu`` are among them: whether one is wanted depends on where models are.
    """
    found: dict[str, Function] = {}
    for node in (node for plan in plans for node in plan.nodes.values() if node.lane is not Lane.ENGINE):
        function = _function_of(node, environments.get(node.type.name, {}))
        known = found.get(function.name, function)
        found[function.name] = replace(known, timeout=max(known.timeout, function.timeout))
    return tuple(found[name] for name in sorted(found))


def is_of_model(function: Function) -> bool:
    """Whether its work is done by the functions of models where there are any."""
    return function.lane is Lane.GPU and asks_for_model(function.type.name)


def _function_of(node: PlanNode, environment: Mapping[str, str]) -> Function:
    # Not shorter than its type's own: a node that takes less time is no reason for another revision.
    usual = node.type.timeout or LANE_TIMEOUTS[node.lane]
    return Function(node.type, node.lane, resources_of(node.resources), max(node.timeout, usual), dict(environment))


def _quantity(value: JsonValue) -> str | None:
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
