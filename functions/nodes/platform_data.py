"""What database nodes may not touch: the platform's own data, the server's own data, and code that the server would run.

The rule goes by names alone: a collection of Flume's in a database that is called like the platform's is refused on every server,
because a URL does not tell which server it leads to. Queries are checked as they are sent, after extended JSON was read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flume.errors import NodeError
from flume.problems import join_pointer

COLLECTIONS = frozenset(
    {
        "audit",
        "awaited_runs",
        "deleted_pipelines",
        "inbox",
        "keys",
        "logs",
        "loop_items",
        "node_types",
        "orchestrators",
        "outbox",
        "payloads",
        "pipeline_versions",
        "pipelines",
        "runs",
        "schedules",
        "schema",
    }
)
"""Where Flume keeps its data; so does every collection whose name continues one of these after a dot."""

KEY_PREFIX = "flume:"
"""How Flume's keys in Redis begin."""

_SERVERS_OWN_DATABASES = frozenset({"admin", "config", "local"})
_SERVERS_OWN_PREFIX = "system."
_CODE = frozenset({"$where", "$function", "$accumulator"})
_ENDLESS = "$changeStream"
_INTERNAL_PREFIX = "$_internal"

_TARGET_KEYS: Mapping[str, str | None] = {
    "$out": None,
    "$merge": "into",
    "$lookup": "from",
    "$graphLookup": "from",
    "$unionWith": None,
}
"""Stages that reach another collection, and the key that names it; None: the stage's value itself does."""


@dataclass(frozen=True, slots=True)
class PlatformData:
    """Refuses by a permanent `NodeError`, ``platform-data`` or ``bad-query``, that names the place.

    ``database`` is the platform's.
    """

    database: str

    def check_collection(self, database: str, collection: str, pointer: str) -> None:
        """Refuse a collection of Flume's or of the server's."""
        name = collection.partition(".")[0]
        # Servers take databases whose names differ in case for the same.
        is_platforms = database.casefold() == self.database.casefold()
        if "\0" in database or "\0" in collection:
            raise _refused(pointer, "a name can't hold the NUL character")
        if is_platforms and name in COLLECTIONS:
            hint = "keep your data in another collection or database"
            raise _refused(pointer, f"'{name}' in '{self.database}' is Flume's own; {hint}")
        if database.casefold() in _SERVERS_OWN_DATABASES or collection.startswith(_SERVERS_OWN_PREFIX):
            raise _refused(pointer, f"'{database}.{collection}' is the server's own and not for pipelines")

    def check_query(self, query: object, database: str, pointer: str) -> None:
        """Refuse a filter, projection or pipeline that, at any depth, holds code, never ends, or reaches refused collections."""
        for operator, value, place in _fields(query, pointer):
            if operator in _CODE:
                raise _bad_query(place, f"'{operator}' runs code in the server; use query operators")
            if operator == _ENDLESS or operator.startswith(_INTERNAL_PREFIX):
                raise _bad_query(place, f"'{operator}' is not for pipelines")
            if operator in _TARGET_KEYS:
                self._check_target(operator, value, database, place)

    def _check_target(self, stage: str, value: object, database: str, pointer: str) -> None:
        key = _TARGET_KEYS[stage]
        target = value.get(key) if key and isinstance(value, Mapping) else value
        match target:
            case str(collection):
                self.check_collection(database, collection, pointer)
            case {"db": str(named), "coll": str(collection)}:
                self.check_collection(named, collection, pointer)
            case {"coll": str(collection), **others} if "db" not in others:
                self.check_collection(database, collection, pointer)
            case None if stage == "$lookup":
                pass  # its documents come from its own pipeline
            case {"pipeline": list(), **others} if stage == "$unionWith" and not others:
                pass
            case _:
                raise _bad_query(pointer, f"which collection '{stage}' means is not to be seen; name it as text")


def check_key(key: str, pointer: str) -> None:
    """Refuse a key of Flume's in Redis."""
    if key.startswith(KEY_PREFIX):
        raise _refused(pointer, f"keys that begin with '{KEY_PREFIX}' are Flume's own; choose another prefix")


def _fields(value: Any, pointer: str) -> Iterator[tuple[str, Any, str]]:
    """Every key at any depth, with its value and where it stands."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            place = join_pointer(pointer, key)
            yield key, inner, place
            yield from _fields(inner, place)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _fields(inner, f"{pointer}/{index}")


def _refused(pointer: str, problem: str) -> NodeError:
    return NodeError(f"{pointer}: {problem}", code="platform-data", retryable=False)


def _bad_query(pointer: str, problem: str) -> NodeError:
    return NodeError(f"{pointer}: {problem}", code="bad-query", retryable=False)
