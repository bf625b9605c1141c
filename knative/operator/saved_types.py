"""Node types that have a resource: the API gets what the resource says, since no orchestrator looks into an image.

The built-in types have resources too, of which the API needs to hear nothing. What the API knows beside those of resources is
deleted there: as with pipelines, there is no finalizer, and a deletion that nobody saw is made up for.
"""

from collections.abc import Iterator

from knative.manifests.objects import Manifest
from knative.operator.actions import Action, DeleteNodeType, SaveNodeType
from knative.operator.conditions import Condition, Truth, message_of, reason_of, shortened
from knative.operator.kinds import generation_of, is_live, reference_to
from knative.operator.world import Refusal, TypeAcceptance, World

SAVED = "Saved"


def saved_type_actions(world: World) -> Iterator[Action]:
    """What the API has to be told. Nothing while it can't be reached."""
    if world.saved is None:
        return
    live = [each for each in world.resources.node_types if is_live(each)]
    for resource in live:
        if awaits_saving(resource, world):
            description = world.planned.packaged[resource["metadata"]["uid"]]
            yield SaveNodeType(reference_to(resource), generation_of(resource), description)
    named = {each["metadata"]["name"] for each in live if each["metadata"]["namespace"] == world.cluster.namespace}
    for name in world.saved_types:
        if name not in named:
            yield DeleteNodeType(name)


def awaits_saving(resource: Manifest, world: World) -> bool:
    """Whether the API has yet to be told what a resource of a node type says."""
    return resource["metadata"]["uid"] in world.planned.packaged and _answer_to(resource, world) is None


def saved_condition(resource: Manifest, world: World) -> Condition | None:
    """Whether the API knows the type as its resource says it; None for one of which it has heard nothing."""
    answer = _answer_to(resource, world)
    if not isinstance(answer, Refusal):
        return None if answer is None else Condition(SAVED, Truth.TRUE, "Saved")
    message = message_of(answer.problems) if answer.problems else shortened(answer.message)
    return Condition(SAVED, Truth.FALSE, reason_of(answer.code), message)


def known_versions(world: World) -> dict[str, int]:
    """The versions of the types that the API knows as their resources say them, by name."""
    return {
        resource["metadata"]["name"]: int(world.planned.packaged[resource["metadata"]["uid"]]["version"])
        for resource in world.resources.node_types
        if resource["metadata"]["uid"] in world.planned.packaged
        and isinstance(_answer_to(resource, world), TypeAcceptance)
    }


def _answer_to(resource: Manifest, world: World) -> TypeAcceptance | Refusal | None:
    """What the API said to what the resource says now, if that still stands there."""
    answer = world.answers.get(resource["metadata"]["uid"])
    if answer is None or answer.generation != generation_of(resource):
        return None
    if isinstance(answer, TypeAcceptance):
        return answer if world.saved_types.get(resource["metadata"]["name"]) == answer.hash else None
    return answer if isinstance(answer, Refusal) else None
