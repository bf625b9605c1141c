"""What resources and saved pipelines come to: plans, models, and the objects that they want.

A plan is worked out once per version of a pipeline and set of node types: a look every few seconds must not plan a thousand
pipelines anew.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from flume.errors import ConflictError, DefinitionError
from flume.nodes.descriptions import as_json
from flume.nodes.registry import Registry
from flume.pipeline import Lane, PipelineStatus
from flume.plan import Plan
from flume.planning import Circumstances
from flume.problems import Problem
from flume.validation import validate_value
from flume.values import JsonObject
from knative.cluster import Cluster
from knative.manifests.objects import Manifest, Metadata, Owner, labels_of, manifest
from knative.models import Model
from knative.operator.kinds import generation_of, is_live
from knative.operator.world import Planned, Resources, SavedPipeline
from knative.resources.spec_models import API
from knative.resources.specs import node_type_resource, read_model, read_node_type
from knative.wanted import Surroundings, wanted_objects

_Problems = dict[str, tuple[Problem, ...]]


class Planner:
    """Plans for one installation. ``new_registry`` gives the built-in node types, in a registry of its own each time."""

    def __init__(self, cluster: Cluster, new_registry: Callable[[], Registry]) -> None:
        self._cluster = cluster
        self._new_registry = new_registry
        self._builtin = tuple(each for each in new_registry().types() if _is_function(each.lanes))
        self._types: tuple[Any, _Types] | None = None
        self._plans: dict[tuple[str, str], tuple[Any, Plan | Problem]] = {}

    def plan(self, resources: Resources, saved: Iterable[SavedPipeline]) -> Planned:
        """All at once. Never raises for what resources and pipelines hold."""
        types = self._types_of(resources.node_types)
        models, bad_models = self._models_of(resources.models)
        active = [each for each in saved if each.status == PipelineStatus.ACTIVE.value]
        found = {(each.namespace, each.name): self._plan_of(each, types) for each in active}
        # What is gone is forgotten.
        self._plans = {key: each for key, each in self._plans.items() if key in found}
        plans = tuple(each for each in found.values() if isinstance(each, Plan))
        wanted = wanted_objects(plans, models, self._cluster, self._around(types, resources, active))
        return Planned(
            plans=plans,
            models=models,
            further=(*self._builtin_resources(), _names_of(models, self._cluster)),
            wanted=wanted,
            bad={**types.bad, **bad_models},
            packaged=types.packaged,
            unplanned={key: each for key, each in found.items() if isinstance(each, Problem)},
        )

    def _types_of(self, resources: tuple[Manifest, ...]) -> "_Types":
        state = [(each["metadata"]["uid"], generation_of(each), is_live(each)) for each in resources]
        if self._types is None or self._types[0] != state:
            types = _Types(self._new_registry())
            for resource in resources:
                if is_live(resource):
                    types.take(resource, self._cluster.namespace)
            self._types = (state, types)
        return self._types[1]

    def _models_of(self, resources: tuple[Manifest, ...]) -> tuple[tuple[Model, ...], _Problems]:
        found: dict[str, Model] = {}
        bad: _Problems = {}
        for resource in filter(is_live, resources):
            try:
                _check_namespace(resource, self._cluster.namespace)
                model = read_model(resource)
                if model.name in found:
                    hint = "one Model is enough for all pipelines; delete one of them"
                    raise DefinitionError(
                        [Problem("name-taken", "/spec/name", f"another Model serves '{model.name}' already", hint)]
                    )
                found[model.name] = model
            except DefinitionError as error:
                bad[resource["metadata"]["uid"]] = tuple(error.problems)
        return tuple(found.values()), bad

    def _plan_of(self, saved: SavedPipeline, types: "_Types") -> Plan | Problem:
        key = (saved.namespace, saved.name)
        state = (saved.version, saved.hash, saved.disabled, types)
        known = self._plans.get(key)
        if known is None or known[0] != state:
            known = self._plans[key] = (state, self._planned(saved, types))
        return known[1]

    def _planned(self, saved: SavedPipeline, types: "_Types") -> Plan | Problem:
        circumstances = Circumstances(function_timeout_max=self._cluster.function_timeout_max)
        validation = validate_value(saved.definition, types.registry, circumstances=circumstances)
        if validation.plan is None:
            return validation.problems[0]
        plan = validation.plan
        triggers = tuple(
            replace(each, enabled=False) if each.id in saved.disabled else each for each in plan.pipeline.triggers
        )
        pipeline = replace(
            plan.pipeline, namespace=saved.namespace, triggers=triggers, status=PipelineStatus(saved.status)
        )
        return replace(plan, namespace=saved.namespace, pipeline=pipeline)

    def _around(self, types: "_Types", resources: Resources, saved: Iterable[SavedPipeline]) -> Surroundings:
        keys = {(each.namespace, each.name): each.key for each in saved}
        owners = {
            (each["kind"], each["metadata"]["namespace"], each["metadata"]["name"]): _owner(each)
            for each in (*resources.pipelines, *resources.node_types, *resources.models)
            if is_live(each)
        }
        return Surroundings(
            types={each.name: each for each in types.registry.types()},
            environments=types.environments,
            key_of=lambda namespace, name: keys.get((namespace, name), ""),
            owner_of=lambda kind, namespace, name: owners.get((kind, namespace, name)),
        )

    def _builtin_resources(self) -> tuple[Manifest, ...]:
        return tuple(_labelled(node_type_resource(each, self._cluster.namespace)) for each in self._builtin)


class _Types:
    """The built-in node types and those of resources."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.environments: dict[str, Mapping[str, str]] = {}
        self.bad: _Problems = {}
        self.packaged: dict[str, JsonObject] = {}
        self._builtin = {each.name for each in registry.types()}

    def take(self, resource: Manifest, namespace: str) -> None:
        """Add what a resource describes. A built-in type has its resource too, which may add variables and nothing else."""
        try:
            _check_namespace(resource, namespace)
            packaged = read_node_type(resource)
            if packaged.type.name not in self._builtin:
                self.registry.add(packaged.type, source=f"NodeType {packaged.type.name}")
                self.packaged[resource["metadata"]["uid"]] = as_json(packaged.type)
            self.environments[packaged.type.name] = packaged.environment
        except DefinitionError as error:
            self.bad[resource["metadata"]["uid"]] = tuple(error.problems)
        except ConflictError as error:
            self.bad[resource["metadata"]["uid"]] = (Problem(error.code, "/metadata/name", str(error), error.hint),)


def _check_namespace(resource: Manifest, namespace: str) -> None:
    given = resource["metadata"]["namespace"]
    if given != namespace:
        message = f"it is in namespace '{given}', and only those in '{namespace}' are used"
        raise DefinitionError(
            [Problem("wrong-namespace", "/metadata/namespace", message, f"apply it with kubectl -n {namespace}")]
        )


def _names_of(models: Iterable[Model], cluster: Cluster) -> Manifest:
    """What orchestrators read to tell a node that asks for a model which there are (``FLUME_MODELS_FILE``)."""
    names = "".join(f"{name}\n" for name in sorted(each.name for each in models))
    return manifest("v1", "ConfigMap", Metadata(cluster.models, cluster.namespace, "operator"), data={"models": names})


def _labelled(resource: Manifest) -> Manifest:
    labels = labels_of("node-type", {})
    return {**resource, "metadata": {**resource["metadata"], "labels": labels}}


def _owner(resource: Manifest) -> Owner:
    metadata = resource["metadata"]
    return Owner(API, resource["kind"], metadata["name"], metadata["namespace"], metadata["uid"])


def _is_function(lanes: Iterable[Lane]) -> bool:
    return any(lane is not Lane.ENGINE for lane in lanes)
