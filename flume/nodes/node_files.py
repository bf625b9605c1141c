"""Runs a user's node file and finds the classes that it registers.

Files are loaded by path under module names of their own, never through ``sys.path``: a user's ``json.py`` can't take the place of
anything. Within a folder, files may import each other relatively (``from .common import ask``).
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import TYPE_CHECKING

from flume.errors import FlumeError
from flume.nodes.registry import registry as users_registry

if TYPE_CHECKING:
    from flume.nodes.node import Node

OUR_NAMES = frozenset({"flume", "eventing", "functions", "orchestrator", "console", "knative", "crds"})
"""Import names of this product. A user's module of one of these names is refused: it would be taken for ours."""

_PREFIX = "flume_user_nodes_"


@dataclass(frozen=True, slots=True)
class Ran:
    """What running a file gave: the classes that were registered meanwhile, by the file that defines them.

    ``failure`` says why the file could not be run; its own classes are left out then. Empty: it could.
    """

    classes: "Mapping[str, Sequence[type[Node]]]"
    failure: str = ""


class _UncachedLoader(SourceFileLoader):
    """Always compiles the text. Bytecode is told apart by size and whole seconds, too coarse for reloading after an edit."""

    def path_stats(self, path: str) -> dict[str, int]:
        raise OSError("bytecode caching is off for node files")


class _NodeFileFinder:
    """Finds what node files import relatively: by a fresh look into the folder, to be loaded without bytecode like themselves."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Where a module of a node file's package is. None for all others, and for what is no Python file."""
        if not name.startswith(_PREFIX):
            return None
        found = (FileFinder(folder, (_UncachedLoader, SOURCE_SUFFIXES)).find_spec(name) for folder in path or ())
        return next((spec for spec in found if spec and spec.loader), None)


def files_of(path: Path) -> list[Path]:
    """The node files that a file or folder stands for; names that begin with ``_`` or ``test_`` are left out of folders."""
    if path.is_file():
        return [path]
    if (path / "__init__.py").exists():
        return [path / "__init__.py"]
    files = [file for file in path.glob("*.py") if not file.name.startswith(("_", "test_"))]
    packages = [file for file in path.glob("*/__init__.py") if not file.parent.name.startswith((".", "_", "test"))]
    return sorted([*files, *packages])


def run_file(file: Path) -> Ran:
    """Run a file, unless a sibling imported it earlier: then there is nothing new. Never raises for what the file does."""
    if reason := _refusal(file):
        return Ran({}, reason)
    classes, error = _run(file)
    by_source: dict[str, list[type[Node]]] = {}
    for node_class in classes:
        by_source.setdefault(str(_file_of(node_class) or file), []).append(node_class)
    return Ran(by_source, "" if error is None else _describe_error(error, file))


def forget_modules(covers: Callable[[Path], bool]) -> None:
    """Drop the modules of the files that are covered, helper modules included, so that they run anew."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.startswith(_PREFIX) and file and covers(Path(file)):
            del sys.modules[name]


def _refusal(file: Path) -> str:
    name = _module_name(file)
    if name in OUR_NAMES:
        return f"'{name}' is the name of a part of Flume; rename the file or folder"
    if not name.isidentifier():
        return f"'{name}' can't be a module's name; use letters, digits and '_'"
    return ""


def _run(file: Path) -> tuple[list["type[Node]"], BaseException | None]:
    """The classes that were registered while the file ran, those of siblings it imported included."""
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
    if _NodeFileFinder not in sys.meta_path:
        # Imports know no other place for a loader of one's own. It claims the names of node files alone.
        sys.meta_path.insert(0, _NodeFileFinder)
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
