"""What a node can answer besides a plain output: a port, meta, a sleep in the store, or items to iterate over.

``execute`` returns its output as it is, or one of these. Failures are raised as `flume.errors.NodeError`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from flume.nodes.types import OUT
from flume.pipeline import EMPTY
from flume.values import JsonValue


def _empty() -> Mapping[str, JsonValue]:
    return EMPTY


@dataclass(frozen=True, slots=True)
class Result:
    """The node is done: its output, what surrounds it (``meta``, at most 16 KiB as JSON), and the port it leaves by."""

    output: object = None
    meta: Mapping[str, JsonValue] = field(default_factory=_empty)
    port: str = OUT


@dataclass(frozen=True, slots=True)
class Sleep:
    """The node is done at ``until`` (with a time zone), with ``output``. The wait is in the store: no process holds it."""

    until: datetime
    output: object = None


@dataclass(frozen=True, slots=True)
class Iterate:
    """A loop's work: run the body for each of ``items``, or ``times`` times, or while its condition holds (both None)."""

    items: list[JsonValue] | None = None
    times: int | None = None


Outcome: TypeAlias = Result | Sleep | Iterate
