"""Filters that take lists and objects, but for those that call other filters and tests by name.

Each is called as ``filter(budget, value, *arguments)``; parameter names and defaults are what a template may write.
``attribute`` is a dotted path into each element."""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from flume.errors import ExpressionError
from flume.expressions.access import MISSING, kind_of
from flume.expressions.arguments import attribute_of, need_list, need_number, need_object, need_text, need_whole
from flume.expressions.budget import Budget
from flume.expressions.dates import in_utc
from flume.expressions.operators import bounded_number
from flume.expressions.rendering import as_text, is_less, to_json
from flume.values import MAX_DEPTH


def length(budget: Budget, value: Any) -> int:
    """The number of elements of a list, keys of an object or characters of a text."""
    if not isinstance(value, (list, tuple, Mapping, str)):
        raise ExpressionError(f"{kind_of(value)} has no length")
    return len(value)


def first(budget: Budget, value: Any) -> Any:
    """The first element; undefined when the list is empty."""
    elements = need_list(value)
    return elements[0] if elements else MISSING


def last(budget: Budget, value: Any) -> Any:
    """The last element; undefined when the list is empty."""
    elements = need_list(value)
    return elements[-1] if elements else MISSING


def sort(budget: Budget, value: Any, reverse: Any = False, attribute: Any = None) -> list[Any]:
    """The elements in order: numbers, texts (upper case first) or dates, not mixed."""
    keyed = _keyed(budget, value, attribute)
    budget.visit_elements(4 * len(keyed))
    keyed.sort(key=lambda pair: pair[0], reverse=bool(reverse))
    return [element for _, element in keyed]


def reverse(budget: Budget, value: Any) -> Any:
    """The list, or the text, from its end to its start."""
    if isinstance(value, str):
        budget.allow_text(len(value))
        return value[::-1]
    elements = need_list(value)
    budget.allow_elements(len(elements))
    return list(elements[::-1])


def unique(budget: Budget, value: Any, attribute: Any = None) -> list[Any]:
    """The elements without those that came before."""
    elements = need_list(value)
    budget.allow_elements(len(elements))
    budget.visit_elements(len(elements))
    found: dict[object, Any] = {}
    for element in elements:
        found.setdefault(_identity(budget, attribute_of(element, attribute)), element)
    return list(found.values())


def join(budget: Budget, value: Any, separator: Any = "", attribute: Any = None) -> str:
    """The elements as text, with the separator between them."""
    elements, between = need_list(value), need_text(separator, "a text as separator")
    budget.allow_elements(len(elements))
    budget.allow_text(len(between) * len(elements))
    texts = []
    total = 0
    for element in elements:
        text = as_text(attribute_of(element, attribute), budget)
        total += len(text)
        texts.append(text)
    budget.allow_text(total + len(between) * len(elements))
    return between.join(texts)


def total(budget: Budget, value: Any, attribute: Any = None, start: Any = 0) -> Any:
    """The sum of the numbers."""
    elements = need_list(value)
    budget.visit_elements(2 * len(elements))
    result = need_number(start)
    for element in elements:
        result = bounded_number(result + need_number(attribute_of(element, attribute)))
    return result


def least(budget: Budget, value: Any, attribute: Any = None) -> Any:
    """The element that sorts first; undefined when the list is empty."""
    keyed = _keyed(budget, value, attribute)
    return min(keyed, key=lambda pair: pair[0])[1] if keyed else MISSING


def greatest(budget: Budget, value: Any, attribute: Any = None) -> Any:
    """The element that sorts last; undefined when the list is empty."""
    keyed = _keyed(budget, value, attribute)
    return max(keyed, key=lambda pair: pair[0])[1] if keyed else MISSING


def batch(budget: Budget, value: Any, size: Any) -> list[Any]:
    """The list cut into lists of ``size`` elements, the last one maybe shorter."""
    elements, size = need_list(value), need_whole(size, "size", 1)
    # Lists of their own weigh some sixteen elements.
    budget.allow_elements(len(elements))
    budget.spend(len(elements) // size)
    return [list(elements[start : start + size]) for start in range(0, len(elements), size)]


def flatten(budget: Budget, value: Any, levels: Any = None) -> list[Any]:
    """The elements of the lists within the list in their place, on all levels or so many."""
    depth = MAX_DEPTH if levels is None else need_whole(levels, "levels")
    flat: list[Any] = []
    _flatten(budget, need_list(value), min(depth, MAX_DEPTH), flat)
    budget.allow_elements(len(flat))
    return flat


def to_list(budget: Budget, value: Any) -> list[Any]:
    """A list as it is; of an object its keys."""
    elements = list(value) if isinstance(value, Mapping) else need_list(value)
    budget.allow_elements(len(elements))
    return list(elements)


def keys(budget: Budget, value: Any) -> list[str]:
    """The keys of an object."""
    budget.allow_elements(len(need_object(value)))
    return list(value)


def values(budget: Budget, value: Any) -> list[Any]:
    """The values of an object."""
    budget.allow_elements(len(need_object(value)))
    return list(value.values())


def items(budget: Budget, value: Any) -> list[Any]:
    """The keys and values of an object as lists of two."""
    budget.allow_elements(3 * len(need_object(value)))
    return [[key, inner] for key, inner in value.items()]


def merge(budget: Budget, value: Any, other: Any) -> dict[str, Any]:
    """Both objects in one; where both have a key, ``other`` wins."""
    one, two = need_object(value), need_object(other)
    budget.allow_elements(len(one) + len(two))
    return {**one, **two}


def _keyed(budget: Budget, value: Any, attribute: Any) -> list[tuple[Any, Any]]:
    elements = need_list(value)
    budget.allow_elements(len(elements))
    keyed = [(_sort_key(attribute_of(element, attribute)), element) for element in elements]
    _check_order(budget, [key for key, _ in keyed])
    return keyed


def _sort_key(value: Any) -> Any:
    # Python has no order between dates with and without a zone.
    return in_utc(value) if isinstance(value, datetime) else value


def _check_order(budget: Budget, sort_keys: list[Any]) -> None:
    """Raise `ExpressionError` unless Python can compare them all and means the same by it as an expression does."""
    for one, other in pairwise([*sort_keys[:1], *sort_keys]):
        is_less(one, other, budget)


def _identity(budget: Budget, value: Any) -> object:
    if isinstance(value, (list, tuple, Mapping)):
        return ("json", to_json(value, budget))
    if isinstance(value, str):
        budget.spend(len(value) // 4096)
    # The kind beside the value, because 1 and true are equal in Python.
    return (isinstance(value, bool), value)


def _flatten(budget: Budget, elements: Any, levels: int, flat: list[Any]) -> None:
    budget.spend(1 + len(elements) // 16)
    for element in elements:
        if levels and isinstance(element, (list, tuple)):
            _flatten(budget, element, levels - 1, flat)
        else:
            flat.append(element)
