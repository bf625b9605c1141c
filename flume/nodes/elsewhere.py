"""Node files whose types run outside the engine, described by a process of their own.

So a node that imports a heavy library neither slows nor breaks the process that only has to know what its types take and give.
Which files these are is told by their text (`flume.nodes.file_lanes`). All types of such a file run elsewhere: one that the
engine would have to run is refused.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from os import killpg
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TypeAlias

import orjson

from flume.errors import RequestError
from flume.nodes.descriptions import read_description
from flume.nodes.discovery import Described
from flume.nodes.file_lanes import lane_elsewhere
from flume.nodes.registry import LoadFailure
from flume.nodes.types import NodeType
from flume.pipeline import Lane
from flume.values import JsonObject

LIMIT_S = 60.0
"""How long the files of one process may take to run, all together. A large library takes seconds, on a cold disk many."""

Account: TypeAlias = JsonObject
"""What `flume.nodes.describing` tells of one file."""

_PARTS = {"types": ("source", "description"), "failures": ("source", "reason")}
"""The lists that an account holds, and what is in their entries."""


@dataclass(frozen=True, slots=True)
class Describer:
    """Starts processes that describe node files. ``environment`` is theirs: nothing in it is a secret.

    ``describe`` is a `flume.nodes.discovery.Describe`. It blocks for as long as the files take; call it beside an event loop.
    """

    environment: Mapping[str, str] = field(repr=False)
    limit_s: float = LIMIT_S

    def describe(self, files: Sequence[Path]) -> Described:
        """What is known of those of the files whose types run elsewhere. Never raises for what the files do."""
        lanes = {file: lane for file in files if (lane := lane_elsewhere(file))}
        others = {str(file) for file in files if file not in lanes}
        types: dict[str, list[NodeType]] = {str(file): [] for file in lanes}
        failures: list[LoadFailure] = []
        for file, account in self._ask([*lanes]):
            for source, told in _told(account, lanes[file]):
                if source in others:
                    # It was imported here, and is loaded in its own way by whoever asks.
                    continue
                if isinstance(told, str):
                    failures.append(LoadFailure("", source, told))
                elif told not in types.setdefault(source, []):
                    types[source].append(told)
        failed = {failure.source for failure in failures}
        fine = {source: found for source, found in types.items() if source not in failed}
        return Described(frozenset(lanes), fine, tuple(failures))

    def _ask(self, files: Sequence[Path]) -> Iterator[tuple[Path, Account]]:
        """Each file with what is told of it. Only a file with which a process began is blamed for that it never told of it."""
        while files:
            accounts, end = self._run(files)
            if not accounts:
                accounts = [{"types": [], "failures": [{"source": str(files[0]), "reason": end}]}]
            yield from zip(files, accounts, strict=False)
            files = files[len(accounts) :]

    def _run(self, files: Sequence[Path]) -> tuple[list[Account], str]:
        """The accounts of one process, in order, as far as it came; and how it ended."""
        seconds = str(int(self.limit_s) + 1)
        options = ("-P", "-u", "-X", "faulthandler")
        command = [sys.executable, *options, "-m", "flume.nodes.describing", seconds, *map(str, files)]
        # A file and not a pipe: what a node file leaves running may hold that open.
        with TemporaryFile() as lines:
            try:
                end = self._wait(command, lines)
            except OSError as error:
                return [], f"the process that describes it can't be started: {error}"
            lines.seek(0)
            return list(_read(lines)), end

    def _wait(self, command: Sequence[str], output: IO[bytes]) -> str:
        """Run a command to its end or as long as it may, and say how it ended; nothing that it started is left."""
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            env=dict(self.environment),
            start_new_session=True,
        )
        try:
            return _end_of(process.wait(self.limit_s))
        except subprocess.TimeoutExpired:
            return (
                f"importing it took longer than {self.limit_s:g} s; import what is slow in setup or execute, "
                "and not with the file"
            )
        finally:
            with suppress(ProcessLookupError):
                killpg(process.pid, signal.SIGKILL)
            process.wait()


def _read(lines: IO[bytes]) -> Iterator[Account]:
    """The accounts up to a line that is not whole, or that a file spoiled or wrote itself."""
    for line in lines:
        try:
            account = orjson.loads(line)
        except orjson.JSONDecodeError:
            return
        if not _is_account(account):
            return
        yield account


def _is_account(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(part), list) and all(_has(entry, names) for entry in value[part])
        for part, names in _PARTS.items()
    )


def _has(entry: object, names: Sequence[str]) -> bool:
    """Whether an entry has these names. All are texts but the description, which has a check of its own."""
    return isinstance(entry, dict) and all(
        isinstance(entry.get(name), dict if name == "description" else str) for name in names
    )


def _told(account: Account, lane: str) -> Iterator[tuple[str, NodeType | str]]:
    """Sources, each with a type that it provides or with why it can't be used."""
    for failure in account["failures"]:
        yield failure["source"], failure["reason"]
    for each in account["types"]:
        try:
            yield each["source"], _fit(read_description(each["description"]), lane)
        except RequestError as refused:
            yield each["source"], str(refused)


def _end_of(code: int) -> str:
    how = f"died: {signal.strsignal(-code)}" if code < 0 else f"ended with exit code {code}"
    return f"the process that imported it {how}; what it wrote is on standard error"


def _fit(node_type: NodeType, lane: str) -> NodeType:
    """The type without the lane that it can't have. Raises `RequestError` for one that needs the engine."""
    if node_type.run_on is Lane.ENGINE:
        raise RequestError(
            f"node type '{node_type.name}' runs in the engine, but not all of its file does ({lane}); "
            "give it run_on too, or move it to a file that imports none of the others"
        )
    if node_type.ports is None:
        raise RequestError(
            f"the ports of node type '{node_type.name}' are made by a function, which can only be called where the node "
            'runs; name all that there may be, as in ports = ("yes", "no")'
        )
    return replace(node_type, lanes=tuple(each for each in node_type.lanes if each is not Lane.ENGINE))
