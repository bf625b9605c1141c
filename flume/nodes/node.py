"""The base classes of nodes and of what goes into and out of them.

A class describes a node *type*; an instance lives for one attempt and holds nothing that another attempt could see. What should
outlive an attempt (a connection pool, a loaded model) is made by `Node.setup` and shared by the process.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from flume.nodes.context import NodeContext
from flume.nodes.types import OUT, Rendering, Role
from flume.pipeline import Lane
from flume.values import JsonValue


class NodeInput(BaseModel):
    """The data a node works on. YAML keys are camelCase, attributes snake_case; unknown keys are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class NodeConfig(NodeInput):
    """The static options of a node, under the same rules as `NodeInput`."""


class NodeOutput(BaseModel):
    """What a node gives, as an object. Its keys are camelCase in JSON."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What the operator of a process decides for all its nodes; an empty URL means that there is none.

    Networks are CIDR texts such as ``10.0.0.0/8``. ``llm_url`` ends before ``/chat/completions``. Collections of Flume's own in
    the database ``platform_database`` are refused to nodes. ``cache`` is a folder for what can be made again, such as the
    environments of scripts; None: a temporary one.
    """

    http_allow: tuple[str, ...] = ()
    http_deny: tuple[str, ...] = ()
    llm_url: str = ""
    llm_api_key: str = field(default="", repr=False)
    mongodb_url: str = field(default="", repr=False)
    redis_url: str = field(default="", repr=False)
    platform_database: str = "flume"
    cache: Path | None = None


class Node:
    """A node type. Subclasses set ``name`` and an ``Input`` class, and write ``execute``; the rest has defaults.

    ``Config`` (a `NodeConfig`) separates static options from data; without it ``config`` and ``inputs`` of the document
    are merged into ``Input``, where ``inputs`` wins. ``Output`` is a `NodeOutput` or a plain type. The class's docstring
    is its description.
    """

    name: ClassVar[str] = ""
    """A DNS label; what ``type:`` says in a pipeline."""
    category: ClassVar[str] = "custom"
    run_on: ClassVar[str] = Lane.ENGINE
    """The lane of a node that does not choose one itself."""
    lanes: ClassVar[Sequence[str]] = tuple(Lane)
    """The lanes that a pipeline may choose."""
    version: ClassVar[int] = 1
    """Raise it with a change that breaks pipelines."""
    icon: ClassVar[str] = ""
    role: ClassVar[Role] = Role.PLAIN
    renderings: ClassVar[Mapping[str, Rendering]] = {}
    ports: ClassVar[Sequence[str] | Callable[..., Sequence[str]]] = (OUT,)
    """The ports a node may leave by, ``error`` left out: names, or a class or static method that takes the unrendered config."""
    pure: ClassVar[bool] = False
    """True: no effect outside and no waiting, so that the engine may repeat it and commit it together with its neighbors."""
    retryable: ClassVar[bool] = True
    """Whether a failure that does not say so itself may be tried again."""
    timeout: ClassVar[timedelta | str | float | None] = None
    """Of one attempt; None is the lane's default."""
    concurrency: ClassVar[int] = 1
    """How many events one function process takes at a time."""
    resources: ClassVar[Mapping[str, JsonValue]] = {}
    image: ClassVar[str] = ""
    scale: ClassVar[Mapping[str, JsonValue]] = {}
    """``{min, max, target}`` of the type's function."""
    secrets: ClassVar[Sequence[str]] = ()
    """The secrets that its nodes see and its function is given, by name; ``("*",)`` is all there are."""

    def __init__(self, context: NodeContext, config: Any = None, shared: Any = None) -> None:
        self.context = context
        self.config = config
        self.shared = shared

    @classmethod
    async def setup(cls, settings: NodeSettings) -> object:
        """Make what all nodes of this type in one process share, seen as ``self.shared``. Called once, before the first."""
        return None

    @classmethod
    async def teardown(cls, shared: Any) -> None:
        """Release what `setup` made. Called once, after the last node has ended."""

    def execute(self, input: Any) -> Any:
        """Do the work and return the output, or a `Result`, `Sleep` or `Iterate`. Write it as ``def`` or as ``async def``.

        Raise `flume.errors.NodeError` to say how it failed. A plain ``def`` runs in a thread, which nothing can stop: look at
        ``self.context.cancelled`` in long work. An ``async def`` must not block.
        """
        raise NotImplementedError
