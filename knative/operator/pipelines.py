"""Pipelines that have a resource: the API gets what the resource says, and the resource tells what became of it.

There is no finalizer: a deleted resource is noticed because it is not there while the API says that its pipeline is a cluster's.
So nothing holds up the deletion of a namespace, and a deletion that happened while no operator ran is made up for.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from flume.pipeline import Lane, PipelineStatus
from flume.plan import Plan
from flume.problems import Problem
from knative.functions import functions_of, is_of_model, model_function_name
from knative.manifests.objects import NAMESPACE, PIPELINE, Manifest
from knative.manifests.ping_sources import NOT_ON_KNATIVE
from knative.operator.actions import Action, DeletePipeline, SavePipeline
from knative.operator.conditions import (
    Condition,
    Truth,
    conditions_by_type,
    message_of,
    reason_of,
    shortened,
    with_ready,
)
from knative.operator.kinds import generation_of, is_live, reference_to, status_of
from knative.operator.readiness import readiness_condition
from knative.operator.saved_types import known_versions
from knative.operator.statuses import status_actions
from knative.operator.world import CLUSTER, Acceptance, Answer, Refusal, SavedPipeline, World
from knative.resources.spec_models import API
from knative.wanted import no_model, unserved_types

SAVED, TRIGGERS, FUNCTIONS = "Saved", "TriggersReady", "FunctionsReady"


def pipeline_actions(world: World) -> Iterator[Action]:
    """What resources of pipelines need, and what is left of those that are gone."""
    for resource in world.resources.pipelines:
        if is_live(resource):
            yield from _actions_of(resource, world)
    if world.saved is not None:
        live = {key_of(each) for each in world.resources.pipelines if is_live(each)}
        for key, saved in world.saved.items():
            if saved.manager == CLUSTER and key not in live:
                yield DeletePipeline(*key)


def key_of(resource: Manifest) -> tuple[str, str]:
    """Namespace and name, as the API has them too."""
    return str(resource["metadata"]["namespace"]), str(resource["metadata"]["name"])


def document_of(resource: Manifest) -> Manifest:
    """The pipeline document that a resource is, without what is the cluster's business."""
    metadata = resource["metadata"]
    kept = {key: metadata[key] for key in ("name", "namespace", "labels") if metadata.get(key)}
    return {"apiVersion": API, "kind": "Pipeline", "metadata": kept, "spec": resource.get("spec")}


def _actions_of(resource: Manifest, world: World) -> Iterator[Action]:
    if world.saved is None:
        yield from _unreachable(resource, world)
        return
    saved = world.saved.get(key_of(resource))
    answer = world.answers.get(resource["metadata"]["uid"])
    is_answered = answer is not None and answer.generation == generation_of(resource)
    if saved is not None and saved.manager != CLUSTER:
        yield from _told(resource, None, [_name_taken(saved)], world)
    elif isinstance(answer, Refusal) and is_answered:
        yield from _told(resource, saved, [_refused(answer)], world)
    elif saved is not None and _is_current(resource, saved, answer) and not _has_other_types(saved, world):
        yield from _told(resource, saved, list(_parts_of(resource, saved, world)), world)
    else:
        yield SavePipeline(reference_to(resource), generation_of(resource), document_of(resource))


def _is_current(resource: Manifest, saved: SavedPipeline, answer: Answer | None) -> bool:
    if isinstance(answer, Acceptance) and answer.generation == generation_of(resource):
        return answer.version == saved.version
    status = status_of(resource)
    was_saved = conditions_by_type(resource).get(SAVED, {}).get("status") == Truth.TRUE.value
    told = (status.get("observedGeneration"), status.get("version"), status.get("hash"))
    return was_saved and told == (generation_of(resource), saved.version, saved.hash)


def _has_other_types(saved: SavedPipeline, world: World) -> bool:
    """Whether a node type that it was saved with has another version by now, of which the API knows.

    Its runs would fail until it is saved again, and for people the API refuses that.
    """
    return any(saved.types.get(name, version) != version for name, version in known_versions(world).items())


