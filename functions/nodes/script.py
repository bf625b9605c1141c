"""The node type that runs a user's Python, in a process of its own and never in this one.

How it is kept there is the business of the modules beside this one: `script_process` with the programs `script_supervisor` and
`script_host`, `script_environment` for requirements, `script_failures` for what is said when there is no result.
"""

import asyncio
import json
import math
import os
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from flume.errors import NodeError
from flume.nodes import ALL_SECRETS, Node, NodeConfig, NodeInput, NodeSettings, Rendering, Result
from flume.nodes.context import LogLevel
from flume.nodes.invocation import as_json
from functions.nodes.http_headers import ScalarInput, scalar_text
from functions.nodes.script_environment import Environments
from functions.nodes.script_failures import read_answer
from functions.nodes.script_process import Bounds, Command, run_command
from functions.nodes.script_requirements import normalize_requirement
from functions.nodes.script_resources import ScriptResources
from functions.nodes.script_source import MAX_CODE, Source, read_source_file

MAX_RESULT_BYTES = 32 * 1024**2
"""Of what ``main`` returns, as JSON."""

MAX_LINES = 9_990
"""Lines that a script prints and the log takes: what an attempt may log, less a few for what is said about it."""

MAX_REQUIREMENTS = 100

_HOST = Path(__file__).with_name("script_host.py")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def _check_variables(variables: dict[str, str]) -> dict[str, str]:
    for name, value in variables.items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name!r} can't name an environment variable: letters, digits and '_', no digit first")
        if "\0" in value:
            raise ValueError(f"the value of {name} holds the NUL character")
    return variables


_Text: TypeAlias = Annotated[str, BeforeValidator(scalar_text, json_schema_input_type=ScalarInput)]
_Variables: TypeAlias = Annotated[dict[str, _Text], AfterValidator(_check_variables)]
_Requirement: TypeAlias = Annotated[str, AfterValidator(normalize_requirement)]


class Script(Node):
    """Runs Python in a process of its own: what `main(inputs)` returns is the output, what it prints goes to the log."""

    name = "script"
    category = "Utility"
    icon = "file-terminal"
    run_on = "job"
    lanes = ("job", "cpu")  # not the engine: the orchestrator's process manages no foreign code
    retryable = False  # a script says so itself, by an exception whose attribute `retryable` is True
    secrets = (ALL_SECRETS,)  # the process gets them, the script only those that its `env` names
    # Data must not choose code. An input that happens to have one of these names is data like any other.
    renderings: ClassVar[Mapping[str, Rendering]] = {
        "config.code": Rendering.VERBATIM,
        "config.file": Rendering.CONSTANT,
        "config.requirements": Rendering.CONSTANT,
    }
    Output: ClassVar[Any] = Any

    class Config(NodeConfig):
        """Either ``code`` or ``file``, a path within the working directory of the process that runs the node."""

        code: str | None = Field(default=None, min_length=1, max_length=MAX_CODE)
        file: str | None = Field(default=None, min_length=1, max_length=1000)
        requirements: list[_Requirement] = Field(default=[], max_length=MAX_REQUIREMENTS)
        resources: ScriptResources = Field(default_factory=ScriptResources)
        env: _Variables = Field(default={})

        @model_validator(mode="after")
        def _has_one(self) -> "Script.Config":
            if (self.code is None) == (self.file is None):
                raise ValueError("give either 'code' or 'file'")
            return self

    class Input(NodeInput):
        """What ``main`` is called with."""

        model_config = ConfigDict(extra="allow")

    @classmethod
    async def setup(cls, settings: NodeSettings) -> Any:
        """Environments are kept in the operator's cache, or in a folder that goes with this process."""
        if settings.cache is not None:
            return _Shared(Environments(settings.cache / "script-environments", environ=os.environ))
        folder = Path(tempfile.gettempdir(), f"flume-environments-{secrets.token_hex(8)}")
        return _Shared(Environments(folder, environ=os.environ), partial(shutil.rmtree, folder, ignore_errors=True))

    @classmethod
    async def teardown(cls, shared: Any) -> None:
        """Remove what nobody can use after this process."""
        await asyncio.to_thread(shared.clean_up)

    async def execute(self, input: Input) -> Result:
        """Run the script to its end, or until the deadline."""
        config = self.config
        source = (
            Source(config.code) if config.code else await asyncio.to_thread(read_source_file, config.file, Path.cwd())
        )
        inputs = as_json(input.model_extra or {})
        printed = _Printed(self.context.log)
        async with asyncio.timeout(self.context.remaining.total_seconds()), self._interpreter() as python:
            command = await asyncio.to_thread(self._command, python, source, inputs)
            ended = await run_command(command, printed.out, printed.err)
        printed.tell_dropped()
        answered = await asyncio.to_thread(read_answer, ended, source.name, config.resources.memory)
        if answered.traceback:
            self.context.log(answered.traceback, level="error")
        if answered.failure is not None:
            raise answered.failure
        return Result(answered.result, meta={"exitCode": ended.status, "durationMs": int(ended.duration * 1000)})

    @asynccontextmanager
    async def _interpreter(self) -> AsyncIterator[Path]:
        if not self.config.requirements:
            yield Path(sys.executable)
            return
        async with self.shared.environments.use(self.config.requirements, self._tell_detail) as python:
            yield python

    def _tell_detail(self, line: str) -> None:
        self.context.log(line, level="debug")

    def _command(self, python: Path, source: Source, inputs: object) -> Command:
        resources = self.config.resources
        cores = resources.cpu or os.cpu_count() or 1
        request = {
            "code": source.code,
            "file": source.file,
            "folder": source.folder,
            "inputs": inputs,
            "most": MAX_RESULT_BYTES,
        }
        return Command(
            [str(python), "-I", "-X", "utf8", str(_HOST)],
            {"PATH": _path(python), "LANG": "C.UTF-8", **self.config.env},
            Bounds(resources.memory, math.ceil(self.context.remaining.total_seconds() * cores) + 1),
            stdin=_encode(request),
            answers=True,
        )


def _nothing_to_clean_up() -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the scripts of this process share."""

    environments: Environments
    clean_up: Callable[[], None] = _nothing_to_clean_up


class _Printed:
    """Passes on to the log what a script prints, `MAX_LINES` at most; what comes after is only counted."""

    def __init__(self, log: Callable[[str, LogLevel], None]) -> None:
        self._log = log
        self._count = 0

    def out(self, line: str) -> None:
        """Take a line of standard output."""
        self._take(line, "info")

    def err(self, line: str) -> None:
        """Take a line of standard error."""
        self._take(line, "warning")

    def tell_dropped(self) -> None:
        """Say how much was left out, if anything was."""
        if self._count > MAX_LINES:
            self._log(f"{self._count - MAX_LINES:,} further lines that the script printed were left out", "warning")

    def _take(self, line: str, level: LogLevel) -> None:
        self._count += 1
        if self._count <= MAX_LINES:
            self._log(line, level)


def _path(python: Path) -> str:
    """The search path: the programs of the environment first, then those that this process finds."""
    return os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])


def _encode(request: object) -> bytes:
    try:
        return json.dumps(request).encode()
    except (TypeError, ValueError) as error:
        raise NodeError(f"/inputs: not JSON: {error}", code="bad-input", retryable=False) from error
