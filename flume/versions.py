"""What makes two definitions the same version, and what changed from one to another.

Definitions are those of `flume.document`: the flat form. What does not count is `NOT_CONTENT`: where nodes stand on the
canvas, and the state, which says how a pipeline is kept and not what it does.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import orjson

from flume.problems import join_pointer
from flume.values import JsonObject, JsonValue

NOT_CONTENT = ("layout", "state")

Identity: TypeAlias = Callable[[JsonValue], str | None]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``pointer`` is into the later definition, and into the earlier one for what was removed.

    ``move`` is a node or edge whose place among its siblings changed; before and after are its indexes.
    """

    op: Literal["add", "remove", "change", "move"]
    pointer: str
    before: JsonValue = None
    after: JsonValue = None

    def as_json(self) -> dict[str, JsonValue]:
        """``{op, pointer, before, after}``."""
        return {"op": self.op, "pointer": self.pointer, "before": self.before, "after": self.after}


def definition_hash(definition: JsonObject) -> str:
    """SHA-256 in hexadecimal over the canonical JSON of what counts; the order of keys does not."""
    return hashlib.sha256(_canonical(_content(definition))).hexdigest()


def definition_changes(before: JsonObject, after: JsonObject) -> tuple[Change, ...]:
    """What changed, in the order of the earlier definition with additions behind; empty exactly when the hashes are equal.

    Nodes and triggers are matched by id and edges by their ends, so that one more node in front is one addition.
    """
    return tuple(_object_changes(_content(before), _content(after), ""))


def _content(definition: JsonObject) -> dict[str, JsonValue]:
    return {key: value for key, value in definition.items() if key not in NOT_CONTENT}


def _canonical(value: JsonValue) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS, default=dict)


def _changes(before: JsonValue, after: JsonValue, pointer: str) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _object_changes(before, after, pointer)
    elif isinstance(before, list) and isinstance(after, list):
        identity = _identity_for(before, after)
        if identity:
            yield from _matched_changes(before, after, pointer, identity)
        else:
            yield from _list_changes(before, after, pointer)
    elif _canonical(before) != _canonical(after):
        yield Change("change", pointer, before, after)


def _object_changes(before: JsonObject, after: JsonObject, pointer: str) -> Iterator[Change]:
    for key, value in before.items():
        below = join_pointer(pointer, key)
        if key in after:
            yield from _changes(value, after[key], below)
        else:
            yield Change("remove", below, value)
    for key, value in after.items():
        if key not in before:
            yield Change("add", join_pointer(pointer, key), None, value)


def _list_changes(before: Sequence[JsonValue], after: Sequence[JsonValue], pointer: str) -> Iterator[Change]:
    shared = min(len(before), len(after))
    for index in range(shared):
        yield from _changes(before[index], after[index], join_pointer(pointer, index))
    for index in range(shared, len(before)):
        yield Change("remove", join_pointer(pointer, index), before[index])
    for index in range(shared, len(after)):
        yield Change("add", join_pointer(pointer, index), None, after[index])


def _matched_changes(
    before: Sequence[JsonValue], after: Sequence[JsonValue], pointer: str, identity: Identity
) -> Iterator[Change]:
    old = {identity(item): index for index, item in enumerate(before)}
    new = {identity(item): index for index, item in enumerate(after)}
    kept = [key for key in new if key in old]
    ranks = {key: rank for rank, key in enumerate(key for key in old if key in new)}
    for key, index in old.items():
        if key not in new:
            yield Change("remove", join_pointer(pointer, index), before[index])
            continue
        place = join_pointer(pointer, new[key])
        if kept[ranks[key]] != key:
            yield Change("move", place, index, new[key])
        yield from _changes(before[index], after[new[key]], place)
    for key, index in new.items():
        if key not in old:
            yield Change("add", join_pointer(pointer, index), None, after[index])


def _identity_for(before: Sequence[JsonValue], after: Sequence[JsonValue]) -> Identity | None:
    """What tells the items of two lists apart, when all have it and no two share it."""
    for identity in (_id_of, _ends_of):
        if all(_is_distinct([identity(item) for item in items]) for items in (before, after)):
            return identity
    return None


def _is_distinct(keys: Sequence[str | None]) -> bool:
    return None not in keys and len(set(keys)) == len(keys)


def _id_of(item: JsonValue) -> str | None:
    identity = item.get("id") if isinstance(item, Mapping) else None
    return identity if isinstance(identity, str) else None


def _ends_of(item: JsonValue) -> str | None:
    if not isinstance(item, Mapping) or "from" not in item or "to" not in item:
        return None
    return orjson.dumps([item["from"], item["to"], item.get("port", "out")]).decode()
