"""How commands load the files of custom nodes: what runs outside the engine is described by a process of its own.

That process sees none of Flume's settings, secrets and keys: all that it does is to run the files once.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from flume.cli.settings import setting_names
from flume.nodes.discovery import load_path
from flume.nodes.elsewhere import Describer
from flume.nodes.registry import Registry, installed_node_types
from flume.secret_values import SECRET_PREFIX
from functions.environment import FUNCTION_KEY


def make_describer() -> Describer:
    """What describes node files whose types run outside the engine."""
    return Describer(without_own(os.environ))


def without_own(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what is Flume's own business: settings, secrets and the key of functions."""
    ours = setting_names() | {FUNCTION_KEY}
    return {name: value for name, value in environment.items() if not (name in ours or name.startswith(SECRET_PREFIX))}


def make_registry(node_paths: Sequence[Path]) -> Registry:
    """Built-in and installed node types and those of files and folders; what can't be loaded is in ``failures``."""
    registry = Registry(installed_node_types)
    describer = make_describer()
    for path in node_paths:
        load_path(registry, path, describe=describer.describe)
    return registry
