"""The files of a ``flume dev`` session: pipelines and custom nodes, kept in step with an orchestrator.

What is wrong with a file is told, and what was good before stays as it was.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flume.cli.documents import SUFFIXES, files_below, is_pipeline_text
from flume.cli.problem_lines import line_of
from flume.errors import ConflictError, DefinitionError
from flume.nodes.discovery import Describe, Loaded, load_files, run_all_here
from flume.source import Source, read_source, read_sources
from orchestrator.auditing import Actor
from orchestrator.service import Orchestrator
from orchestrator.store import PipelineRecord

NODE_SUFFIX = ".py"

_USES_FLUME = re.compile(r"^\s*(?:from|import)\s+flume\b", re.MULTILINE)
_REGISTERS = re.compile(r"\bregist(?:er|ry)\b")

_ACTOR = "flume dev"

Stamp = tuple[int, int, int]
"""When a file was written, its size and its inode: together they tell whether it is another one."""


@dataclass(slots=True)
class Workspace:
    """Files and folders that a person named. ``report`` is told what happens, a line at a time.

    ``describe`` picks the node files that must not run in this process. ``refresh`` is told the types that were loaded anew.
    ``pipelines`` are those that were saved from here, by file and place in the file.
    """

    orchestrator: Orchestrator
    paths: Sequence[Path]
    report: Callable[[str], None]
    describe: Describe = run_all_here
    refresh: Callable[[Iterable[str]], None] = lambda names: None
    pipelines: dict[tuple[Path, int], PipelineRecord] = field(default_factory=dict)
    _broken: set[Path] = field(default_factory=set)
    _stamps: dict[Path, Stamp] = field(default_factory=dict)

    def load_nodes(self) -> None:
        """Load all node files. This comes first, and before runs are taken up, whose nodes may be of these types."""
        self._stamps = self._present_stamps()
        files = self._node_files()
        described = self.describe(files)
        self._tell(load_files(self.orchestrator.registry, files, covers=lambda _: False, described=described))

    async def load_pipelines(self) -> None:
        """Save all pipelines."""
        for file in self._files(SUFFIXES):
            await self._save(file)

    async def update(self, changed: Iterable[Path]) -> None:
        """Take up files that were written, made or deleted."""
        files = [path for path in changed if path.suffix]
        nodes = {path.parent for path in files if path.suffix == NODE_SUFFIX}
        if nodes and await self._reload_nodes(nodes):
            # A pipeline may have waited for a type, or not fit a changed one any more.
            files = [*self._files(SUFFIXES), *(path for path in files if not path.exists())]
        for file in dict.fromkeys(path for path in files if path.suffix in SUFFIXES):
            await self._save(file) if file.exists() else self._forget(file)

    def changes(self) -> list[Path]:
        """The files that were written, made or deleted since the last call, or since `load_nodes`."""
        before, self._stamps = self._stamps, self._present_stamps()
        return sorted(path for path in {*before, *self._stamps} if before.get(path) != self._stamps.get(path))

    def owns(self, path: Path) -> bool:
        """Whether a changed file may concern this workspace."""
        return path.suffix in (*SUFFIXES, NODE_SUFFIX)

    async def _reload_nodes(self, folders: set[Path]) -> bool:
        """Load the node files of folders anew, since they may import one another; whether there are or were any."""
        files = [file for file in self._node_files() if file.parent in folders]
        described = await asyncio.to_thread(self.describe, files)
        registry = self.orchestrator.registry
        loaded = load_files(registry, files, covers=lambda file: file.parent in folders, described=described)
        self.orchestrator.plans.forget()
        self.refresh((*loaded.names, *loaded.gone))
        self._tell(loaded)
        return bool(files or loaded.gone)

    def _tell(self, loaded: Loaded) -> None:
        registry = self.orchestrator.registry
        for name in loaded.names:
            self.report(f"{shown(Path(registry.source_of(name)))}: node type {name}")
        for failure in loaded.failures:
            self.report(f"{shown(Path(failure.source))}: {failure.reason}")
            kept = [name for name in registry.loaded_names() if registry.source_of(name) == failure.source]
            if kept:
                self.report(f"{shown(Path(failure.source))}: as it was before, it stays in use: {', '.join(kept)}")
        for name in loaded.gone:
            self.report(f"node type {name} is gone")

    def _node_files(self) -> list[Path]:
        named = [path.resolve() for path in self.paths if path.is_file() and path.suffix == NODE_SUFFIX]
        return [file for file in self._files((NODE_SUFFIX,)) if file in named or _is_node_file(file)]

    def _files(self, suffixes: tuple[str, ...]) -> list[Path]:
        found: dict[Path, None] = {}
        for path in self.paths:
            resolved = path.resolve()
            if resolved.is_file() and resolved.suffix in suffixes:
                found[resolved] = None
            elif resolved.is_dir():
                found.update(dict.fromkeys(files_below(resolved, suffixes)))
        return list(found)

    def _present_stamps(self) -> dict[Path, Stamp]:
        stamps: dict[Path, Stamp] = {}
        for file in self._files((*SUFFIXES, NODE_SUFFIX)):
            try:
                status = file.stat()
            except OSError:
                # It was deleted since the folder was read.
                continue
            stamps[file] = (status.st_mtime_ns, status.st_size, status.st_ino)
        return stamps

    async def _save(self, file: Path) -> None:
        try:
            text = await asyncio.to_thread(file.read_bytes)
        except OSError as error:
            self.report(f"{shown(file)}: can't be read: {error.strerror}")
            return
        if not is_pipeline_text(text):
            return
        try:
            for place, source in enumerate(_documents(text, str(file))):
                await self._save_document(file, place, source)
        except DefinitionError as error:
            self._complain(file, error)

    async def _save_document(self, file: Path, place: int, source: Source) -> None:
        try:
            saved = await self.orchestrator.pipelines.save(source, actor=_ACTOR)
        except DefinitionError as error:
            self._complain(file, error)
            return
        except ConflictError as error:
            self.report(f"{shown(file)}: {error}" + (f"; {error.hint}" if error.hint else ""))
            return
        record = saved.record
        if record != saved.before:
            action = "pipeline.create" if saved.before is None else "pipeline.save"
            actor = Actor(_ACTOR, shown(file))
            await self.orchestrator.audit.record_pipeline(actor, action, record, before=saved.before)
        for (other, _), known in self.pipelines.items():
            if known.id == record.id and other != file and other.exists():
                self.report(
                    f"{shown(file)}: pipeline '{record.name}' is in {shown(other)} too; the file saved last counts"
                )
        self.pipelines[file, place] = record
        if saved.made_version or file in self._broken:
            self.report(f"{shown(file)}: pipeline {record.name}, version {record.version}, {record.status}")
        self._broken.discard(file)

    def _complain(self, file: Path, error: DefinitionError) -> None:
        self._broken.add(file)
        for problem in error.problems:
            self.report(line_of(problem, shown(file)))
        known = [record for (each, _), record in self.pipelines.items() if each == file]
        for record in known:
            self.report(f"{shown(file)}: version {record.version} of {record.name} stays in use")

    def _forget(self, file: Path) -> None:
        for key in [key for key in self.pipelines if key[0] == file]:
            record = self.pipelines.pop(key)
            self.report(
                f"{shown(file)} is gone; pipeline {record.name} stays until: flume delete pipeline {record.name}"
            )


def shown(file: Path) -> str:
    """A path as a person would write it: from the working folder on, if it is in there."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def _documents(text: bytes, name: str) -> list[Source]:
    """The documents of a file, with all that can be read past left to be told together with the rest."""
    try:
        return [read_source(text, name=name, tolerant=True)]
    except DefinitionError as error:
        if error.problems[0].code != "several-documents":
            raise
    return read_sources(text, name=name)


def _is_node_file(file: Path) -> bool:
    """Whether a file defines node types. Loading runs it, so that this must be plain from its text."""
    if file.name.startswith(("test_", "_", "conftest.")):
        return False
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError):
        return False
    return _USES_FLUME.search(text) is not None and _REGISTERS.search(text) is not None
