"""A language model as a cluster serves it, and which node types ask for one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Task(StrEnum):
    """What a model is for."""

    GENERATE = "generate"
    EMBED = "embed"


NODE_TYPES: Mapping[Task, tuple[str, ...]] = {
    Task.GENERATE: ("llm-generate", "llm-chat"),
    Task.EMBED: ("embedding",),
}
"""The node types that ask for a model by their ``config.model``, by what it has to do for them."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """What a model needs of GPUs. ``product`` empty: of any kind. ``tensor_parallel`` 0: over all of them."""

    count: int = 1
    product: str = ""
    tensor_parallel: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """A model: ``name`` is what nodes ask for, ``source`` where its weights are found, a repository's name or a path.

    ``claim`` is a PersistentVolumeClaim with the weights; empty: they are fetched at each start, into ``weights_size``.
    ``load_timeout`` is the longest that fetching and loading may take. ``secrets`` are names within the cluster's Secret, each
    given to the model server as a variable of that name. ``shared_memory`` is for the processes of one model server.
    """

    name: str
    source: str
    task: Task = Task.GENERATE
    image: str = ""
    args: tuple[str, ...] = ()
    gpu: Gpu = Gpu()
    concurrency: int = 32
    least: int = 0
    most: int = 1
    cpu: str = "4"
    memory: str = "32Gi"
    claim: str = ""
    weights_size: str = "100Gi"
    shared_memory: str = "8Gi"
    load_timeout: timedelta = timedelta(minutes=30)
    secrets: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def asks_for_model(node_type: str) -> bool:
    """Whether nodes of a type are served by the function of the model that they name."""
    return any(node_type in types for types in NODE_TYPES.values())
