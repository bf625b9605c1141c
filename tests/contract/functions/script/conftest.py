"""Runs scripts as nodes, and makes packages for their requirements."""

import asyncio
import os
import time
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

    async def fail_at_deadline(self, code: str, inputs: dict[str, Any] | None = None) -> NodeError:
        """How a script fails whose deadline comes when it has logged its first line, however long that took."""
        failing = asyncio.create_task(self.fail(code, inputs, seconds=3_600))
        await self.logged.wait()
        loop = asyncio.get_running_loop()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "time", lambda: time.monotonic() + 3_600)
            return await failing

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


QUICK_INSTALLER = """#!/bin/sh
# uv venv --no-project --python PYTHON PLACE
# uv pip install --python PYTHON --no-index --find-links WHEELS -- REQUIREMENT
set -e
if [ "$1" = venv ]; then
  exec "$4" -I -m venv --without-pip "$5"
fi
case "$9" in
  tiny) version=1.2 ;;
  "tiny<1.2") version=1.1 ;;
  "tiny<1.1") version=1.0 ;;
  tiny==*) version=${9#tiny==} ;;
esac
echo "installing tiny $version" >&2
while [ -e "$(dirname "$0")/on-hold" ]; do sleep 0.01; done
exec "$4" -I -m zipfile -e "$7/tiny-$version-py3-none-any.whl" "$(dirname "$4")"/../lib/python*/site-packages
"""


@pytest.fixture
def quick_installer(tmp_path: Path) -> Path:
    """A folder for PATH whose ``uv`` can install ``tiny`` alone, and does not get to it while a file ``on-hold`` is beside it.

    For tests of what is done with environments: the real installer takes four seconds of a processor where uv is missing.
    """
    folder = tmp_path / "quick-installer"
    folder.mkdir()
    (folder / "uv").write_text(QUICK_INSTALLER)
    (folder / "uv").chmod(0o755)
    return folder
