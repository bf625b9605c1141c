"""What the containers of functions have in common: how they are confined, what they are told, what they may take.

Knative allows only a part of a pod's spec, and of that a part only where the cluster's operator switched it on: so security is
said per container, and volumes are emptyDirs. ``docs/reference/resources.md`` lists the switches that GPUs need.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from flume.nodes.types import ALL_SECRETS, NodeType
from flume.pipeline import Lane
from flume.secret_values import SECRET_PREFIX
from knative.cluster import Cluster
from knative.functions import Function, Resources
from knative.manifests.objects import Manifest
from knative.models import asks_for_model

PORT = 8080

WORK = "/tmp"
"""The one folder of a container that can be written to."""

USER = 65532
"""The user and group of all containers: nobody in particular, and not root."""

GPU = "nvidia.com/gpu"

_COMMAND = ("python", "-P", "-m", "functions")

_CONNECTIONS: Mapping[str, Mapping[str, str]] = {
    "mongodb-query": {"FLUME_NODE_MONGODB_URL": "MONGODB_URL"},
    "mongodb-insert": {"FLUME_NODE_MONGODB_URL": "MONGODB_URL"},
    "redis-get": {"FLUME_NODE_REDIS_URL": "REDIS_URL"},
    "redis-set": {"FLUME_NODE_REDIS_URL": "REDIS_URL"},
    "llm-generate": {"VLLM_API_KEY": "VLLM_API_KEY"},
    "llm-chat": {"VLLM_API_KEY": "VLLM_API_KEY"},
    "embedding": {"VLLM_API_KEY": "VLLM_API_KEY"},
}
"""What of the Secret with connections a built-in type is given: variables, and the keys that they come from."""

_DEFAULTS: Mapping[Lane, tuple[Mapping[str, str], Mapping[str, str]]] = {
    Lane.CPU: ({"cpu": "100m", "memory": "128Mi"}, {"cpu": "1", "memory": "512Mi"}),
    Lane.GPU: ({"cpu": "500m", "memory": "512Mi"}, {"cpu": "4", "memory": "16Gi"}),
    Lane.JOB: ({"cpu": "250m", "memory": "512Mi"}, {"cpu": "2", "memory": "2Gi"}),
}
"""Requests and limits where nobody says what a function needs."""


def function_container(function: Function, cluster: Cluster, told: Mapping[str, str]) -> Manifest:
    """The container of a function, without what a server has and a job has not: port and probes.

    ``told`` are further variables of its process. What Flume tells it wins over what its node type's resource says.
    """
    return {
        "name": "function",
        **image_of(function.type.image or cluster.function_image, cluster),
        **command_of([function.type]),
        "env": by_name(variables(function.environment), function_variables([function.type], cluster), variables(told)),
        **read_from([function.type], cluster),
        "resources": requirements(function.resources, function.lane),
        **confinement(),
        "volumeMounts": [{"name": "work", "mountPath": WORK}],
    }


def command_of(types: Iterable[NodeType]) -> Manifest:
    """How the process of some types is started. An image of a type's own knows itself, and reads ``FLUME_NODE_TYPES``."""
    served = tuple(types)
    return (
        {} if any(each.image for each in served) else {"command": [*_COMMAND], "args": [each.name for each in served]}
    )


def image_of(image: str, cluster: Cluster) -> Manifest:
    """A container's image, and when it is pulled."""
    return {"image": image, **({"imagePullPolicy": cluster.pull_policy} if cluster.pull_policy else {})}


def function_variables(types: Iterable[NodeType], cluster: Cluster) -> list[Manifest]:
    """What a process that serves these types is told: where its orchestrator is, what it serves, its secrets and connections."""
    served = tuple(types)
    told = {
        "ENGINE_URL": cluster.engine_url,
        "FLUME_NODE_TYPES": " ".join(each.name for each in served),
        "HOME": WORK,
        "LOG_FORMAT": "json",
    }
    if cluster.vllm_url and any(asks_for_model(each.name) for each in served):
        told["VLLM_URL"] = cluster.vllm_url
    names = sorted({name for each in served for name in each.secrets if name != ALL_SECRETS})
    secrets = [from_secret(SECRET_PREFIX + name, cluster.secrets, name) for name in names]
    keys = {variable: key for each in served for variable, key in _CONNECTIONS.get(each.name, {}).items()}
    return [*variables(told), *secrets, *(from_secret(name, cluster.connections, key) for name, key in keys.items())]


def read_from(types: Iterable[NodeType], cluster: Cluster) -> Manifest:
    """Where the rest of a process's variables comes from; all secrets for a type that names all."""
    sources: list[Manifest] = [{"configMapRef": {"name": cluster.settings, "optional": True}}]
    if any(ALL_SECRETS in each.secrets for each in types):
        sources.append({"prefix": SECRET_PREFIX, "secretRef": {"name": cluster.secrets, "optional": True}})
    return {"envFrom": sources}


def by_name(*lists: list[Manifest]) -> list[Manifest]:
    """Environment variables of all lists, each once: Kubernetes takes none twice. The last of a name wins."""
    return list({each["name"]: each for variables in lists for each in variables}.values())


def variables(values: Mapping[str, str]) -> list[Manifest]:
    """Environment variables with these values."""
    return [{"name": name, "value": value} for name, value in values.items()]


def from_secret(variable: str, secret: str, key: str) -> Manifest:
    """An environment variable with a value out of a Secret.

    A container starts without it too: what lacks it says so in the run, and other nodes of the function work.
    """
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": True}}}


def requirements(resources: Resources, lane: Lane) -> Manifest:
    """Requests and limits. What is said is both: a function gets what it asks for, and no more."""
    requests, limits = (dict(each) for each in _DEFAULTS[lane])
    for name, value in (("cpu", resources.cpu), ("memory", resources.memory)):
        if value is not None:
            requests[name] = limits[name] = value
    if resources.gpu:
        requests[GPU] = limits[GPU] = str(resources.gpu)
    return {"requests": requests, "limits": limits}


def confinement() -> Manifest:
    """A container without rights: no root, no capabilities, a root file system that can't be written to."""
    return {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    }


def pod_basics(cluster: Cluster) -> Manifest:
    """What pods of functions have whatever runs in them. They get no token for Kubernetes' API."""
    basics: Manifest = {
        "serviceAccountName": cluster.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
    }
    if cluster.pull_secrets:
        basics["imagePullSecrets"] = [{"name": name} for name in cluster.pull_secrets]
    return basics


def on_gpu_nodes(cluster: Cluster, product: str = "") -> Manifest:
    """Where pods with GPUs go; ``product`` is as NVIDIA's device plugin labels nodes, such as ``NVIDIA-L40S``."""
    chosen = {"nvidia.com/gpu.product": product} if product else {}
    return {
        "nodeSelector": {**cluster.gpu_nodes, **chosen},
        "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
    }


def folder(name: str, *, most: str, in_memory: bool = False) -> Manifest:
    """A volume that goes with its pod, ``most`` bytes large."""
    directory: dict[str, Any] = {"medium": "Memory"} if in_memory else {}
    return {"name": name, "emptyDir": {**directory, "sizeLimit": most}}
