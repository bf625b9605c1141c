"""Resources of node types and of models: whether they can be used, and which objects serve them."""

from collections.abc import Iterator
from typing import Any

from flume.errors import DefinitionError
from knative.functions import model_function_name
from knative.manifests.objects import NODE_TYPE, Manifest
from knative.operator.actions import Action
from knative.operator.conditions import Condition, Truth, message_of, reason_of, with_ready
from knative.operator.kinds import is_live
from knative.operator.readiness import readiness_condition
from knative.operator.saved_types import awaits_saving, saved_condition
from knative.operator.statuses import status_actions
from knative.operator.world import World
from knative.resources.specs import read_model

VALID, FUNCTIONS = "Valid", "FunctionsReady"


def type_and_model_actions(world: World) -> Iterator[Action]:
    """What is told of node types and models. Nothing while the API can't say what is wanted."""
    if world.saved is None:
        return
    for resource in world.resources.node_types:
        # Until the API has answered, what was told stands: it is asked in this round.
        if is_live(resource) and not awaits_saving(resource, world):
            yield from _told(resource, _objects_of_type(resource, world), world)
    for resource in world.resources.models:
        if is_live(resource):
            yield from _told(resource, _objects_of_model(resource, world), world)


def _told(resource: Manifest, made: list[Manifest], world: World) -> Iterator[Action]:
    bad = world.planned.bad.get(resource["metadata"]["uid"], ())
    if bad:
        parts = [Condition(VALID, Truth.FALSE, reason_of(bad[0].code), message_of(bad))]
    else:
        saved = saved_condition(resource, world)
        parts = [Condition(VALID, Truth.TRUE, "Valid"), *([saved] if saved else []), _functions(resource, made, world)]
    yield from status_actions(resource, with_ready(parts), _further(resource, made, world), world.now)


def _functions(resource: Manifest, made: list[Manifest], world: World) -> Condition:
    metadata = resource["metadata"]
    unmet = [
        each.problem
        for each in world.planned.wanted.unmet
        if each.kind == resource["kind"] and each.name in (metadata["name"], _model_name(resource))
    ]
    if unmet:
        return Condition(FUNCTIONS, Truth.FALSE, reason_of(unmet[0].code), message_of(unmet))
    if not made:
        return Condition(FUNCTIONS, Truth.TRUE, "NotUsed", "no active pipeline uses it")
    return readiness_condition(FUNCTIONS, made, world)


def _further(resource: Manifest, made: list[Manifest], world: World) -> dict[str, Any]:
    names = [each["metadata"]["name"] for each in made]
    if resource["kind"] == "NodeType":
        return {"functions": names or None}
    address = f"http://{names[0]}.{world.cluster.namespace}.svc.cluster.local" if names else None
    return {"address": {"url": address} if address else None}


def _objects_of_type(resource: Manifest, world: World) -> list[Manifest]:
    name = resource["metadata"]["name"]
    return [each for each in _functions_in(world) if each["metadata"]["labels"].get(NODE_TYPE) == name]


def _objects_of_model(resource: Manifest, world: World) -> list[Manifest]:
    name = model_function_name(_model_name(resource))
    return [each for each in _functions_in(world) if each["metadata"]["name"] == name]


def _functions_in(world: World) -> list[Manifest]:
    present = {(each["kind"], each["metadata"]["name"]): each for each in world.objects}
    wanted = [each for each in world.planned.wanted.objects if each["kind"] in ("Service", "JobSink")]
    return [present.get((each["kind"], each["metadata"]["name"]), each) for each in wanted]


def _model_name(resource: Manifest) -> str:
    if resource["kind"] != "Model":
        return str(resource["metadata"]["name"])
    try:
        return read_model(resource).name
    except DefinitionError:
        return str(resource["metadata"]["name"])
