"""Runs scripts as nodes, and makes packages for their requirements."""

import asyncio
import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from flume.errors import NodeError
from flume.nodes import NodeSettings, Result
from flume.testing import NOW, run_node
from functions.nodes.script import Script


@dataclass
class Scripts:
    """Runs scripts; ``lines`` are what they logged, as (level, text), while they run and after."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    logged: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with the first line."""
    settings: NodeSettings | None = None

    async def run(
        self, code: str, inputs: dict[str, Any] | None = None, *, seconds: float = 60, **config: Any
    ) -> Result:
        """The result of a script; its code may be indented."""
        return await self.run_config({"code": dedent(code), **config}, inputs, seconds=seconds)

    async def run_config(
        self, config: dict[str, Any], inputs: dict[str, Any] | None = None, *, seconds: float = 60
    ) -> Result:
        return await run_node(
            Script,
            config,
            inputs,
            settings=self.settings,
            deadline=NOW + timedelta(seconds=seconds),
            log_sink=self._log,
        )

    def _log(self, level: str, message: str, fields: Any) -> None:
        self.lines.append((level, message))
        self.logged.set()

    async def fail(self, code: str, inputs: dict[str, Any] | None = None, **options: Any) -> NodeError:
        """How a script fails."""
        with pytest.raises(NodeError) as failed:
            await self.run(code, inputs, **options)
        return failed.value

    def texts(self, level: str) -> list[str]:
        """The logged lines of a level."""
        return [text for at, text in self.lines if at == level]


@pytest.fixture
def scripts() -> Scripts:
    """A runner of scripts with a log of its own."""
    return Scripts()


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    """Whether a process exists; a zombie does."""

    def exists(pid: int) -> bool:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return True
        return False

    return exists


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with the package ``tiny``, whose module tells its version, as 1.0, 1.1 and 1.2."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for version in ("1.0", "1.1", "1.2"):
        about = f"tiny-{version}.dist-info"
        files = {
            "tiny.py": f"version = {version!r}\n",
            f"{about}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
            f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{about}/entry_points.txt": "[console_scripts]\ntiny-says = tiny:says\n",
        }
        files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD"))
        with zipfile.ZipFile(folder / f"tiny-{version}-py3-none-any.whl", "w") as wheel:
            for name, text in files.items():
                wheel.writestr(name, text)
    return folder
