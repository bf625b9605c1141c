"""The JobSink of a function in lane ``job``: Knative makes a Job for each order, with the order in a file.

A Job is never run again by Kubernetes: whether there is another attempt is for the run to decide. So a process that dies
fails its Job, and one that has answered does not, whatever the answer.
"""

from datetime import timedelta
from math import ceil

from flume.pipeline import Lane
from flume.planning import START_TIMEOUTS
from knative.cluster import Cluster
from knative.functions import Function
from knative.manifests.objects import FUNCTION, LANE, NODE_TYPE, Manifest, Metadata, Owner, labels_of, manifest
from knative.manifests.pods import folder, function_container, on_gpu_nodes, pod_basics

API = "sinks.knative.dev/v1alpha1"

KEPT_S = 3600
"""How long an ended Job is kept for whoever looks at it. An order that comes again meanwhile starts no second one."""

GRACE_S = 30
"""What a Job that is told to stop gets to say so."""

_END_MARGIN = timedelta(minutes=2)
"""For what a process does around its work: loading, fetching data, and telling the answer."""


def job_sink(function: Function, cluster: Cluster, owner: Owner | None = None) -> Manifest:
    """The JobSink of a function. The container finds the order at ``/etc/jobsink-event/event``."""
    labels = {NODE_TYPE: function.type.name, LANE: function.lane.value}
    told = {"FLUME_GRACE": str(GRACE_S - 5), "KNATIVE_EXECUTION_MODE": "batch"}
    container = function_container(function, cluster, told)
    pod = {
        **pod_basics(cluster),
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_S,
        "containers": [container],
        "volumes": [folder("work", most="10Gi")],
    }
    if function.resources.gpu:
        pod |= on_gpu_nodes(cluster)
    spec = {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": 0,
        "ttlSecondsAfterFinished": KEPT_S,
        "activeDeadlineSeconds": _deadline_s(function.timeout),
        "template": {"metadata": {"labels": labels_of("job", {**labels, FUNCTION: function.name})}, "spec": pod},
    }
    metadata = Metadata(function.name, cluster.namespace, "job", labels, owner=owner)
    job = {"metadata": {"labels": labels_of("job", labels)}, "spec": spec}
    return manifest(API, "JobSink", metadata, spec={"job": job})


def _deadline_s(timeout: timedelta) -> int:
    """Kubernetes counts from when a Job is made, so that waiting for a node is part of it."""
    return ceil((START_TIMEOUTS[Lane.JOB] + timeout + _END_MARGIN).total_seconds())
