"""The two forms of a document: flat ``flume/v1``, and the cluster's ``flume.dev/v1`` with the pipeline under ``spec``.

The flat form is the one that is stored and hashed; the resource is made from it.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from flume.values import JsonObject, JsonValue

FLAT_VERSION, RESOURCE_VERSION = "flume/v1", "flume.dev/v1"

Form: TypeAlias = Literal["flat", "resource"]

CLUSTER_METADATA = (
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)
"""What a cluster writes into a resource's metadata, and what pipelines have no use for."""

_METADATA = ("name", "namespace", "description", "labels")


def form_of(document: JsonObject) -> Form:
    """The form a document means to have: by its ``apiVersion``, or by having a ``spec`` when that is neither of the two."""
    version = document.get("apiVersion")
    if version in (FLAT_VERSION, RESOURCE_VERSION):
        return "flat" if version == FLAT_VERSION else "resource"
    return "resource" if "spec" in document else "flat"


def to_document(definition: JsonObject) -> dict[str, Any]:
    """The flat form of a definition in either form. What only a cluster knows (``status``, uid, …) is dropped.

    Expects a definition without problems; for another one, keeps what it can make sense of.
    """
    if form_of(definition) == "flat":
        return {**definition, "apiVersion": FLAT_VERSION}
    spec = dict(_object(definition.get("spec")))
    metadata = {key: value for key, value in _object(definition.get("metadata")).items() if key in _METADATA}
    if "description" in spec:
        metadata["description"] = spec.pop("description")
    return {"apiVersion": FLAT_VERSION, "kind": "Pipeline", "metadata": metadata, **spec}


def to_resource(definition: JsonObject) -> dict[str, Any]:
    """The resource form of a definition in either form; the inverse of `to_document`."""
    document = to_document(definition)
    metadata = dict(_object(document.pop("metadata", None)))
    spec = {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}
    if "description" in metadata:
        spec = {"description": metadata.pop("description"), **spec}
    return {"apiVersion": RESOURCE_VERSION, "kind": "Pipeline", "metadata": metadata, "spec": spec}


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, Mapping) else {}
