"""What Flume knows of a node type: plain data, whether the type is a Python class here or an image elsewhere.

The plan, the API and the console work from a `NodeType` alone; only an executor looks at ``implementation``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from flume.pipeline import EMPTY, Lane
from flume.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from flume.nodes.node import Node

OUT = "out"
"""The port of a node that simply completed."""

ALL_SECRETS = "*"
"""In place of a name among a type's secrets: all that there are."""

ERROR = "error"
"""The port of a node that failed for good. Every type has it; no type may declare it."""


class Rendering(StrEnum):
    """What becomes of the strings in one field of ``config`` or ``inputs`` before a node sees them (spec 1.3)."""

    VALUE = "value"
    """Each string is a template. The default."""
    EXPRESSION = "expression"
    """The string is one expression, whose braces may be left out."""
    SCOPED = "scoped"
    """Like VALUE, but rendered after the inputs, which it sees by name beside the scope."""
    DOCUMENT = "document"
    """Text rendered after the inputs, which it sees by name; ``{% if %}``, ``{% for %}`` and ``{% set %}`` are allowed."""
    DEFERRED = "deferred"
    """An expression that the engine evaluates later and again: a loop's ``while``. The node sees the text."""
    VERBATIM = "verbatim"
    """Never rendered."""
    CONSTANT = "constant"
    """Never rendered, and a template in it is refused: the plan is made by it, such as a loop's ``max``."""


class Role(StrEnum):
    """What the engine itself must know of a type beyond running it."""

    PLAIN = "plain"
    LOOP = "loop"
    """Its ``config.body`` is run for each item."""
    RESPONSE = "response"
    """Its output answers the caller that waits for the run."""
    VARIABLES = "variables"
    """Its output overlays ``variables`` for the nodes downstream."""


def _no_renderings() -> Mapping[str, Rendering]:
    return {}


def _empty() -> JsonObject:
    return EMPTY


@dataclass(frozen=True, slots=True)
class NodeType:
    """A node type as the registry describes it.

    ``config_schema`` None means that ``config`` and ``inputs`` of the document are merged (``inputs`` wins) and checked by
    ``input_schema``. ``ports`` are those besides `ERROR`; None means that they follow from a node's config by
    ``ports_of_config``.
    ``renderings`` is by top-level key (``config.code``: of that part alone); what it does not name is `Rendering.VALUE`.
    ``implementation`` None: its code is not in this process, and only a function runs it.
    """

    name: str
    version: int
    category: str
    description: str
    lanes: tuple[Lane, ...]
    run_on: Lane
    input_schema: JsonObject
    output_schema: JsonObject
    config_schema: JsonObject | None = None
    icon: str = ""
    role: Role = Role.PLAIN
    pure: bool = False
    retryable: bool = True
    timeout: timedelta | None = None
    ports: tuple[str, ...] | None = (OUT,)
    ports_of_config: Callable[[Mapping[str, JsonValue]], tuple[str, ...]] | None = None
    renderings: Mapping[str, Rendering] = field(default_factory=_no_renderings)
    concurrency: int = 1
    resources: JsonObject = field(default_factory=_empty)
    image: str = ""
    scale: JsonObject = field(default_factory=_empty)
    secrets: tuple[str, ...] = ()
    implementation: "type[Node] | None" = None

    def ports_for(self, config: Mapping[str, JsonValue]) -> tuple[str, ...]:
        """The ports of a node with this (unrendered) ``config``, `ERROR` left out. Never raises, whatever the config holds."""
        if self.ports is not None:
            return self.ports
        return self.ports_of_config(config) if self.ports_of_config else (OUT,)

    def may_use_secret(self, name: str) -> bool:
        """Whether the type's function is given the secret ``name``, and its nodes see it."""
        return name in self.secrets or ALL_SECRETS in self.secrets

    def rendering_of(self, key: str, part: str = "config") -> Rendering:
        """How the top-level field ``key`` of ``part`` (``config`` or ``inputs``) is rendered."""
        return self.renderings.get(f"{part}.{key}") or self.renderings.get(key, Rendering.VALUE)
