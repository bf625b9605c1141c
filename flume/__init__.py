"""Flume: durable pipelines of scale-to-zero functions.

The names below are loaded when they are first used, so that ``import flume`` costs nothing. Running nodes and pipelines in
tests is in `flume.testing`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flume.errors import DefinitionError, FlumeError
    from flume.nodes import Node, NodeConfig, NodeContext, NodeError, NodeInput, NodeOutput, registry
    from flume.pipeline import Pipeline
    from flume.problems import Problem
    from flume.validation import Validation, validate

    __version__: str

_LAZY = {
    "DefinitionError": "flume.errors",
    "FlumeError": "flume.errors",
    "Node": "flume.nodes",
    "NodeConfig": "flume.nodes",
    "NodeContext": "flume.nodes",
    "NodeError": "flume.nodes",
    "NodeInput": "flume.nodes",
    "NodeOutput": "flume.nodes",
    "Pipeline": "flume.pipeline",
    "Problem": "flume.problems",
    "Validation": "flume.validation",
    "registry": "flume.nodes",
    "validate": "flume.validation",
}

__all__ = [
    "DefinitionError",
    "FlumeError",
    "Node",
    "NodeConfig",
    "NodeContext",
    "NodeError",
    "NodeInput",
    "NodeOutput",
    "Pipeline",
    "Problem",
    "Validation",
    "__version__",
    "registry",
    "validate",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        # Here, because looking a distribution up costs more than everything else in this module.
        from importlib.metadata import version

        return version("flume")
    if name not in _LAZY:
        raise AttributeError(f"module 'flume' has no attribute '{name}'")
    return getattr(import_module(_LAZY[name]), name)
