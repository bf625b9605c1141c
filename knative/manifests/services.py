"""The Knative Service of a function in the lanes ``cpu`` and ``gpu``: at zero pods until an order comes."""

from datetime import timedelta
from math import ceil

from flume.nodes.types import NodeType
from flume.pipeline import Lane
from flume.planning import START_TIMEOUTS
from flume.values import JsonValue
from knative.cluster import Cluster
from knative.functions import Function
from knative.manifests.objects import LANE, NODE_TYPE, Manifest, Metadata, Owner, labels_of, manifest
from knative.manifests.pods import (
    PORT,
    folder,
    function_container,
    on_gpu_nodes,
    pod_basics,
)
from knative.timeouts import Timeouts, timeouts_of

API = "serving.knative.dev/v1"

CLUSTER_LOCAL = {"networking.knative.dev/visibility": "cluster-local"}

GPU_START_LIMIT = START_TIMEOUTS[Lane.GPU]
"""How long the process of a function with a GPU may take until it is ready: it may have to load something large."""

_EACH = {"periodSeconds": 5, "timeoutSeconds": 3}


def function_service(function: Function, cluster: Cluster, owner: Owner | None = None) -> Manifest:
    """The Service of a function. Its time-out has to be one that the cluster allows, see `knative.timeouts`."""
    labels = {NODE_TYPE: function.type.name, LANE: function.lane.value}
    timeouts = timeouts_of(function.timeout, cluster.function_timeout_max)
    needs_gpu = function.resources.gpu > 0
    # Knative gives a pod that it ends as long as a request may take.
    told = {"FLUME_GRACE": str(timeouts.request_s)}
    container = {**function_container(function, cluster, told), **serving(GPU_START_LIMIT if needs_gpu else None)}
    pod = {**pod_basics(cluster), "containers": [container], "volumes": [folder("work", most="2Gi")]}
    if needs_gpu:
        pod |= on_gpu_nodes(cluster)
    template = revision_template(labels, scaling_of(function.type), timeouts, pod)
    if needs_gpu:
        template["metadata"]["annotations"] |= progress_deadline(GPU_START_LIMIT)
    metadata = Metadata(function.name, cluster.namespace, "function", {**CLUSTER_LOCAL, **labels}, owner=owner)
    return manifest(API, "Service", metadata, spec={"template": template})


def serving(start_limit: timedelta | None) -> Manifest:
    """What a container that serves has: its port, and probes.

    ``start_limit`` is how long it may take to start; None: so little that Kubernetes need not be told, and must not be, since
    that alone would add seconds to each start from zero.
    """
    probes: Manifest = {
        # Without a period Knative asks every few milliseconds until it is ready.
        "readinessProbe": {"httpGet": _get("/readyz"), "successThreshold": 1},
        "livenessProbe": {"httpGet": _get("/healthz"), **_EACH, "initialDelaySeconds": 10, "failureThreshold": 6},
    }
    if start_limit is not None:
        tries = ceil(start_limit.total_seconds() / _EACH["periodSeconds"])
        probes["startupProbe"] = {"httpGet": _get("/readyz"), **_EACH, "failureThreshold": tries}
    return {"ports": [{"containerPort": PORT}], **probes}


def progress_deadline(start_limit: timedelta) -> dict[str, str]:
    """The annotation that says when Knative takes a revision for failed that is not ready."""
    seconds = int((start_limit + timedelta(minutes=5)).total_seconds())
    return {"serving.knative.dev/progress-deadline": f"{seconds}s"}


def scaling_of(node_type: NodeType) -> dict[str, int]:
    """``{concurrency, least, most, target}`` of a type's function; a most of 0 is no limit."""
    scale, concurrency = node_type.scale, node_type.concurrency
    return {
        "concurrency": concurrency,
        "least": _whole(scale.get("min"), 0),
        "most": _whole(scale.get("max"), 0),
        "target": _whole(scale.get("target"), concurrency),
    }


def revision_template(labels: dict[str, str], scaling: dict[str, int], timeouts: Timeouts, pod: Manifest) -> Manifest:
    """The template of a Service's revisions."""
    annotations = {
        "autoscaling.knative.dev/metric": "concurrency",
        "autoscaling.knative.dev/min-scale": str(scaling["least"]),
        "autoscaling.knative.dev/max-scale": str(scaling["most"]),
        "autoscaling.knative.dev/target": str(scaling["target"]),
        # An order that is one too many for a process would wait there for all the others.
        "autoscaling.knative.dev/target-utilization-percentage": "100",
    }
    spec = {
        "containerConcurrency": scaling["concurrency"],
        "timeoutSeconds": timeouts.request_s,
        # By default shorter, which would cut off a function that answers at its end.
        "responseStartTimeoutSeconds": timeouts.request_s,
        **pod,
    }
    return {"metadata": {"labels": labels_of("function", labels), "annotations": annotations}, "spec": spec}


def _get(path: str) -> Manifest:
    return {"path": path, "port": PORT}


def _whole(value: JsonValue, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
