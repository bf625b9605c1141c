"""Names and the ways into values: keys of objects and indexes of lists, never attributes of Python objects.

`MISSING` stands for a name or key that does not exist; it never leaves an evaluation.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

from flume.errors import ExpressionError
from flume.expressions.errors import closest, shorten
from flume.expressions.frame import Frame, Program

MOST_NAMES = 10
"""Names that a message lists before it says how many more there are."""


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING = Missing.MISSING

Key: TypeAlias = str | int
Step: TypeAlias = Key | Program
"""A part of a path: a key that stands in the text, or an expression in square brackets."""


def step_into(value: Any, key: Any) -> Any:
    """The element of ``value`` at ``key``, or `MISSING`. An object finds a whole number by its digits: ``{"7": …}[7]``."""
    kind = type(value)
    if kind is dict:
        if type(key) is str:
            return value.get(key, MISSING)
        return value.get(str(key), MISSING) if type(key) is int else MISSING
    if kind is list or kind is tuple:
        return value[key] if type(key) is int and -len(value) <= key < len(value) else MISSING
    if isinstance(value, Mapping):
        return value.get(str(key), MISSING) if type(key) in (str, int) else MISSING
    return MISSING


def follow(value: Any, path: str) -> Any:
    """The element at a dotted path that came as text (``"author.name"``, ``"rows.0"``), or `MISSING`."""
    for part in path.split("."):
        key: Key = part
        if not isinstance(value, Mapping) and part.removeprefix("-").isdecimal() and len(part) < 10:
            key = int(part)
        value = step_into(value, key)
    return value


def path_program(name: str, keys: Sequence[Key], *, strict: bool) -> Program:
    """A name of the scope and constant keys behind it. Not ``strict``, it gives `MISSING` instead of raising."""

    def evaluate(frame: Frame) -> Any:
        value = frame.scope.get(name, MISSING)
        for key in keys:
            # The usual case is decided here, because this loop is most of what most templates do.
            value = value.get(key, MISSING) if type(value) is dict and type(key) is str else step_into(value, key)
            if value is MISSING:
                break
        if value is MISSING and strict:
            raise ExpressionError(_explain(name, frame.scope.get(name, MISSING), keys, frame.scope))
        return value

    return evaluate


def chain_program(root: Program, name: str, steps: Sequence[Step], *, strict: bool) -> Program:
    """Any expression and keys or indexes behind it; ``name`` is what messages call it. ``root`` may give `MISSING`."""

    def evaluate(frame: Frame) -> Any:
        value = start = root(frame)
        keys: list[Any] = []
        for step in steps:
            key = step(frame) if callable(step) else step
            keys.append(key)
            value = step_into(value, key)
        if value is MISSING and strict:
            shown = [_Unshown(key) if callable(step) else key for step, key in zip(steps, keys, strict=True)]
            raise ExpressionError(_explain(name, start, shown, frame.scope))
        return value

    return evaluate


class _Unshown:
    """A key that was computed: data, which messages don't show."""

    def __init__(self, key: Any) -> None:
        self.key = key


def _explain(name: str, value: Any, keys: Sequence[Any], scope: Mapping[str, object]) -> str:
    if value is MISSING:
        return f"'{shorten(name)}' is not defined; defined are: {list_names(scope, name)}"
    path = name
    remaining = iter(keys)
    key = next(remaining)
    while (inner := step_into(value, key.key if isinstance(key, _Unshown) else key)) is not MISSING:
        path += _path_part(key)
        value = inner
        key = next(remaining)
    return _explain_step(shorten(path), value, key)


def _explain_step(path: str, value: Any, key: Any) -> str:
    what = "such key" if isinstance(key, _Unshown) else f"key '{shorten(str(key))}'"
    if isinstance(value, Mapping):
        if not value:
            return f"'{path}' is an empty object and has no {what}"
        near = "" if isinstance(key, _Unshown) else str(key)
        return f"'{path}' has no {what}; its keys are: {list_names(value, near)}"
    if isinstance(value, (list, tuple)):
        what = "such index" if isinstance(key, _Unshown) else f"index {shorten(str(key))}"
        return f"'{path}' is a list of {len(value)} and has no {what}"
    if isinstance(value, str) and isinstance(key, int):
        return f"'{path}' is text and has no indexes; a slice such as [0:1] takes part of it"
    return f"'{path}' is {kind_of(value)} and has no {what}"


def _path_part(key: Any) -> str:
    if isinstance(key, _Unshown):
        return "[…]"
    return f"[{key}]" if isinstance(key, int) else f".{key}"


def list_names(names: Mapping[str, object], wanted: str = "") -> str:
    """Up to `MOST_NAMES` names for a message, the one nearest to ``wanted`` first."""
    some = [str(name) for name, _ in zip(names, range(1000), strict=False)]
    near = closest(wanted, some) if wanted else ""
    if near:
        some.remove(near)
        some.insert(0, near)
    shown = ", ".join(shorten(name) for name in some[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return (shown or "none") + (f" and {more} more" if more > 0 else "")


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "null"),
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    ((list, tuple), "a list"),
    (Mapping, "an object"),
    (datetime, "a date"),
)


def kind_of(value: Any) -> str:
    """What messages call a value: "text", "a list" …"""
    return next((name for types, name in _KINDS if isinstance(value, types)), "undefined")


def is_number(value: Any) -> bool:
    """Whether ``value`` is a number of JSON; true and false are none."""
    return type(value) is int or type(value) is float
