"""All objects that some pipelines, node types and models want on a cluster, and what stands in the way of some.

What is not among them and carries Flume's label is wanted by nobody any more. The order is stable: applied again, nothing
changes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flume.nodes.types import NodeType
from flume.pipeline import CronTrigger, EventTrigger, Lane, Pipeline, PipelineStatus
from flume.plan import Plan
from flume.problems import Problem
from knative.cluster import Cluster, Dispatch
from knative.functions import Function, functions_of, is_of_model
from knative.manifests.job_sinks import job_sink
from knative.manifests.model_services import model_service, timeout_of
from knative.manifests.objects import Manifest, Owner
from knative.manifests.ping_sources import ping_source
from knative.manifests.services import function_service
from knative.manifests.triggers import event_trigger, function_trigger, model_trigger
from knative.models import NODE_TYPES, Model
from knative.resources.spec_models import API
from knative.timeouts import timeout_problem, timeouts_of


def _no_key(namespace: str, pipeline: str) -> str:
    return ""


def _no_owner(kind: str, namespace: str, name: str) -> Owner | None:
    return None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known beside pipelines and models.

    ``types`` are all node types by name, ``environments`` further variables of functions by node type. ``key_of`` gives the key
    by which senders reach a pipeline; ``owner_of`` the resource, by kind, namespace and name, that objects go with.
    """

    types: Mapping[str, NodeType] = field(default_factory=dict)
    environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    key_of: Callable[[str, str], str] = _no_key
    owner_of: Callable[[str, str, str], Owner | None] = _no_owner


@dataclass(frozen=True, slots=True)
class Unmet:
    """Something that can't be had as a resource, such as ``NodeType`` ``resize``, wants it, and why."""

    kind: str
    namespace: str
    name: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Wanted:
    """Objects, and what could not be made one of."""

    objects: tuple[Manifest, ...] = ()
    unmet: tuple[Unmet, ...] = ()

    def __add__(self, other: "Wanted") -> "Wanted":
        return Wanted(self.objects + other.objects, self.unmet + other.unmet)


def wanted_objects(
    plans: Sequence[Plan], models: Sequence[Model], cluster: Cluster, around: Surroundings | None = None
) -> Wanted:
    """Everything for these pipelines and models. A pipeline that is paused or a draft wants nothing."""
    around = around or Surroundings()
    active = [plan for plan in plans if (plan.pipeline.status or PipelineStatus.ACTIVE) is PipelineStatus.ACTIVE]
    functions = functions_of(active, around.environments)
    parts = [wanted_of_function(each, cluster, around) for each in functions if _is_wanted(each, cluster)]
    if not cluster.vllm_url:
        parts += [wanted_of_model(each, cluster, around) for each in sorted(models, key=lambda model: model.name)]
    by_name = sorted(active, key=lambda plan: (plan.namespace, plan.name))
    parts += [wanted_of_pipeline(plan.pipeline, cluster, around) for plan in by_name]
    return sum(parts, Wanted())


def wanted_of_function(function: Function, cluster: Cluster, around: Surroundings) -> Wanted:
    """The Service or JobSink of a function, and in broker mode its Trigger."""
    owner = around.owner_of("NodeType", cluster.namespace, function.type.name)
    if function.lane is Lane.JOB:
        made = job_sink(function, cluster, owner)
    else:
        problem = timeout_problem(function.type.name, function.timeout, cluster.function_timeout_max)
        if problem is not None:
            return Wanted(unmet=(Unmet("NodeType", cluster.namespace, function.type.name, problem),))
        made = function_service(function, cluster, owner)
    if cluster.dispatch is Dispatch.DIRECT:
        return Wanted((made,))
    return Wanted((made, function_trigger(function, cluster, owner)))


def wanted_of_model(model: Model, cluster: Cluster, around: Surroundings) -> Wanted:
    """The Service of a model, and in broker mode its Trigger."""
    types = [around.types[name] for name in NODE_TYPES[model.task] if name in around.types]
    owner = around.owner_of("Model", cluster.namespace, model.name)
    timeout = timeout_of(types)
    problem = timeout_problem(model.name, timeout, cluster.function_timeout_max)
    if problem is not None:
        return Wanted(unmet=(Unmet("Model", cluster.namespace, model.name, problem),))
    service = model_service(model, types, cluster, owner)
    if cluster.dispatch is Dispatch.DIRECT:
        return Wanted((service,))
    timeouts = timeouts_of(timeout, cluster.function_timeout_max)
    return Wanted((service, model_trigger(model, timeouts, cluster, owner)))


def wanted_of_pipeline(pipeline: Pipeline, cluster: Cluster, around: Surroundings) -> Wanted:
    """A Trigger for each event trigger and a PingSource for each cron trigger that is switched on."""
    key = around.key_of(pipeline.namespace, pipeline.name)
    address = cluster.events_address(pipeline.namespace, pipeline.name, key)
    owner = around.owner_of("Pipeline", pipeline.namespace, pipeline.name)
    made: list[Manifest | Problem] = []
    for trigger in pipeline.triggers:
        match trigger:
            case EventTrigger(enabled=True):
                made.append(event_trigger(pipeline, trigger, address, cluster, owner))
            case CronTrigger(enabled=True):
                made.append(ping_source(pipeline, trigger, address, cluster, owner))
            case _:
                # Hooks, intervals and people reach the orchestrator by themselves.
                pass
    return Wanted(
        tuple(each for each in made if not isinstance(each, Problem)),
        tuple(Unmet("Pipeline", pipeline.namespace, pipeline.name, each) for each in made if isinstance(each, Problem)),
    )


def no_model(name: str) -> Problem:
    """What is wrong with a pipeline whose AI type ``name`` nothing serves."""
    return Problem(
        "no-model",
        "",
        f"nothing serves a model for '{name}' in lane gpu",
        f"apply a Model (apiVersion: {API}), or set VLLM_URL to a model server that all share",
    )


def unserved_types(functions: Iterable[Function], models: Iterable[Model], cluster: Cluster) -> tuple[str, ...]:
    """The AI types that have no function in lane ``gpu``: nothing serves a model for them."""
    served = {name for model in models for name in NODE_TYPES[model.task]}
    return (
        ()
        if cluster.vllm_url
        else tuple(each.type.name for each in functions if is_of_model(each) and each.type.name not in served)
    )


def _is_wanted(function: Function, cluster: Cluster) -> bool:
    return bool(cluster.vllm_url) or not is_of_model(function)
