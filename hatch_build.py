"""The build hook: an installation from a checkout builds the console's scripts, also where there is no Node.

Node is not among the build's requirements. It is asked for only if the scripts are stale and no Node is at hand, so that
installing a wheel or a released archive, both of which hold the built files, needs none.
"""

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The file lies beside what it builds, and a build has nothing of the project on its path.
sys.path.insert(0, str(Path(__file__).parent / "console" / "web"))

import bundle


class ConsoleBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before each wheel, editable installation and source archive."""

    def dependencies(self) -> list[str]:
        """What the build needs beyond its own requirements: a Node, if none is there and something is to be built."""
        if bundle.is_skipped(os.environ) or bundle.is_current() or bundle.node_on_path() is not None:
            return []
        return [bundle.NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build if the built files are not of these sources. Raises `bundle.BundleError`, which ends the installation."""
        if bundle.is_skipped(os.environ):
            self.app.display_warning("FLUME_CONSOLE=skip: this Flume has no console")
            return
        if not bundle.is_current():
            self.app.display_waiting("building the console's scripts and styles")
            bundle.build()
