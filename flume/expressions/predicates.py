"""The tests behind ``is``: ``x is defined``, ``n is divisibleby 3``.

Each is called as ``test(budget, value, *arguments)``. Only ``defined`` and ``undefined`` ever see `MISSING`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from flume.expressions.access import MISSING, is_number
from flume.expressions.arguments import need_number, need_text, need_whole
from flume.expressions.budget import Budget
from flume.expressions.operators import COMPARISONS, BinaryOperator

Predicate: TypeAlias = Callable[..., bool]


def _kind(check: Callable[[Any], bool]) -> Predicate:
    def predicate(budget: Budget, value: Any) -> bool:
        return check(value)

    return predicate


def _comparison(compare: BinaryOperator) -> Predicate:
    def predicate(budget: Budget, value: Any, other: Any) -> bool:
        return bool(compare(value, other, budget))

    return predicate


def _divisible(budget: Budget, value: Any, divisor: Any) -> bool:
    return need_number(value) % need_whole(divisor, "the divisor", 1) == 0


def _empty(budget: Budget, value: Any) -> bool:
    return value is None or (isinstance(value, (str, list, tuple, Mapping)) and not value)


def _starts(budget: Budget, value: Any, text: Any) -> bool:
    budget.spend(len(need_text(text)) // 4096)
    return need_text(value).startswith(text)


def _ends(budget: Budget, value: Any, text: Any) -> bool:
    budget.spend(len(need_text(text)) // 4096)
    return need_text(value).endswith(text)


_null = _kind(lambda value: value is None)
_text = _kind(lambda value: isinstance(value, str))
_list = _kind(lambda value: isinstance(value, (list, tuple)))
_object = _kind(lambda value: isinstance(value, Mapping))

PREDICATES: Mapping[str, Predicate] = {
    "defined": _kind(lambda value: value is not MISSING),
    "undefined": _kind(lambda value: value is MISSING),
    "null": _null,
    "none": _null,
    "empty": _empty,
    "boolean": _kind(lambda value: isinstance(value, bool)),
    "true": _kind(lambda value: value is True),
    "false": _kind(lambda value: value is False),
    "number": _kind(is_number),
    "integer": _kind(lambda value: type(value) is int),
    "float": _kind(lambda value: type(value) is float),
    "string": _text,
    "text": _text,
    "list": _list,
    "sequence": _list,
    "mapping": _object,
    "object": _object,
    "date": _kind(lambda value: isinstance(value, datetime)),
    "even": lambda budget, value: need_number(value) % 2 == 0,
    "odd": lambda budget, value: need_number(value) % 2 == 1,
    "divisibleby": _divisible,
    "startingwith": _starts,
    "endingwith": _ends,
    "in": _comparison(COMPARISONS["in"]),
    "eq": _comparison(COMPARISONS["eq"]),
    "equalto": _comparison(COMPARISONS["eq"]),
    "ne": _comparison(COMPARISONS["ne"]),
    "lt": _comparison(COMPARISONS["lt"]),
    "le": _comparison(COMPARISONS["lteq"]),
    "gt": _comparison(COMPARISONS["gt"]),
    "ge": _comparison(COMPARISONS["gteq"]),
}

SEE_MISSING = frozenset({"defined", "undefined"})
"""The tests whose left side may be a name that does not exist."""
