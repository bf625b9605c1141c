"""What filters, tests and functions ask of the values they are given."""

from collections.abc import Mapping, Sequence
from typing import Any

from flume.errors import ExpressionError
from flume.expressions.access import MISSING, follow, is_number, kind_of
from flume.expressions.errors import shorten


def need_text(value: Any, what: str = "text") -> str:
    """``value`` when it is text; raise `ExpressionError` naming ``what`` is needed otherwise."""
    if not isinstance(value, str):
        raise ExpressionError(f"{what} is needed, not {kind_of(value)}")
    return value


def need_number(value: Any, what: str = "a number") -> int | float:
    """``value`` when it is a number; true and false are none."""
    if not is_number(value):
        raise ExpressionError(f"{what} is needed, not {kind_of(value)}")
    return value  # type: ignore[no-any-return]


def need_whole(value: Any, what: str, least: int = 0) -> int:
    """``value`` when it is a whole number of at least ``least``."""
    if type(value) is not int or value < least:
        raise ExpressionError(f"{what} is a whole number of at least {least}")
    return value


def need_list(value: Any) -> Sequence[Any]:
    """``value`` when it is a list."""
    if not isinstance(value, (list, tuple)):
        hint = "; the filters keys, values and items make lists of an object" if isinstance(value, Mapping) else ""
        raise ExpressionError(f"a list is needed, not {kind_of(value)}{hint}")
    return value


def need_object(value: Any) -> Mapping[str, Any]:
    """``value`` when it is an object."""
    if not isinstance(value, Mapping):
        raise ExpressionError(f"an object is needed, not {kind_of(value)}")
    return value


def attribute_of(element: Any, attribute: str | None) -> Any:
    """The element itself, or what is at the dotted path ``attribute`` in it; raise `ExpressionError` when there is nothing."""
    if attribute is None:
        return element
    value = follow(element, need_text(attribute, "the name of an attribute"))
    if value is MISSING:
        raise ExpressionError(
            f"an element of the list has no '{shorten(attribute)}'; default=… gives a value in map(…)"
        )
    return value
