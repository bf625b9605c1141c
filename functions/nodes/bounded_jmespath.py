"""JMESPath in bounds: a short hostile expression must not be able to fill the memory or hold up the process.

A chain of ``[@, @]`` doubles its input with every link. Its links share one copy, which costs nothing until something walks
or copies it: writing text, comparing, and storing the result. Each of these is paid for out of a `Budget` by the
whole size of what it walks, as is each step; a projection takes a step for each element.
"""

from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError, JMESPathTypeError
from jmespath.parser import ParsedResult
from jmespath.visitor import TreeInterpreter

from flume.errors import ExpressionError
from flume.expressions import Budget
from flume.expressions.rendering import Measure
from flume.values import JsonValue

MAX_EXPRESSION = 4096
"""Characters of one expression."""

STEPS = 200_000
"""Steps of one search: half a second at worst, enough to rewrite twenty thousand records."""

_ELEMENT_LENGTH = 4
_ESCAPED_LENGTH = 6
"""The most characters that one character takes in JSON text: ``\\u0000``."""


def search(expression: str, data: JsonValue) -> JsonValue:
    """What ``expression`` finds in ``data``; null where there is nothing. ``data`` is never changed.

    Raises `ExpressionError` for an expression that is not JMESPath, a function given the wrong type, or one out of bounds.
    """
    compiled = _compile(expression)
    try:
        return _BoundedInterpreter(Budget(STEPS)).run(compiled, data)
    except JMESPathTypeError as error:
        # The library's own text shows the value.
        expected = ", ".join(error.expected_types)
        message = f"{error.function_name}() was given a {error.actual_type}; it takes: {expected}"
        raise ExpressionError(message, source=expression) from None
    except (JMESPathError, TypeError, ValueError, OverflowError, ArithmeticError) as error:
        raise ExpressionError(_first_line(error), source=expression) from None
    except RecursionError:
        raise ExpressionError("the expression is nested too deep", source=expression) from None


@lru_cache(maxsize=256)
def _compile(expression: str) -> ParsedResult:
    if len(expression) > MAX_EXPRESSION:
        raise ExpressionError(f"longer than {MAX_EXPRESSION:,} characters")
    try:
        return jmespath.compile(expression)
    except JMESPathError as error:
        raise ExpressionError(f"not a JMESPath expression: {_first_line(error)}", source=expression) from None
    except RecursionError:
        raise ExpressionError("the expression is nested too deep", source=expression) from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(" :")


class _BoundedInterpreter(TreeInterpreter):
    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self._budget = budget

    def run(self, compiled: ParsedResult, data: JsonValue) -> JsonValue:
        result = self._measured(self.visit(compiled.parsed, data))
        if hasattr(result, "interpreter"):
            raise ExpressionError("an expression reference (&) is no result", source=compiled.expression)
        return result

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._budget.spend()
        return super().visit(node, *args, **kwargs)

    def visit_comparator(self, node: Any, value: Any) -> Any:
        operands = [self.visit(child, value) for child in node["children"]]
        if all(isinstance(operand, (list, dict)) for operand in operands):
            for operand in operands:
                self._measured(operand)
        return super().visit_comparator(_with_values(node, operands), value)

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        arguments = [self.visit(child, value) for child in node["children"]]
        self._pay_for_call(node["value"], arguments)
        return super().visit_function_expression(_with_values(node, arguments), value)

    def _pay_for_call(self, function: str, arguments: list[Any]) -> None:
        match function, arguments:
            case "to_string", [list() | dict() as argument]:
                self._budget.allow_text(self._size(argument) * _ESCAPED_LENGTH)
            case "join", [str() as separator, list() as texts]:
                self._budget.allow_text(self._size(texts) + len(separator) * len(texts))
            case "contains", [list() as subject, _]:
                self._measured(subject)
            case _:
                for argument in arguments:
                    self._counted(argument)

    def _measured(self, value: Any) -> Any:
        """The value, after its whole size was paid for: what it holds several times counts several times."""
        self._size(value)
        return value

    def _size(self, value: Any) -> int:
        """Characters of text in the value, an element counting as a few for its brackets and digits."""
        measure = Measure(self._budget)
        measure.add(value)
        self._budget.allow_text(measure.characters)
        return measure.characters + _ELEMENT_LENGTH * measure.elements

    def _counted(self, value: Any) -> Any:
        if isinstance(value, list):
            self._budget.allow_elements(len(value))
        elif isinstance(value, (str, dict)):
            self._budget.spend(len(value) // 512)
        return value


def _with_values(node: Any, values: list[Any]) -> Any:
    """The node with its children, whose values are known by now, put in as literals."""
    return {**node, "children": [{"type": "literal", "value": value, "children": []} for value in values]}
