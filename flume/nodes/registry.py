"""The node types that a process knows, by name.

Installed types are found by their entry points and imported only when they are asked for: a process that runs one type imports
one module. A type that can't be loaded is recorded in `Registry.failures` and is missing; it breaks nothing else.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from threading import RLock
from typing import TYPE_CHECKING, TypeVar

from flume.errors import ConflictError, FlumeError, NotFoundError
from flume.nodes.types import NodeType

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

    from flume.nodes.node import Node

GROUP = "flume.nodes"
"""The entry-point group of node types. An entry point's name is the type's name."""

NodeClass = TypeVar("NodeClass", bound="type[Node]")

_changing = RLock()
"""Held by whoever changes a registry or imports for one. One for all, since what is imported registers in the global one."""


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """A node type or file that could not be loaded. ``name`` is empty for a file; ``source`` says where it was looked for."""

    name: str
    source: str
    reason: str


def installed_node_types() -> "tuple[EntryPoint, ...]":
    """The entry points of all packages, those of Flume first, so that no plugin takes the place of a built-in."""
    # Here, because a process that is told its types by path never looks, and the import costs more than all of this module.
    from importlib.metadata import entry_points

    found = entry_points(group=GROUP)
    return tuple(sorted(found, key=lambda point: (_distribution(point) != "flume", _distribution(point), point.name)))


class Registry:
    """Node types by name. Safe for use from several threads: documents are checked beside the event loop."""

    def __init__(self, installed: "Callable[[], Iterable[EntryPoint]]" = tuple) -> None:
        self._find_installed = installed
        self._installed: dict[str, EntryPoint] | None = None
        self._types: dict[str, NodeType] = {}
        self._sources: dict[str, str] = {}
        self._failures: list[LoadFailure] = []
        self._collected: list[type[Node]] | None = None

    @property
    def failures(self) -> tuple[LoadFailure, ...]:
        """What could not be loaded so far, in the order in which it was tried."""
        return tuple(self._failures)

    def register(self, node_class: NodeClass) -> NodeClass:
        """Add a node class; also usable as a decorator. Registering the same class again changes nothing.

        Raises `RequestError` when the class breaks the SDK's rules, `ConflictError` when another type has its name.
        """
        if self._collected is not None:
            self._collected.append(node_class)
        else:
            self.add_class(node_class, source=f"{node_class.__module__}:{node_class.__qualname__}")
        return node_class

    def add_class(self, node_class: "type[Node]", *, source: str) -> NodeType:
        """Like `register`, for a class from ``source``, which messages and `remove` speak of."""
        # Here, because describing a class needs pydantic and a process that only looks types up does not.
        from flume.nodes.describe import describe

        present = self._types.get(getattr(node_class, "name", ""))
        if present is not None and present.implementation is node_class:
            return present
        node_type = describe(node_class)
        self.add(node_type, source=source)
        return node_type

    def add(self, node_type: NodeType, *, source: str) -> None:
        """Add a type that is described already, such as one that lives in an image. Raises `ConflictError` for a taken name."""
        with _changing:
            taken = self._sources.get(node_type.name) or self._entry_point_source(node_type)
            if taken:
                raise ConflictError(
                    f"node type '{node_type.name}' of {source} is already provided by {taken}",
                    code="duplicate-node-type",
                    hint="rename one of them",
                )
            self._types[node_type.name] = node_type
            self._sources[node_type.name] = source

    def replace(self, provided: "Mapping[str, Sequence[type[Node] | NodeType]]") -> tuple[LoadFailure, ...]:
        """Let each source, a key, provide its types in place of all it provided before; what could not be done.

        A type is given as its class, or as it was described elsewhere. A source of which a type is refused, because it breaks
        the SDK's rules or its name is taken, keeps what it had.
        """
        described: dict[str, list[NodeType]] = {}
        failures: list[LoadFailure] = []
        with _changing:
            for source, given in provided.items():
                try:
                    described[source] = self._describe_new(given, provided)
                except FlumeError as refused:
                    failures.append(LoadFailure("", source, str(refused)))
            failures += self._exchange(described)
        for failure in failures:
            self.report(failure)
        return tuple(failures)

    def remove(self, source: str) -> tuple[str, ...]:
        """Forget the types and failures that came from ``source``, and return the names of the types."""
        with _changing:
            names = self._names_of(source)
            for name in names:
                del self._types[name], self._sources[name]
            self.forget_failures(source)
            return names

    def forget_failures(self, source: str) -> None:
        """Forget that ``source`` could not be loaded: it is tried again."""
        self._failures = [failure for failure in self._failures if failure.source != source]

    def get(self, name: str) -> NodeType:
        """The type called ``name``, imported now if need be. Raises `NotFoundError` whose hint names what is near, or why not."""
        found = self._types.get(name) or self._load(name)
        if found is None:
            raise NotFoundError("node type", name, self._hint(name))
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._types or name in self._entry_points()

    def names(self) -> tuple[str, ...]:
        """All names, sorted, those of types not yet imported (and perhaps failing to) included."""
        with _changing:
            return tuple(sorted({*self._types, *self._entry_points()}))

    def types(self) -> tuple[NodeType, ...]:
        """All types, sorted by name; imports every installed one. Those that fail are left out and in `failures`."""
        found = (self._types.get(name) or self._load(name) for name in self.names())
        return tuple(node_type for node_type in found if node_type is not None)

    def loaded_names(self) -> tuple[str, ...]:
        """The names of the types that were imported so far, in that order."""
        return tuple(self._types)

    def source_of(self, name: str) -> str:
        """Where the type ``name`` came from: a module and class, a file, or an image. Empty before it was loaded."""
        return self._sources.get(name, "")

    def sources(self) -> tuple[str, ...]:
        """The sources of all loaded types and of all failures, sorted; what `remove` takes."""
        return tuple(sorted({*self._sources.values(), *(failure.source for failure in self._failures)}))

    def report(self, failure: LoadFailure) -> None:
        """Record that something could not be loaded."""
        self._failures.append(failure)

    @contextmanager
    def collecting(self) -> Iterator[list["type[Node]"]]:
        """While this is open, `register` puts classes into the list given here instead of adding them.

        That is how a user's file, whose decorators only know the one global registry, is loaded all or nothing, into any
        registry.
        """
        with _changing:
            outer, collected = self._collected, list["type[Node]"]()
            self._collected = collected
            try:
                yield collected
            finally:
                self._collected = outer

    def _exchange(self, provided: Mapping[str, Sequence[NodeType]]) -> Iterator[LoadFailure]:
        # All go before any comes, so that a type may move from one source to another.
        before = {source: [self._types[name] for name in self._names_of(source)] for source in provided}
        for source in provided:
            self.remove(source)
        for source, types in provided.items():
            try:
                self._add_all(types, source)
            except FlumeError as refused:
                self._add_all([each for each in before[source] if each.name not in self._types], source)
                yield LoadFailure("", source, str(refused))

    def _names_of(self, source: str) -> tuple[str, ...]:
        return tuple(name for name, origin in self._sources.items() if origin == source)

    def _describe_new(self, given: "Sequence[type[Node] | NodeType]", replaced: Collection[str]) -> list[NodeType]:
        """What is given as types, without the classes that are registered already and stay so."""
        from flume.nodes.describe import describe

        kept = {
            id(each.implementation)
            for name, each in self._types.items()
            if each.implementation is not None and self._sources[name] not in replaced
        }
        new = {id(each): each for each in given if id(each) not in kept}
        return [each if isinstance(each, NodeType) else describe(each) for each in new.values()]

    def _add_all(self, types: Sequence[NodeType], source: str) -> None:
        """Add all types or, when one is refused, none."""
        added: list[str] = []
        try:
            for node_type in types:
                self.add(node_type, source=source)
                added.append(node_type.name)
        except FlumeError:
            for name in added:
                del self._types[name], self._sources[name]
            raise

    def _entry_points(self) -> "dict[str, EntryPoint]":
        with _changing:
            if self._installed is None:
                known: dict[str, EntryPoint] = {}
                for point in self._find_installed():
                    self._add_entry_point(known, point)
                self._installed = known
            return self._installed

    def _add_entry_point(self, known: "dict[str, EntryPoint]", point: "EntryPoint") -> None:
        first = known.setdefault(point.name, point)
        if first.value != point.value:
            reason = f"node type '{point.name}' is already provided by {_source(first)}"
            self.report(LoadFailure(point.name, _source(point), reason))

    def _entry_point_source(self, node_type: NodeType) -> str:
        point = self._entry_points().get(node_type.name)
        if point is None or (node_type.implementation is not None and _is_named_by(point, node_type.implementation)):
            return ""
        return _source(point)

    def _load(self, name: str) -> NodeType | None:
        with _changing:
            # Another thread may have loaded it, or put it back, while this one waited.
            return self._types.get(name) or self._import(name)

    def _import(self, name: str) -> NodeType | None:
        point = self._entry_points().get(name)
        if point is None or any(failure.source == _source(point) for failure in self._failures):
            return None
        try:
            with registry.collecting():
                node_class = point.load()
            node_type = self.add_class(node_class, source=_source(point))
        # A plugin's module is foreign code that may raise anything while it is imported; one plugin must not stop the others.
        except (Exception, SystemExit) as error:
            reason = str(error) if isinstance(error, FlumeError) else f"{type(error).__name__}: {error}"
            self.report(LoadFailure(name, _source(point), reason))
            return None
        if node_type.name != name:
            self.remove(_source(point))
            self.report(
                LoadFailure(name, _source(point), f"its class is named '{node_type.name}', its entry point '{name}'")
            )
            return None
        return node_type

    def _hint(self, name: str) -> str:
        for failure in self._failures:
            if failure.name == name:
                return f"{failure.source} could not be loaded: {failure.reason}"
        near = get_close_matches(name, self.names(), n=3, cutoff=0.5)
        if near:
            return f"did you mean {' or '.join(repr(each) for each in near)}?"
        return f"known types: {', '.join(self.names()) or 'none'}"


def _distribution(point: "EntryPoint") -> str:
    return "" if point.dist is None else _name_of(point.dist)


@lru_cache(maxsize=64)
def _name_of(distribution: "Distribution") -> str:
    # Each look reads and parses all that a package says of itself, and one package may have dozens of entry points.
    return distribution.name


def _source(point: "EntryPoint") -> str:
    distribution = _distribution(point)
    return f"{point.value} ({distribution})" if distribution else point.value


def _is_named_by(point: "EntryPoint", node_class: "type[Node]") -> bool:
    return point.value.replace(" ", "") == f"{node_class.__module__}:{node_class.__qualname__}"


registry = Registry(installed_node_types)
"""The registry of the process, which users' decorators need. Everything else takes a `Registry` as an argument."""
