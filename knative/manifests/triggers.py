"""Triggers: what a broker carries to whom. Orders go to functions, answers to the orchestrator, events to pipelines.

Orders for the same node type may go to several functions, so an order also names its function, by the name of the object
(``flumefunction``); nothing but that tells lanes, resources and models apart.
"""

from collections.abc import Mapping
from typing import Any

from eventing.messages import COMPLETED, FAILED, FUNCTION, INVOKE, NODE_EVENTS, RUN_EVENTS
from flume.filters import parse_filters
from flume.pipeline import EventTrigger, Lane, Pipeline
from knative.cluster import Cluster
from knative.functions import Function, model_function_name
from knative.manifests import job_sinks, services
from knative.manifests.objects import (
    LANE,
    MODEL,
    NAMESPACE,
    NODE_TYPE,
    PIPELINE,
    TRIGGER,
    Manifest,
    Metadata,
    Owner,
    manifest,
)
from knative.models import Model
from knative.names import label_value, object_name
from knative.timeouts import Timeouts, timeouts_of

API = "eventing.knative.dev/v1"

_RETRIES = {"retry": 6, "backoffPolicy": "exponential", "backoffDelay": "PT1S"}
"""A minute in all: what is still not delivered then is known to the orchestrator as a dead letter, which may try again."""

_ANSWER_TIMEOUT = "PT30S"


def function_trigger(function: Function, cluster: Cluster, owner: Owner | None = None) -> Manifest:
    """The Trigger that carries orders to a function; its reply is the answer, which goes back into the broker."""
    is_job = function.lane is Lane.JOB
    target = (job_sinks.API, "JobSink") if is_job else (services.API, "Service")
    timeouts = timeouts_of(function.timeout, cluster.function_timeout_max)
    wanted = {"type": INVOKE, "flumenodetype": function.type.name, FUNCTION: function.name}
    labels = {NODE_TYPE: function.type.name, LANE: function.lane.value}
    delivery = {**_RETRIES, "timeout": _ANSWER_TIMEOUT} if is_job else _order_delivery(timeouts)
    subscriber = {"ref": {"apiVersion": target[0], "kind": target[1], "name": function.name}}
    metadata = Metadata(function.name, cluster.namespace, "function", labels, owner=owner)
    return _trigger(metadata, [{"exact": wanted}], subscriber, delivery, cluster)


def model_trigger(model: Model, timeouts: Timeouts, cluster: Cluster, owner: Owner | None = None) -> Manifest:
    """The Trigger that carries orders to the function of a model, of whichever node type they are."""
    name = model_function_name(model.name)
    labels = {MODEL: label_value(model.name), LANE: Lane.GPU.value}
    subscriber = {"ref": {"apiVersion": services.API, "kind": "Service", "name": name}}
    metadata = Metadata(name, cluster.namespace, "function", labels, {"flume.dev/model": model.name}, owner)
    wanted = {"type": INVOKE, FUNCTION: name}
    return _trigger(metadata, [{"exact": wanted}], subscriber, _order_delivery(timeouts), cluster)


def answers_trigger(cluster: Cluster, owner: Owner | None = None) -> Manifest:
    """The Trigger that carries answers of functions to the orchestrator."""
    wanted = [{"any": [{"exact": {"type": COMPLETED}}, {"exact": {"type": FAILED}}]}]
    metadata = Metadata("flume-answers", cluster.namespace, "orchestrator", owner=owner)
    delivery = {**_RETRIES, "retry": 10, "timeout": _ANSWER_TIMEOUT}
    return _trigger(metadata, wanted, {"uri": cluster.answers_address}, delivery, cluster)


def event_trigger(
    pipeline: Pipeline, trigger: EventTrigger, address: str, cluster: Cluster, owner: Owner | None = None
) -> Manifest:
    """The Trigger that carries the events of one of a pipeline's triggers to ``address``, the pipeline's own."""
    identity = (pipeline.namespace, pipeline.name, trigger.id)
    metadata = Metadata(
        object_name("on", *identity), cluster.namespace, "trigger", pipeline_labels(*identity), owner=owner
    )
    delivery = {**_RETRIES, "timeout": _ANSWER_TIMEOUT}
    return _trigger(metadata, filters_of(trigger), {"uri": address}, delivery, cluster)


def filters_of(trigger: EventTrigger) -> list[Manifest]:
    """A trigger's filters, and those that keep from it what it never sees.

    These are events about nodes, whatever it asks for, and events about runs, unless it asks for something in particular.
    """
    filters = [_plain(each) for each in trigger.filters]
    kept_away = [NODE_EVENTS]
    if parse_filters(trigger.filters).takes_anything:
        kept_away.append(RUN_EVENTS)
    return [*filters, *({"not": {"prefix": {"type": prefix}}} for prefix in kept_away)]


def pipeline_labels(namespace: str, pipeline: str, trigger: str) -> dict[str, str]:
    """Labels of an object that belongs to a trigger of a pipeline."""
    return {NAMESPACE: namespace, PIPELINE: pipeline, TRIGGER: trigger}


def _trigger(
    metadata: Metadata, filters: list[Manifest], subscriber: Manifest, delivery: Mapping[str, Any], cluster: Cluster
) -> Manifest:
    spec = {
        "broker": cluster.broker,
        "filters": filters,
        "subscriber": subscriber,
        "delivery": {**delivery, "deadLetterSink": {"uri": cluster.dead_letter_address}},
    }
    return manifest(API, "Trigger", metadata, spec=spec)


def _order_delivery(timeouts: Timeouts) -> Manifest:
    return {**_RETRIES, "timeout": timeouts.delivery}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
