"""What one look found: everything that decisions are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from flume.plan import Plan
from flume.problems import Problem
from flume.values import JsonObject
from knative.cluster import Cluster
from knative.manifests.objects import Manifest
from knative.models import Model
from knative.operator.kinds import ObjectKey
from knative.platform.findings import Finding
from knative.wanted import Wanted

CLUSTER = "cluster"
"""Who manages a pipeline that has a resource."""


@dataclass(frozen=True, slots=True)
class SavedPipeline:
    """A pipeline at the API. ``key`` lets senders without a token reach it. ``disabled`` are triggers switched off there.

    ``types`` are the node types that it was saved with, and their versions.
    """

    namespace: str
    name: str
    status: str
    version: int
    hash: str
    manager: str
    definition: JsonObject
    key: str = field(default="", repr=False)
    disabled: frozenset[str] = frozenset()
    types: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One generation of a resource was saved at the API, as this version."""

    generation: int
    version: int


@dataclass(frozen=True, slots=True)
class TypeAcceptance:
    """One generation of a resource of a node type was saved at the API, where its description has this hash."""

    generation: int
    hash: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the API said no to, for one generation of one resource. It is asked again after a while: reasons pass."""

    generation: int
    code: str
    message: str
    problems: tuple[Problem, ...] = ()


Answer: TypeAlias = Acceptance | TypeAcceptance | Refusal
"""What the API said to one generation of a resource."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What people applied, as the cluster has it."""

    pipelines: tuple[Manifest, ...] = ()
    node_types: tuple[Manifest, ...] = ()
    models: tuple[Manifest, ...] = ()
    runs: tuple[Manifest, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """What resources and saved pipelines come to.

    ``further`` are what every installation has: resources of the built-in node types, and the names of models. ``bad`` are the
    problems of resources by uid, ``packaged`` the descriptions of the node types that the API has to be told; ``unplanned`` the
    first problem of a saved pipeline by namespace and name: its node types may have changed after it was saved.
    """

    plans: tuple[Plan, ...] = ()
    models: tuple[Model, ...] = ()
    further: tuple[Manifest, ...] = ()
    wanted: Wanted = field(default_factory=Wanted)
    bad: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    packaged: Mapping[str, JsonObject] = field(default_factory=dict)
    unplanned: Mapping[tuple[str, str], Problem] = field(default_factory=dict)

    @property
    def objects(self) -> tuple[Manifest, ...]:
        """All that is to be there, in the order in which it is made."""
        return (*self.further, *self.wanted.objects)


@dataclass(frozen=True, slots=True)
class World:
    """Everything at one moment.

    ``saved`` are the pipelines at the API, None while it can't be reached: then nothing is made, removed or said of it.
    ``saved_types`` are the hashes of the node types there, by name.
    ``objects`` are those with the operator's label. ``settled`` is the generation, by uid, in which an object was left by an
    apply. ``answers`` are what the API said to resources, by uid, ``runs`` the runs that they started, likewise; an empty one
    is gone. ``has_old_runs``: a run under way may still need functions that no pipeline wants any more. ``refused`` is what the
    API server says of objects that it does not take, ``troubles`` what keeps functions, by name, from having a pod that is ready.
    """

    cluster: Cluster
    now: datetime
    resources: Resources = field(default_factory=Resources)
    saved: Mapping[tuple[str, str], SavedPipeline] | None = None
    planned: Planned = field(default_factory=Planned)
    objects: tuple[Manifest, ...] = ()
    settled: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    runs: Mapping[str, JsonObject] = field(default_factory=dict)
    has_old_runs: bool = False
    refused: Mapping[ObjectKey, str] = field(default_factory=dict)
    troubles: Mapping[str, Finding] = field(default_factory=dict)
    saved_types: Mapping[str, str] = field(default_factory=dict)
