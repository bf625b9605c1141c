"""What one look found: everything that decisions are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from flume.plan import Plan
from flume.problems import Problem
from flume.values import JsonObject
from knative.cluster import Cluster
from knative.manifests.objects import Manifest
from knative.models import Model
from knative.wanted import Wanted

CLUSTER = "cluster"
"""Who manages a pipeline that has a resource."""


@dataclass(frozen=True, slots=True)
class SavedPipeline:
    """A pipeline at the API. ``key`` lets senders without a token reach it. ``disabled`` are triggers switched off there."""

    namespace: str
    name: str
    status: str
    version: int
    hash: str
    manager: str
    definition: JsonObject
    key: str = field(default="", repr=False)
    disabled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One generation of a resource was saved at the API, as this version."""

    generation: int
    version: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the API said no to, for one generation of one resource. It is asked again after a while: reasons pass."""

    generation: int
    code: str
    message: str
    problems: tuple[Problem, ...] = ()


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
    problems of resources by uid; ``unplanned`` the first problem of a saved pipeline by namespace and name: its node types may
    have changed after it was saved.
    """

    plans: tuple[Plan, ...] = ()
    models: tuple[Model, ...] = ()
    further: tuple[Manifest, ...] = ()
    wanted: Wanted = field(default_factory=Wanted)
    bad: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    unplanned: Mapping[tuple[str, str], Problem] = field(default_factory=dict)

    @property
    def objects(self) -> tuple[Manifest, ...]:
        """All that is to be there, in the order in which it is made."""
        return (*self.further, *self.wanted.objects)


@dataclass(frozen=True, slots=True)
class World:
    """Everything at one moment.

    ``saved`` are the pipelines at the API, None while it can't be reached: then nothing is made, removed or said of it.
    ``objects`` are those with the operator's label. ``settled`` is the generation, by uid, in which an object was left by an
    apply. ``answers`` are what the API said to resources, by uid, ``runs`` the runs that they started, likewise; an empty one
    is gone. ``has_old_runs``: a run under way may still need functions that no pipeline wants any more.
    """

    cluster: Cluster
    now: datetime
    resources: Resources = field(default_factory=Resources)
    saved: Mapping[tuple[str, str], SavedPipeline] | None = None
    planned: Planned = field(default_factory=Planned)
    objects: tuple[Manifest, ...] = ()
    settled: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, Acceptance | Refusal] = field(default_factory=dict)
    runs: Mapping[str, JsonObject] = field(default_factory=dict)
    has_old_runs: bool = False
