"""All that the operator can do. Each may be done twice without harm."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from flume.values import JsonObject, JsonValue
from knative.manifests.objects import Manifest
from knative.operator.kinds import Reference


@dataclass(frozen=True, slots=True)
class Apply:
    """Make an object be as the manifest says, by server-side apply."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete an object, if it is still the one that was looked at."""

    target: Reference


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Tell how a resource is doing. ``news``: what an event in Kubernetes says of it besides; empty for none."""

    target: Reference
    status: Mapping[str, Any]
    news: str = ""
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class SaveNodeType:
    """Tell the API what a node type takes and gives, as its resource says.

    ``description`` is what `flume.nodes.descriptions.as_json` makes of it.
    """

    target: Reference
    generation: int
    description: JsonObject


@dataclass(frozen=True, slots=True)
class DeleteNodeType:
    """Let the API forget a node type whose resource is gone."""

    name: str


@dataclass(frozen=True, slots=True)
class SavePipeline:
    """Save a pipeline at the API in the name of its resource."""

    target: Reference
    generation: int
    document: Manifest


@dataclass(frozen=True, slots=True)
class DeletePipeline:
    """Delete a pipeline at the API whose resource is gone. Its runs go on and stay."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class StartRun:
    """Start the run of a resource. ``key`` is the same each time, so that there is one run."""

    target: Reference
    generation: int
    pipeline: str
    data: JsonValue
    key: str


Action: TypeAlias = (
    Apply | Remove | SetStatus | SaveNodeType | DeleteNodeType | SavePipeline | DeletePipeline | StartRun
)
