"""Loads node types from a user's files and folders.

Files are loaded by path under module names of their own, never through ``sys.path``: a user's ``json.py`` can't take the place of
anything. Within a folder, files may import each other relatively (``from .common import ask``).
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import TYPE_CHECKING

from flume.errors import FlumeError
from flume.nodes.registry import LoadFailure, Registry
from flume.nodes.registry import registry as users_registry

if TYPE_CHECKING:
    from flume.nodes.node import Node

OUR_NAMES = frozenset({"flume", "eventing", "functions", "orchestrator", "console", "knative", "crds"})
"""Import names of this product. A user's module of one of these names is refused: it would be taken for ours."""

_PREFIX = "flume_user_nodes_"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of loading: the names of the types that were loaded, of those that are gone by it, and what failed."""

    names: tuple[str, ...]
    failures: tuple[LoadFailure, ...]
    gone: tuple[str, ...] = ()


class _UncachedLoader(SourceFileLoader):
    """Always compiles the text. Bytecode is told apart by size and whole seconds, too coarse for reloading after an edit."""

    def path_stats(self, path: str) -> dict[str, int]:
        raise OSError("bytecode caching is off for node files")


def load_path(registry: Registry, path: Path) -> Loaded:
    """Load a file, or the files and packages of a folder, whose ``registry.register`` calls then count for ``registry``.

    In a folder, names that begin with ``_`` or ``test_`` are left out. See `load_files`.
    """
    resolved = path.resolve()
    if not resolved.exists():
        registry.forget_failures(str(path))
        return Loaded((), (_report(registry, path, "no such file or folder"),))
    return load_files(registry, _files_of(resolved), covers=lambda file: file == resolved or resolved in file.parents)


def load_files(registry: Registry, files: Sequence[Path], *, covers: Callable[[Path], bool]) -> Loaded:
    """Load files in place of all that was loaded from files that ``covers`` claims, helper modules included.

    A file that fails is reported with file, line and exception, and what it provided before stays; the others are loaded.
    What was loaded from a file that is none of these, or is gone, goes. Nodes that are running keep the class with which
    they started. Never raises for what the files do.
    """
    former = [source for source in registry.sources() if covers(Path(source))]
    before = {name for name in registry.loaded_names() if registry.source_of(name) in former}
    for source in former:
        registry.forget_failures(source)
    _forget_modules(covers)
    classes: dict[str, list[type[Node]]] = {}
    failures = [failure for file in files if (failure := _load_file(registry, file, classes)) is not None]
    for source in former:
        # A file may be reached only by way of one that failed.
        if not failures or not Path(source).exists():
            classes.setdefault(source, [])
    failures += registry.replace(classes)
    after = {name: registry.source_of(name) for name in registry.loaded_names()}
    failed = {failure.source for failure in failures}
    names = tuple(name for name, source in after.items() if source in classes and source not in failed)
    return Loaded(names, tuple(failures), tuple(sorted(before - after.keys())))


def _files_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if (path / "__init__.py").exists():
        return [path / "__init__.py"]
    files = [file for file in path.glob("*.py") if not file.name.startswith(("_", "test_"))]
    packages = [file for file in path.glob("*/__init__.py") if not file.parent.name.startswith((".", "_", "test"))]
    return sorted([*files, *packages])


def _load_file(registry: Registry, file: Path, found: "dict[str, list[type[Node]]]") -> LoadFailure | None:
    """Run a file, and add the classes that it registers to those that were found, by source; why that can't be done."""
    if reason := _refusal(file):
        return _report(registry, file, reason)
    classes, error = _run_file(file)
    for node_class in classes:
        found.setdefault(str(_file_of(node_class) or file), []).append(node_class)
    if error is not None:
        return _report(registry, file, _describe_error(error, file))
    found.setdefault(str(file), [])
    return None


def _report(registry: Registry, file: Path, reason: str) -> LoadFailure:
    failure = LoadFailure("", str(file), reason)
    registry.report(failure)
    return failure


def _refusal(file: Path) -> str:
    name = _module_name(file)
    if name in OUR_NAMES:
        return f"'{name}' is the name of a part of Flume; rename the file or folder"
    if not name.isidentifier():
        return f"'{name}' can't be a module's name; use letters, digits and '_'"
    return ""


def _run_file(file: Path) -> tuple[list["type[Node]"], BaseException | None]:
    """The classes that were registered while the file ran, those of siblings it imported included.

    When the file fails, its own classes are left out. A file that a sibling imported earlier is not run twice.
    """
    parent = _parent_module(file.parent.parent if file.name == "__init__.py" else file.parent)
    name = f"{parent}.{_module_name(file)}"
    if name in sys.modules:
        return [], None
    spec = _spec(name, file)
    module = sys.modules[name] = module_from_spec(spec)
    with users_registry.collecting() as classes:
        try:
            spec.loader.exec_module(module)  # type: ignore[union-attr]
        # A user's file may raise anything while it is loaded; it must not stop the others.
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            return [each for each in classes if each.__module__ != name], error
    return classes, None


def _parent_module(folder: Path) -> str:
    """The name of a package that stands for the folder, so that relative imports find its files."""
    name = _PREFIX + sha256(str(folder).encode()).hexdigest()[:12]
    if name not in sys.modules:
        module = ModuleType(name, f"Node files in {folder}")
        module.__path__ = [str(folder)]
        sys.modules[name] = module
    return name


def _spec(name: str, file: Path) -> ModuleSpec:
    folders = [str(file.parent)] if file.name == "__init__.py" else None
    spec = spec_from_file_location(
        name, file, loader=_UncachedLoader(name, str(file)), submodule_search_locations=folders
    )
    assert spec is not None
    return spec


def _module_name(file: Path) -> str:
    return file.parent.name if file.name == "__init__.py" else file.stem


def _file_of(node_class: "type[Node]") -> Path | None:
    """The user's file that defines the class; None for a class from elsewhere."""
    module = sys.modules.get(node_class.__module__)
    file = getattr(module, "__file__", None)
    return Path(file) if file and node_class.__module__.startswith(_PREFIX) else None


def _describe_error(error: BaseException, file: Path) -> str:
    if isinstance(error, FlumeError):
        return str(error)
    if isinstance(error, SyntaxError):
        place, line, text = error.filename, error.lineno, error.msg
    else:
        frames = [frame for frame in extract_tb(error.__traceback__) if file.parent in Path(frame.filename).parents]
        place, line, text = (frames[-1].filename, frames[-1].lineno, str(error)) if frames else ("", None, str(error))
    elsewhere = f"{place}, " if place and place != str(file) else ""
    return f"{elsewhere}line {line}: {type(error).__name__}: {text}" if line else f"{type(error).__name__}: {text}"


def _forget_modules(covers: Callable[[Path], bool]) -> None:
    """Drop the user modules of the files that are covered, helper modules included."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.startswith(_PREFIX) and file and covers(Path(file)):
            del sys.modules[name]
