"""What serves a model: a pod of a function and a model server beside it, at zero pods until a node asks; or one server for all.

The function is ready when its model server is: it asks ``FLUME_READY_URL`` itself, since Knative would have to be told to look at
a second container at all.
"""

from collections.abc import Sequence
from datetime import timedelta

from flume.nodes.types import NodeType
from flume.pipeline import Lane
from flume.planning import LANE_TIMEOUTS
from knative.cluster import Cluster
from knative.functions import model_function_name
from knative.manifests.objects import LANE, MODEL, Manifest, Metadata, Owner, labels_of, manifest
from knative.manifests.pods import (
    GPU,
    USER,
    WORK,
    by_name,
    command_of,
    confinement,
    folder,
    from_secret,
    function_variables,
    image_of,
    on_gpu_nodes,
    pod_basics,
    read_from,
    variables,
)
from knative.manifests.services import API, CLUSTER_LOCAL, progress_deadline, revision_template, serving
from knative.models import Model
from knative.names import label_value
from knative.timeouts import timeouts_of

SERVER_PORT = 8000

WEIGHTS = "/models"

SHARED_SERVICE = "vllm"


def model_service(model: Model, types: Sequence[NodeType], cluster: Cluster, owner: Owner | None = None) -> Manifest:
    """The Knative Service of a model. ``types`` are the node types that ask for one of its task."""
    labels = {MODEL: label_value(model.name), LANE: Lane.GPU.value}
    timeouts = timeouts_of(timeout_of(types), cluster.function_timeout_max)
    pod = {
        **pod_basics(cluster),
        **on_gpu_nodes(cluster, model.gpu.product),
        "containers": [
            _function(model, types, cluster, timeouts.request_s),
            server_container(model, cluster, "127.0.0.1"),
        ],
        "volumes": [folder("work", most="2Gi"), *_server_volumes(model)],
    }
    scaling = {
        "concurrency": model.concurrency,
        "least": model.least,
        "most": model.most,
        "target": model.concurrency,
    }
    template = revision_template(labels, scaling, timeouts, pod)
    template["metadata"]["annotations"] |= {"flume.dev/model": model.name, **progress_deadline(model.load_timeout)}
    metadata = Metadata(
        model_function_name(model.name),
        cluster.namespace,
        "function",
        {**CLUSTER_LOCAL, **labels},
        {"flume.dev/model": model.name},
        owner,
    )
    return manifest(API, "Service", metadata, spec={"template": template})


def shared_model_server(model: Model, cluster: Cluster, owner: Owner | None = None) -> list[Manifest]:
    """A Deployment that serves one model to all functions, and the Service ``vllm:8000`` in front of it."""
    labels = {MODEL: label_value(model.name)}
    selector = {"app.kubernetes.io/name": "flume", "app.kubernetes.io/component": "model-server"}
    probe = {"httpGet": {"path": "/health", "port": SERVER_PORT}, "periodSeconds": 10, "timeoutSeconds": 5}
    container = {
        **server_container(model, cluster, "0.0.0.0"),
        "ports": [{"name": "http", "containerPort": SERVER_PORT}],
        "startupProbe": {**probe, "failureThreshold": max(1, int(model.load_timeout.total_seconds()) // 10)},
        "readinessProbe": probe,
        "livenessProbe": {**probe, "failureThreshold": 6},
    }
    pod = {
        **pod_basics(cluster),
        **on_gpu_nodes(cluster, model.gpu.product),
        "containers": [container],
        "volumes": [folder("work", most="2Gi"), *_server_volumes(model)],
    }
    metadata = Metadata(
        SHARED_SERVICE, cluster.namespace, "model-server", labels, {"flume.dev/model": model.name}, owner
    )
    deployment = {
        "replicas": 1,
        # GPUs of the old pod have to be free before the new one can start.
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": labels_of("model-server", labels)}, "spec": pod},
    }
    ports = [{"name": "http", "port": SERVER_PORT, "targetPort": "http"}]
    return [
        manifest("apps/v1", "Deployment", metadata, spec=deployment),
        manifest("v1", "Service", metadata, spec={"selector": selector, "ports": ports}),
    ]


def timeout_of(types: Sequence[NodeType]) -> timedelta:
    """The longest that an attempt of one of these types may take."""
    return max((each.timeout or LANE_TIMEOUTS[Lane.GPU] for each in types), default=LANE_TIMEOUTS[Lane.GPU])


def server_container(model: Model, cluster: Cluster, host: str) -> Manifest:
    """The model server: vLLM, which answers to the name that nodes ask for. It may write to its folders alone."""
    folders = {"HF_HOME": WEIGHTS, "HOME": WORK, "XDG_CACHE_HOME": f"{WORK}/cache", "VLLM_CACHE_ROOT": f"{WORK}/vllm"}
    quantities = {"cpu": model.cpu, "memory": model.memory, GPU: str(model.gpu.count)}
    return {
        "name": "vllm",
        **image_of(model.image or cluster.vllm_image, cluster),
        # Said here, since the image's own changed from one version to the next.
        "command": ["vllm", "serve"],
        "args": [
            model.source,
            "--served-model-name",
            model.name,
            "--host",
            host,
            "--port",
            str(SERVER_PORT),
            "--tensor-parallel-size",
            str(model.gpu.tensor_parallel or model.gpu.count),
            *model.args,
        ],
        "env": [
            # Libraries ask for a name, which the user of the container has none of.
            *variables({**folders, "USER": f"user-{USER}", **model.environment}),
            *(from_secret(name, cluster.secrets, name) for name in model.secrets if name not in model.environment),
        ],
        "resources": {"requests": quantities, "limits": dict(quantities)},
        **confinement(),
        "volumeMounts": [
            {"name": "work", "mountPath": WORK},
            {"name": "weights", "mountPath": WEIGHTS, **({"readOnly": True} if model.claim else {})},
            {"name": "shared-memory", "mountPath": "/dev/shm"},
        ],
    }


def _function(model: Model, types: Sequence[NodeType], cluster: Cluster, grace_s: int) -> Manifest:
    server = f"http://127.0.0.1:{SERVER_PORT}"
    told = {
        "VLLM_URL": f"{server}/v1",
        "FLUME_READY_URL": f"{server}/health",
        "FLUME_GRACE": str(grace_s),
    }
    return {
        "name": "function",
        **image_of(cluster.function_image, cluster),
        **command_of(types),
        "env": by_name(function_variables(types, cluster), variables(told)),
        **read_from(types, cluster),
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
        **confinement(),
        **serving(model.load_timeout),
        "volumeMounts": [{"name": "work", "mountPath": WORK}],
    }


def _server_volumes(model: Model) -> list[Manifest]:
    weights: Manifest = folder("weights", most=model.weights_size)
    if model.claim:
        weights = {"name": "weights", "persistentVolumeClaim": {"claimName": model.claim, "readOnly": True}}
    return [weights, folder("shared-memory", most=model.shared_memory, in_memory=True)]
