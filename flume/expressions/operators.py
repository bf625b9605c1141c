"""Arithmetic and the joining of text, every result bounded before it is computed.

Numbers are those of JSON: an integer fits in 64 bits, a float is finite, and true is not 1.
"""

import operator
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, TypeAlias

from flume.errors import ExpressionError
from flume.expressions.access import is_number, kind_of
from flume.expressions.budget import Budget
from flume.expressions.rendering import as_text, contains, equal, is_less
from flume.values import INT64_MAX, INT64_MIN

BinaryOperator: TypeAlias = Callable[[Any, Any, Budget], Any]


def add(left: Any, right: Any, budget: Budget) -> Any:
    """The sum of two numbers, or two texts or two lists one after the other."""
    if is_number(left) and is_number(right):
        return bounded_number(left + right)
    if isinstance(left, str) and isinstance(right, str):
        budget.allow_text(len(left) + len(right))
        return left + right
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        budget.allow_elements(len(left) + len(right))
        return [*left, *right]
    hint = "; ~ joins anything as text" if isinstance(left, str) or isinstance(right, str) else ""
    raise ExpressionError(f"can't add {kind_of(left)} and {kind_of(right)}{hint}")


def multiply(left: Any, right: Any, budget: Budget) -> Any:
    """The product of two numbers, or a text that many times."""
    if isinstance(left, str) and type(right) is int:
        budget.allow_text(len(left) * max(right, 0))
        return left * right
    return _calculate("*", operator.mul, left, right)


def power(left: Any, right: Any, budget: Budget) -> Any:
    """``left`` to the power of ``right``; what can't be a 64-bit number is refused before it is computed."""
    if type(left) is int and type(right) is int and right > 63 and abs(left) > 1:
        raise ExpressionError("the number is beyond 64 bits")
    return _calculate("**", operator.pow, left, right)


def subtract(left: Any, right: Any, budget: Budget) -> Any:
    """The difference of two numbers."""
    return _calculate("-", operator.sub, left, right)


def divide(left: Any, right: Any, budget: Budget) -> Any:
    """The quotient of two numbers, always a float."""
    return _calculate("/", operator.truediv, left, right)


def floor_divide(left: Any, right: Any, budget: Budget) -> Any:
    """The quotient of two numbers, rounded down."""
    return _calculate("//", operator.floordiv, left, right)


def modulo(left: Any, right: Any, budget: Budget) -> Any:
    """The rest of a division, with the sign of ``right``. Numbers only: text has no ``%`` formatting."""
    return _calculate("%", operator.mod, left, right)


def negative(value: Any) -> Any:
    """``-value``."""
    if not is_number(value):
        raise ExpressionError(f"'-' needs a number, not {kind_of(value)}")
    return bounded_number(-value)


def positive(value: Any) -> Any:
    """``+value``."""
    if not is_number(value):
        raise ExpressionError(f"'+' needs a number, not {kind_of(value)}")
    return value


def join_texts(values: list[Any], budget: Budget) -> str:
    """The values as text, one after the other."""
    texts = [as_text(value, budget) for value in values]
    budget.allow_text(sum(map(len, texts)))
    return "".join(texts)


def bounded_number(number: Any) -> Any:
    """``number``, unless JSON or a store can't hold it: then raise `ExpressionError`."""
    if type(number) is int:
        if not INT64_MIN <= number <= INT64_MAX:
            raise ExpressionError("the number is beyond 64 bits")
    elif type(number) is not float or not isfinite(number):
        raise ExpressionError("the result is not a finite number")
    return number


def _calculate(sign: str, function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    if not (is_number(left) and is_number(right)):
        raise ExpressionError(f"'{sign}' needs two numbers, not {kind_of(left)} and {kind_of(right)}")
    try:
        return bounded_number(function(left, right))
    except ZeroDivisionError as error:
        raise ExpressionError("division by zero") from error
    except OverflowError as error:
        raise ExpressionError("the result is not a finite number") from error


COMPARISONS: Mapping[str, BinaryOperator] = {
    "eq": equal,
    "ne": lambda left, right, budget: not equal(left, right, budget),
    "lt": is_less,
    "gt": lambda left, right, budget: is_less(right, left, budget),
    "lteq": lambda left, right, budget: not is_less(right, left, budget),
    "gteq": lambda left, right, budget: not is_less(left, right, budget),
    "in": lambda left, right, budget: contains(right, left, budget),
    "notin": lambda left, right, budget: not contains(right, left, budget),
}
"""By the names that Jinja's parser gives them."""
