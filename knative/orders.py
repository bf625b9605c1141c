"""Orders on a cluster: the function that each is for, and the address where that function takes it.

The names are those of the objects that `knative.functions` and `knative.models` give rise to, so that an order and the object
that serves it can't disagree.
"""

from collections.abc import Collection
from dataclasses import dataclass

from eventing.invocations import Failed, Invocation
from flume.pipeline import Lane
from knative.functions import function_name, model_function_name, resources_of
from knative.models import asks_for_model

JOB_SINKS = "http://job-sink.knative-eventing.svc.cluster.local"
"""Where Knative takes the events of all JobSinks."""

SHOWN = 20
"""How many known models a message names."""


@dataclass(frozen=True, slots=True)
class KnownModels:
    """The models that an order may ask for; None: any, since nobody says which there are."""

    names: Collection[str] | None = None

    def problem_of(self, model: str) -> str:
        """What is wrong with asking for this model; empty if nothing is."""
        if self.names is None or model in self.names:
            return ""
        known = sorted(self.names)
        more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
        listed = ", ".join(known[:SHOWN]) + more if known else "none"
        return f"there is no Model '{model[:200]}' on this cluster; it has: {listed}"


def function_of(order: Invocation, models: KnownModels, *, shares_models: bool = False) -> str | Failed:
    """The name of the function that an order is for.

    An AI node in lane ``gpu`` is for the function of the model that it names, unless all share one model server
    (``shares_models``); why there is none is told as the attempt's failure.
    """
    if order.lane is Lane.GPU and asks_for_model(order.node_type.name) and not shares_models:
        return _function_of_model(order.config.get("model"), models)
    return function_name(order.node_type, order.lane, resources_of(order.resources))


def address_of(order: Invocation, namespace: str) -> str:
    """Where the function takes its order: a Service by itself, a JobSink by way of the one address of all."""
    if order.lane is Lane.JOB:
        return f"{JOB_SINKS}/{namespace}/{order.function}"
    return f"http://{order.function}.{namespace}.svc.cluster.local/"


def _function_of_model(model: object, models: KnownModels) -> str | Failed:
    if not isinstance(model, str) or not model:
        return Failed("bad-input", "/config/model: expected the name of a model")
    problem = models.problem_of(model)
    if problem:
        return Failed("unknown-model", f"{problem} (a new one is known here within two minutes)")
    return model_function_name(model)
