"""Whether pods of Knative can have GPUs on a cluster: its features have to be switched on, and a node has to have one."""

from collections.abc import Iterable, Mapping
from typing import Any

FEATURES = ("kubernetes.podspec-nodeselector", "kubernetes.podspec-tolerations")
"""What the pods of functions with GPUs need of Knative, which takes neither unless it is told to."""

GPU, LABEL = "nvidia.com/gpu", "nvidia.com/gpu.present"


def reason_against_gpus(features: Mapping[str, Any] | None, nodes: Iterable[Mapping[str, Any]]) -> str:
    """Why no function can have a GPU; empty if one can. ``features`` is Knative's ConfigMap ``config-features``."""
    switched = (features or {}).get("data") or {}
    off = [name for name in FEATURES if str(switched.get(name, "disabled")).lower() not in ("enabled", "allowed")]
    if off:
        return f"Knative does not let pods choose GPU nodes: set {', '.join(off)} to enabled in config-features"
    having = [each for each in nodes if int((each.get("status") or {}).get("allocatable", {}).get(GPU, 0)) > 0]
    if not having:
        return f"no node of this cluster has a GPU that is free to be given ({GPU})"
    if not any((each["metadata"].get("labels") or {}).get(LABEL) == "true" for each in having):
        return f'no node with a GPU has the label {LABEL}: "true", by which its pods find it'
    return ""
