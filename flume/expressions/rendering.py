"""Values as text, as JSON, as a truth, and compared: what an expression does to whole values, within its budget.

A value may hold the same list many times over, so that a small one in memory is endless on paper. Whatever looks at all
of a value therefore pays for each visit, not for each object."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from flume.errors import ExpressionError
from flume.expressions.access import MISSING, is_number, kind_of
from flume.expressions.budget import MAX_TEXT, Budget
from flume.expressions.dates import in_utc, iso_text
from flume.values import MAX_DEPTH, JsonValue

CONTAINER = 4
"""Elements that an object or list counts as beside what is in it: about what it takes to visit it."""

_JSON_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS


def as_text(value: Any, budget: Budget) -> str:
    """``value`` as it stands in text: null is empty, lists and objects are JSON, a date is ISO 8601 in UTC."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if value is None:
        return ""
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if isinstance(value, datetime):
        return iso_text(value)
    return to_json(value, budget)


def to_json(value: Any, budget: Budget, *, indented: bool = False) -> str:
    """``value`` as JSON, keys in their order; ``indented`` by two spaces a level."""
    measure = Measure(budget)
    measure.add(value)
    estimate = measure.characters + (measure.elements * 2 * MAX_DEPTH if indented else measure.elements * 2)
    if estimate > MAX_TEXT:
        raise ExpressionError(f"the JSON text would be larger than {MAX_TEXT:,} characters")
    try:
        text = orjson.dumps(value, _plain, _JSON_OPTIONS | (orjson.OPT_INDENT_2 if indented else 0)).decode()
    except TypeError as error:
        raise ExpressionError(
            "the value can't be written as JSON: text that is not Unicode, or a number beyond 64 bits"
        ) from error
    # Escapes can make it longer than was measured, by a factor that is bounded.
    budget.allow_text(len(text))
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso_text(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError


class Measure:
    """Counts what a value holds when it is written out: elements with their keys, and characters of text."""

    def __init__(self, budget: Budget) -> None:
        self.elements = 0
        self.characters = 0
        self._budget = budget
        self._paid = 0

    def add(self, value: Any, depth: int = 0) -> None:
        """Count ``value``; raise `ExpressionError` when it is nested deeper than `MAX_DEPTH` or the budget is spent."""
        if isinstance(value, str):
            self.characters += len(value)
        elif isinstance(value, Mapping):
            self._descend(value.values(), depth)
            self.characters += sum(map(len, value))
        elif isinstance(value, (list, tuple)):
            self._descend(value, depth)

    def _descend(self, values: Any, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise ExpressionError(f"the value is nested deeper than {MAX_DEPTH} levels")
        self.elements += len(values) + CONTAINER
        unpaid = self.elements - self._paid
        if unpaid >= 16:
            self._paid = self.elements
            self._budget.visit_elements(unpaid)
        for inner in values:
            kind = type(inner)
            if kind is str:
                self.characters += len(inner)
            elif kind is not int and kind is not bool and kind is not float and inner is not None:
                self.add(inner, depth + 1)


def check_result(value: Any, budget: Budget) -> None:
    """Raise `ExpressionError` when a value that an expression made is too deep or too large when written out."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise ExpressionError(f"the text has {len(value):,} characters; at most {MAX_TEXT:,} are allowed")
    elif isinstance(value, (list, tuple, Mapping)):
        measure = Measure(budget)
        measure.add(value)
        if measure.characters > MAX_TEXT:
            raise ExpressionError(f"the value holds more than {MAX_TEXT:,} characters of text")
        budget.allow_text(measure.characters)


def is_true(value: JsonValue) -> bool:
    """Whether a condition holds (spec 2.2): true, a number other than 0, a list or object that is not empty.

    Text raises `ExpressionError`, because ``"false"`` and ``"0"`` would be true; so does a date.
    """
    if value is None or isinstance(value, (bool, int, float, list, tuple, Mapping)):
        return bool(value)
    hint = "; compare it, as in {{ x == 'yes' }}" if isinstance(value, str) else ""
    raise ExpressionError(f"a condition is true, false, null, a number or a list, not {kind_of(value)}{hint}")


def equal(left: Any, right: Any, budget: Budget, depth: int = 0) -> bool:
    """Whether two values are the same JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        _enter(len(left), depth, budget)
        return len(left) == len(right) and all(
            key in right and equal(inner, right[key], budget, depth + 1) for key, inner in left.items()
        )
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        _enter(len(left), depth, budget)
        return len(left) == len(right) and all(
            equal(one, other, budget, depth + 1) for one, other in zip(left, right, strict=True)
        )
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        budget.spend(len(left) // 4096)
    return bool(left == right)


def _enter(elements: int, depth: int, budget: Budget) -> None:
    if depth >= MAX_DEPTH:
        raise ExpressionError(f"the value is nested deeper than {MAX_DEPTH} levels")
    budget.spend(1 + elements // 4)


def is_less(left: Any, right: Any, budget: Budget) -> bool:
    """Whether ``left`` sorts before ``right``; only numbers, texts and dates have an order, each among their own."""
    if is_number(left) and is_number(right):
        return bool(left < right)
    if isinstance(left, str) and isinstance(right, str):
        budget.spend(min(len(left), len(right)) // 4096)
        return left < right
    if isinstance(left, datetime) and isinstance(right, datetime):
        return in_utc(left) < in_utc(right)
    hint = (
        "; the filters int and float make numbers out of text"
        if {kind_of(left), kind_of(right)} == {"text", "a number"}
        else ""
    )
    raise ExpressionError(f"{kind_of(left)} and {kind_of(right)} have no order{hint}")


def contains(container: Any, element: Any, budget: Budget) -> bool:
    """Whether a list holds the element, an object the key, or a text the text."""
    if isinstance(container, str):
        if not isinstance(element, str):
            raise ExpressionError(f"text is looked for in text, not {kind_of(element)}")
        budget.spend(len(container) // 512)
        return element in container
    if isinstance(container, (list, tuple)):
        budget.visit_elements(len(container) * 2)
        return any(equal(element, inner, budget) for inner in container)
    if isinstance(container, Mapping):
        return isinstance(element, str) and element in container
    raise ExpressionError(f"'in' needs a list, an object or text on its right, not {kind_of(container)}")


def keep_defined(value: Any, what: str) -> Any:
    """``value``, unless it is `MISSING`: then raise `ExpressionError` saying that ``what`` gave nothing."""
    if value is MISSING:
        raise ExpressionError(f"{what} gives nothing for an empty list; default(…) gives a value for that case")
    return value
