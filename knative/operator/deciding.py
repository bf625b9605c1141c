"""What is to be done, from all that is known: the whole of the operator's mind, and pure.

Asked again after everything was done, it answers with nothing.
"""

from collections.abc import Iterator

from knative.operator.actions import Action
from knative.operator.made_objects import object_actions
from knative.operator.pipelines import pipeline_actions
from knative.operator.runs import run_actions
from knative.operator.saved_types import saved_type_actions
from knative.operator.types_and_models import type_and_model_actions
from knative.operator.world import World


def decide(world: World) -> tuple[Action, ...]:
    """All actions, in the order in which they should be done: first the API, then objects, then what is told of both."""
    return tuple(_decided(world))


def _decided(world: World) -> Iterator[Action]:
    # Before pipelines, which are refused while a type that they use is not known.
    yield from saved_type_actions(world)
    yield from pipeline_actions(world)
    yield from run_actions(world)
    yield from object_actions(world)
    yield from type_and_model_actions(world)
