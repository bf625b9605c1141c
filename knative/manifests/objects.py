"""What all objects have: metadata with labels and an owner."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Manifest: TypeAlias = dict[str, Any]
"""An object of Kubernetes as JSON."""

FIELD_MANAGER = "flume"
"""Who owns the fields of these objects in server-side apply."""

MANAGED_BY = "app.kubernetes.io/managed-by"

NODE_TYPE, LANE, MODEL = "flume.dev/node-type", "flume.dev/lane", "flume.dev/model"
FUNCTION = "flume.dev/function"
NAMESPACE, PIPELINE, TRIGGER = "flume.dev/namespace", "flume.dev/pipeline", "flume.dev/trigger"
"""Labels that tell what an object is for. The namespace is that of the pipeline; the function is on
pods of Jobs, and names their JobSink."""

MADE = {"flume.dev/managed-by": "operator"}
"""What the operator adds when it applies an object, and the only thing by which it finds objects to remove.

What is installed by kustomize, or rendered and applied by hand, has `MANAGED_BY` alone and is never removed by it.
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """The resource with which an object goes. Only one in the object's own namespace can own it: others are left out."""

    api_version: str
    kind: str
    name: str
    namespace: str
    uid: str


@dataclass(frozen=True, slots=True)
class Metadata:
    """Of one object. ``labels`` are those beside `labels_of`; ``namespace`` empty: the object is the cluster's."""

    name: str
    namespace: str
    component: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    owner: Owner | None = None


def labels_of(component: str, further: Mapping[str, str]) -> dict[str, str]:
    """Labels of an object, and of the pods that it makes. ``component`` is what it does for Flume, such as ``function``."""
    return {
        "app.kubernetes.io/name": "flume",
        "app.kubernetes.io/part-of": "flume",
        "app.kubernetes.io/component": component,
        MANAGED_BY: "flume",
        **further,
    }


def manifest(api_version: str, kind: str, metadata: Metadata, **body: Any) -> Manifest:
    """An object; ``body`` are its keys beside metadata, such as ``spec``."""
    return {"apiVersion": api_version, "kind": kind, "metadata": _written(metadata), **body}


def _written(metadata: Metadata) -> Manifest:
    written: Manifest = {"name": metadata.name}
    if metadata.namespace:
        written["namespace"] = metadata.namespace
    written["labels"] = labels_of(metadata.component, metadata.labels)
    if metadata.annotations:
        written["annotations"] = dict(metadata.annotations)
    owner = metadata.owner
    if owner is not None and owner.namespace == metadata.namespace:
        written["ownerReferences"] = [_reference_to(owner)]
    return written


def _reference_to(owner: Owner) -> Manifest:
    # Not the controller: several things may want one function.
    return {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": False,
        "blockOwnerDeletion": False,
    }
