"""Names that must not be mixed up, as types of their own.

An *instance* is a node inside its loop items: ``fetch``, ``each[3].fetch``, ``a[3].b[0].c``. A *scope path* names the
place where nodes live: the empty string is the run itself, ``each[3]`` is item 3 of the loop ``each``. Events, keys,
logs and API paths speak of instances, never of bare node ids.
"""

from typing import NewType

RunId = NewType("RunId", str)
"""24 hexadecimal digits, rising with the time of creation."""

PipelineId = NewType("PipelineId", str)
"""24 hexadecimal digits; a pipeline keeps it when its definition changes."""

NodeId = NewType("NodeId", str)
"""A node's id in its definition: a DNS label, unique in the whole pipeline."""

Instance = NewType("Instance", str)
"""A node in its loop items, such as ``each[3].fetch``."""

ScopePath = NewType("ScopePath", str)
"""Where nodes live: ``""`` for the run, ``each[3]`` for an item of the loop ``each``."""

Millis = NewType("Millis", int)
"""A moment as milliseconds since 1970-01-01 UTC, the resolution that every store can hold."""

ROOT = ScopePath("")
"""The scope of a run itself."""


def instance_in(scope: ScopePath, node: NodeId) -> Instance:
    """The instance of ``node`` in ``scope``: ``("each[3]", "fetch")`` gives ``each[3].fetch``."""
    return Instance(f"{scope}.{node}" if scope else node)


def split_instance(instance: Instance) -> tuple[ScopePath, NodeId]:
    """The scope and the node id of an instance; the inverse of `instance_in`."""
    scope, _, node = instance.rpartition(".")
    return ScopePath(scope), NodeId(node)


def item_scope(loop: Instance, index: int) -> ScopePath:
    """The scope of one item of a loop: ``("each", 3)`` gives ``each[3]``."""
    return ScopePath(f"{loop}[{index}]")


def split_scope(scope: ScopePath) -> tuple[Instance, int]:
    """The loop's instance and the item's index of a scope other than `ROOT`; the inverse of `item_scope`."""
    loop, _, index = scope[:-1].rpartition("[")
    return Instance(loop), int(index)


def node_path(instance: Instance) -> NodeId:
    """The instance without its indexes, ending in the node id: ``each[3].fetch`` belongs to the node ``fetch``."""
    return split_instance(instance)[1]