def _told(resource: Manifest, saved: SavedPipeline | None, parts: list[Condition], world: World) -> Iterator[Action]:
    further: Mapping[str, Any] = {"address": None, "version": None, "hash": None}
    if saved is not None:
        address = world.cluster.events_address(saved.namespace, saved.name, saved.key)
        further = {"address": {"url": address}, "version": saved.version, "hash": saved.hash}
    reason = "Paused" if saved is not None and saved.status == PipelineStatus.PAUSED.value else "Ready"
    yield from status_actions(resource, with_ready(parts, reason), further, world.now)


def _unreachable(resource: Manifest, world: World) -> Iterator[Action]:
    """Only a change that could not be passed on is told: what was said of the others still stands."""
    if status_of(resource).get("observedGeneration") == generation_of(resource):
        return
    message = f"the orchestrator at {world.cluster.engine_url} can't be reached; it is tried again"
    part = Condition(SAVED, Truth.UNKNOWN, "EngineUnreachable", message)
    yield from status_actions(resource, with_ready([part]), {}, world.now)


def _name_taken(saved: SavedPipeline) -> Condition:
    message = (
        f"a pipeline '{saved.name}' in namespace '{saved.namespace}' was saved through API or console and stays as it is; "
        "delete it there, or give this resource another name"
    )
    return Condition(SAVED, Truth.FALSE, "NameTaken", message)


def _refused(refusal: Refusal) -> Condition:
    message = message_of(refusal.problems) if refusal.problems else shortened(refusal.message)
    return Condition(SAVED, Truth.FALSE, reason_of(refusal.code), message)


def _parts_of(resource: Manifest, saved: SavedPipeline, world: World) -> Iterator[Condition]:
    if saved.status == PipelineStatus.DRAFT.value:
        yield Condition(SAVED, Truth.FALSE, "Draft", "a draft does nothing; set spec.state to active when it is done")
        return
    yield Condition(SAVED, Truth.TRUE, "Saved", f"version {saved.version}")
    plan = next((each for each in world.planned.plans if (each.namespace, each.name) == key_of(resource)), None)
    problem = world.planned.unplanned.get(key_of(resource))
    if problem is not None:
        yield Condition(FUNCTIONS, Truth.FALSE, reason_of(problem.code), message_of([problem]))
    elif plan is not None:
        yield _condition(TRIGGERS, *_triggers_of(plan, world), world)
        yield _condition(FUNCTIONS, *_functions_of(plan, world), world)


def _triggers_of(plan: Plan, world: World) -> tuple[list[Problem], list[Manifest]]:
    unmet = [
        each.problem
        for each in world.planned.wanted.unmet
        if (each.kind, each.namespace, each.name) == ("Pipeline", plan.namespace, plan.name)
        # What no PingSource can do, the orchestrator does by itself.
        and each.problem.code != NOT_ON_KNATIVE
    ]
    labels = {NAMESPACE: plan.namespace, PIPELINE: plan.name}
    return unmet, [
        _observed(each, world)
        for each in world.planned.wanted.objects
        if labels.items() <= each["metadata"]["labels"].items()
    ]


def _functions_of(plan: Plan, world: World) -> tuple[list[Problem], list[Manifest]]:
    functions = functions_of([plan], {})
    types = {each.type.name for each in functions}
    unmet = [each.problem for each in world.planned.wanted.unmet if each.kind == "NodeType" and each.name in types]
    unmet += [no_model(name) for name in unserved_types(functions, world.planned.models, world.cluster)]
    names = {each.name for each in functions} | _models_of(plan, world)
    made = [
        _observed(each, world)
        for each in world.planned.wanted.objects
        if each["metadata"]["name"] in names and each["kind"] in ("Service", "JobSink")
    ]
    return unmet, made


def _models_of(plan: Plan, world: World) -> set[str]:
    """The functions of models that a pipeline may ask for: which one, only a run knows."""
    asks = any(is_of_model(each) and each.lane is Lane.GPU for each in functions_of([plan], {}))
    return {model_function_name(each.name) for each in world.planned.models} if asks else set()


def _observed(wanted: Manifest, world: World) -> Manifest:
    """The object as it is; as it should be, without status, where it is not there yet."""
    key = reference_to(wanted).key
    return next((each for each in world.objects if reference_to(each).key == key), {**wanted, "kind": wanted["kind"]})


def _condition(type: str, unmet: list[Problem], made: list[Manifest], world: World) -> Condition:
    if unmet:
        return Condition(type, Truth.FALSE, reason_of(unmet[0].code), message_of(unmet))
    return readiness_condition(type, made, world)
