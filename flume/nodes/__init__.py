"""The node SDK: what a node's author imports.

Names that need pydantic are loaded on first use: the plan reads `flume.nodes.types` alone, and a function process counts the
milliseconds of its start.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from flume.errors import NodeError
from flume.nodes.outcomes import Iterate, Result, Sleep
from flume.nodes.registry import Registry, registry
from flume.nodes.types import ALL_SECRETS, Rendering, Role

if TYPE_CHECKING:
    from flume.nodes.context import NodeContext
    from flume.nodes.node import Node, NodeConfig, NodeInput, NodeOutput, NodeSettings

_LAZY = {
    "Node": "node",
    "NodeConfig": "node",
    "NodeContext": "context",
    "NodeInput": "node",
    "NodeOutput": "node",
    "NodeSettings": "node",
}

__all__ = [
    "ALL_SECRETS",
    "Iterate",
    "Node",
    "NodeConfig",
    "NodeContext",
    "NodeError",
    "NodeInput",
    "NodeOutput",
    "NodeSettings",
    "Registry",
    "Rendering",
    "Result",
    "Role",
    "Sleep",
    "registry",
]


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'flume.nodes' has no attribute '{name}'")
    return getattr(import_module(f"flume.nodes.{_LAZY[name]}"), name)
