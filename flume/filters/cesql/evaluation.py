"""Makes a function of a tree, which tells what an event's attributes give, and pays for it as it goes.

The first error ends the evaluation: an expression that met one never matches, so there is nothing to be had from going on.
AND and OR look at their right side only if it matters, and then an error there is none.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias, assert_never

from flume.errors import ExpressionError
from flume.filters.cesql.patterns import Pattern
from flume.filters.cesql.scope import Scope
from flume.filters.cesql.tree import (
    COMPARISONS,
    LOGIC,
    Attribute,
    Call,
    Chain,
    Exists,
    In,
    Like,
    Literal,
    Matching,
    Tree,
    Unary,
)
from flume.filters.cesql.values import Value, bounded, cast_like, to_boolean, to_integer, to_text

Evaluate: TypeAlias = Callable[[Scope], Value]
"""The value of an expression for an event; raises `flume.errors.ExpressionError`, also when that takes too much."""


def compile_tree(tree: Tree) -> Evaluate:
    """The function that a tree stands for."""
    match tree:
        case Literal(value):
            return lambda scope: value
        case Attribute(name):
            return lambda scope: _look_up(scope, name)
        case Exists(name):
            return lambda scope: name in scope.attributes
        case Unary():
            return _unary(tree)
        case Matching():
            return _matching(tree)
        case Chain():
            return _logic(tree) if tree.steps[0][0] in LOGIC else _calculation(tree)
        case Call():
            return _call(tree)
        case _:
            assert_never(tree)


def result_type(tree: Tree) -> type[Value] | None:
    """The type that an expression gives whatever the event, or None if it depends on the event."""
    match tree:
        case Literal(value):
            return type(value)
        case Attribute():
            return None
        case Exists() | Matching():
            return bool
        case Unary(operator):
            return bool if operator == "NOT" else int
        case Chain(_, steps):
            return bool if steps[0][0] in LOGIC + COMPARISONS else int
        case Call(function):
            return function.returns
        case _:
            assert_never(tree)


def _look_up(scope: Scope, name: str) -> Value:
    try:
        return _paid(scope, scope.attributes[name])
    except KeyError:
        raise ExpressionError(f"the event has no attribute '{name}'") from None


def _paid(scope: Scope, value: Value) -> Value:
    scope.spend_on_text(len(value) if isinstance(value, str) else 0)
    return value


def _unary(tree: Unary) -> Evaluate:
    operand = compile_tree(tree.operand)
    if tree.operator == "NOT":
        return lambda scope: not to_boolean(operand(scope))
    return lambda scope: bounded(-to_integer(operand(scope)))


def _matching(tree: Matching) -> Evaluate:
    operand = compile_tree(tree.operand)
    tests = [_test(test) for test in tree.tests]

    def evaluate(scope: Scope) -> Value:
        value = operand(scope)
        for test in tests:
            value = test(value, scope)
        return value

    return evaluate


def _test(test: Like | In) -> Callable[[Value, Scope], bool]:
    match test:
        case Like(pattern, negated):
            return lambda value, scope: _fits(to_text(value), pattern, scope) != negated
        case In(members, negated):
            compiled = [compile_tree(member) for member in members]
            return lambda value, scope: _is_among(value, compiled, scope) != negated
        case _:
            assert_never(test)


def _fits(text: str, pattern: Pattern, scope: Scope) -> bool:
    scope.spend(pattern.steps(text))
    return pattern.matches(text)


def _is_among(value: Value, members: list[Evaluate], scope: Scope) -> bool:
    scope.spend(len(members))
    return any(cast_like(member(scope), value) == value for member in members)


def _logic(tree: Chain) -> Evaluate:
    first = compile_tree(tree.first)
    steps = [(operator, compile_tree(operand)) for operator, operand in tree.steps]

    def evaluate(scope: Scope) -> bool:
        scope.spend(len(steps))
        value = to_boolean(first(scope))
        for operator, operand in steps:
            if operator == "XOR":
                value = value != to_boolean(operand(scope))
            elif value == (operator == "AND"):
                value = to_boolean(operand(scope))
        return value

    return evaluate


def _calculation(tree: Chain) -> Evaluate:
    first = compile_tree(tree.first)
    steps = [(_OPERATORS[operator], compile_tree(operand)) for operator, operand in tree.steps]

    def evaluate(scope: Scope) -> Value:
        scope.spend(len(steps))
        value = first(scope)
        for operator, operand in steps:
            value = operator(value, operand(scope))
        return value

    return evaluate


def _call(tree: Call) -> Evaluate:
    call = tree.function.call
    arguments = [(tree.function.cast(index), compile_tree(each)) for index, each in enumerate(tree.arguments)]
    return lambda scope: _paid(scope, call(*[cast(argument(scope)) for cast, argument in arguments]))


def _equal(left: Value, right: Value) -> bool:
    return cast_like(left, right) == right


def _divide(dividend: int, divisor: int) -> int:
    """Rounded towards zero, where Python's own division rounds down."""
    if divisor == 0:
        raise ExpressionError("division by zero")
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def _on_integers(operator: Callable[[int, int], int]) -> Callable[[Value, Value], Value]:
    return lambda left, right: bounded(operator(to_integer(left), to_integer(right)))


def _comparing(operator: Callable[[int, int], bool]) -> Callable[[Value, Value], Value]:
    return lambda left, right: operator(to_integer(left), to_integer(right))


_OPERATORS: Mapping[str, Callable[[Value, Value], Value]] = {
    "=": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<>": lambda left, right: not _equal(left, right),
    "<": _comparing(lambda left, right: left < right),
    "<=": _comparing(lambda left, right: left <= right),
    ">": _comparing(lambda left, right: left > right),
    ">=": _comparing(lambda left, right: left >= right),
    "+": _on_integers(lambda left, right: left + right),
    "-": _on_integers(lambda left, right: left - right),
    "*": _on_integers(lambda left, right: left * right),
    "/": _on_integers(_divide),
    "%": _on_integers(lambda left, right: left - right * _divide(left, right)),
}
