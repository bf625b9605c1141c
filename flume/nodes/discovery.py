"""Loads node types from a user's files and folders into a registry, and loads them anew.

A file whose types run outside the engine need not run in this process: what a process of its own found out about it
(`flume.nodes.elsewhere`) is registered in its place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from flume.nodes.node_files import files_of, forget_modules, run_file
from flume.nodes.registry import LoadFailure, Registry
from flume.nodes.types import NodeType

if TYPE_CHECKING:
    from flume.nodes.node import Node


@dataclass(frozen=True, slots=True)
class Described:
    """What is known of ``files`` that must not run in this process: their types by source, and what failed."""

    files: frozenset[Path] = frozenset()
    types: Mapping[str, Sequence[NodeType]] = field(default_factory=dict)
    failures: tuple[LoadFailure, ...] = ()


Describe: TypeAlias = Callable[[Sequence[Path]], Described]
"""Picks those of the files that must not run in this process, and describes their types. May take seconds."""


def run_all_here(files: Sequence[Path]) -> Described:
    """A `Describe` that picks none: tests want breakpoints and coverage, and a function runs the types it loads."""
    return Described()


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of loading: the names of the types that were loaded, of those that are gone by it, and what failed."""

    names: tuple[str, ...]
    failures: tuple[LoadFailure, ...]
    gone: tuple[str, ...] = ()


def load_path(registry: Registry, path: Path, *, describe: Describe = run_all_here) -> Loaded:
    """Load a file, or the files and packages of a folder, whose ``registry.register`` calls then count for ``registry``.

    In a folder, names that begin with ``_`` or ``test_`` are left out. See `load_files`.
    """
    resolved = path.resolve()
    if not resolved.exists():
        registry.forget_failures(str(path))
        return Loaded((), (_report(registry, str(path), "no such file or folder"),))
    files = files_of(resolved)
    return load_files(
        registry,
        files,
        covers=lambda file: file == resolved or resolved in file.parents,
        described=describe(files),
    )


def load_files(
    registry: Registry, files: Sequence[Path], *, covers: Callable[[Path], bool], described: Described = Described()
) -> Loaded:
    """Load files in place of all that was loaded from files that ``covers`` claims, helper modules included.

    A file that fails is reported with file, line and exception, and what it provided before stays; the others are loaded.
    What was loaded from a file that is none of these, or is gone, goes. Nodes that are running keep the class with which
    they started. ``described`` stands for the files it holds. Never raises for what the files do.
    """
    former = [source for source in registry.sources() if covers(Path(source))]
    before = {name for name in registry.loaded_names() if registry.source_of(name) in former}
    for source in former:
        registry.forget_failures(source)
    forget_modules(covers)
    provided, failures = _run_files(registry, [file for file in files if file not in described.files])
    for source, types in described.types.items():
        # What runs here all the same, because another file imports it, is known better.
        provided.setdefault(source, list(types))
    failures += [_report(registry, failure.source, failure.reason) for failure in described.failures]
    for source in former:
        # A file may be reached only by way of one that failed.
        if not failures or not Path(source).exists():
            provided.setdefault(source, [])
    failures += registry.replace(provided)
    after = {name: registry.source_of(name) for name in registry.loaded_names()}
    failed = {failure.source for failure in failures}
    names = tuple(name for name, source in after.items() if source in provided and source not in failed)
    return Loaded(names, tuple(failures), tuple(sorted(before - after.keys())))


def _run_files(
    registry: Registry, files: Sequence[Path]
) -> "tuple[dict[str, list[type[Node] | NodeType]], list[LoadFailure]]":
    """The classes that files register, by source, and what failed."""
    provided: dict[str, list[type[Node] | NodeType]] = {}
    failures: list[LoadFailure] = []
    for file in files:
        ran = run_file(file)
        for source, classes in ran.classes.items():
            provided.setdefault(source, []).extend(classes)
        if ran.failure:
            failures.append(_report(registry, str(file), ran.failure))
        else:
            provided.setdefault(str(file), [])
    return provided, failures


def _report(registry: Registry, source: str, reason: str) -> LoadFailure:
    failure = LoadFailure("", source, reason)
    registry.report(failure)
    return failure
