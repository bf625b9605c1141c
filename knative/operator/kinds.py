"""The kinds of objects that the operator deals with, and how one object is referred to."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from knative.manifests import job_sinks, ping_sources, services, triggers
from knative.manifests.objects import Manifest
from knative.resources.definitions import KINDS as RESOURCES
from knative.resources.spec_models import API


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of namespaced object, as the API server's addresses have it."""

    api: str
    name: str
    plural: str

    def path(self, namespace: str | None, name: str = "") -> str:
        """The address of the objects of a namespace (None: of all), or of one of them."""
        root = f"/apis/{self.api}" if "/" in self.api else f"/api/{self.api}"
        within = "" if namespace is None else f"/namespaces/{namespace}"
        return f"{root}{within}/{self.plural}" + (f"/{name}" if name else "")


_OWN = {kind.name: Kind(API, kind.name, kind.plural) for kind in RESOURCES}

CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")

PIPELINE, NODE_TYPE, MODEL, RUN = _OWN["Pipeline"], _OWN["NodeType"], _OWN["Model"], _OWN["Run"]

RESOURCE_KINDS = (PIPELINE, NODE_TYPE, MODEL, RUN)
"""What people apply, in all namespaces."""

WATCHED_OBJECT_KINDS = (
    Kind(services.API, "Service", "services"),
    Kind(job_sinks.API, "JobSink", "jobsinks"),
    Kind(triggers.API, "Trigger", "triggers"),
    Kind(ping_sources.API, "PingSource", "pingsources"),
)

OBJECT_KINDS = (*WATCHED_OBJECT_KINDS, CONFIG_MAP)
"""What the operator makes, in the installation's namespace. The order is that in which they are made.

ConfigMaps are not watched, nor listed: there is one, and the operator may read no other.
"""

ALL_KINDS = (*RESOURCE_KINDS, *OBJECT_KINDS)

_BY_NAME = {(kind.api, kind.name): kind for kind in ALL_KINDS}


def kind_of(manifest: Manifest) -> Kind:
    """The kind of an object. Raises `KeyError` for one that the operator has nothing to do with."""
    return _BY_NAME[manifest["apiVersion"], manifest["kind"]]


ObjectKey: TypeAlias = tuple[str, str, str, str]
"""API, kind, namespace and name: the same for whatever has this kind and name."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One object. ``uid`` tells it from another that had the same name before; empty for one that is not made yet."""

    kind: Kind
    namespace: str
    name: str
    uid: str = ""

    @property
    def key(self) -> ObjectKey:
        """What it shares with whatever has the same kind and name."""
        return (self.kind.api, self.kind.name, self.namespace, self.name)


def reference_to(manifest: Manifest) -> Reference:
    """What a manifest or an object is referred to by."""
    metadata = manifest["metadata"]
    return Reference(
        kind_of(manifest), str(metadata.get("namespace", "")), str(metadata["name"]), str(metadata.get("uid", ""))
    )


def generation_of(resource: Manifest) -> int:
    """Counts the changes of a resource's spec."""
    return int(resource["metadata"].get("generation", 0))


def status_of(resource: Manifest) -> dict[str, Any]:
    """What stands under ``status``; empty if nothing does."""
    found = resource.get("status")
    return found if isinstance(found, dict) else {}


def is_live(resource: Manifest) -> bool:
    """Whether nobody has deleted it; one that somebody else's finalizer holds is as good as gone."""
    return "deletionTimestamp" not in resource["metadata"]
