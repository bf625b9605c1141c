"""Turns a checked tree into closures that evaluate it. Done once for each template, when it is first evaluated.

An expression is translated *strictly*, so that a name which does not exist is an error, or *leniently*, so that it
gives `MISSING`: for the left side of ``default`` and ``is defined``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from jinja2 import nodes

from flume.errors import ExpressionError
from flume.expressions import operators
from flume.expressions.access import MISSING, Step, chain_program, kind_of, path_program
from flume.expressions.callables import FILTERS, FUNCTIONS
from flume.expressions.checking import chain_of, keywords_of
from flume.expressions.frame import Frame, Program
from flume.expressions.operators import COMPARISONS, BinaryOperator
from flume.expressions.predicates import PREDICATES, SEE_MISSING
from flume.expressions.rendering import check_result, keep_defined
from flume.expressions.secrets import SECRETS, secret_program

_BINARY: Mapping[type[nodes.Expr], BinaryOperator] = {
    nodes.Add: operators.add,
    nodes.Sub: operators.subtract,
    nodes.Mul: operators.multiply,
    nodes.Div: operators.divide,
    nodes.FloorDiv: operators.floor_divide,
    nodes.Mod: operators.modulo,
    nodes.Pow: operators.power,
}


class Translator:
    """Translates expressions of one template; ``assigned`` are the names that the template itself sets."""

    def __init__(self, assigned: frozenset[str]) -> None:
        self._assigned = assigned
        self._translations: Mapping[type[nodes.Node], Callable[[Any], Program]] = {
            nodes.Const: self._constant,
            nodes.List: self._list,
            nodes.Tuple: self._list,
            nodes.Dict: self._object,
            nodes.Neg: lambda node: self._unary(operators.negative, node),
            nodes.Pos: lambda node: self._unary(operators.positive, node),
            nodes.Not: lambda node: self._unary(lambda value: not value, node),
            nodes.And: self._and,
            nodes.Or: self._or,
            nodes.Compare: self._compare,
            nodes.Concat: self._concat,
            nodes.Test: self._test,
            nodes.Call: self._call,
            **{kind: self._binary for kind in _BINARY},
        }

    def whole(self, node: nodes.Node) -> Program:
        """A complete expression: pays for its size at each evaluation, and bounds what it gives."""
        expression = cast(nodes.Expr, node)
        program = self.strict(expression)
        start, steps = chain_of(expression)
        if isinstance(start, nodes.Name) and not any(isinstance(step, nodes.Node) for step in steps):
            return program
        size = sum(1 for _ in expression.find_all(nodes.Expr)) + 1

        def evaluate(frame: Frame) -> Any:
            frame.budget.spend(size)
            value = program(frame)
            check_result(value, frame.budget)
            return value

        return evaluate

    def strict(self, node: nodes.Expr) -> Program:
        """The program of an expression, in which what does not exist is an `ExpressionError`."""
        return self._translate(node, strict=True)

    def lenient(self, node: nodes.Expr) -> Program:
        """The same, but it gives `MISSING` where the expression's own path leads nowhere."""
        return self._translate(node, strict=False)

    def _translate(self, node: nodes.Expr, *, strict: bool) -> Program:
        if isinstance(node, (nodes.Name, nodes.Getattr, nodes.Getitem)):
            return self._chain(node, strict)
        if isinstance(node, nodes.Filter):
            return self._filter(node, strict)
        if isinstance(node, nodes.CondExpr):
            return self._condition(node, strict)
        return self._translations[type(node)](node)

    def _chain(self, node: nodes.Expr, strict: bool) -> Program:
        start, parts = chain_of(node)
        if isinstance(start, nodes.Name):
            return self._named_chain(start.name, parts, strict)
        steps = [self.strict(part) if isinstance(part, nodes.Expr) else part for part in parts]
        root = self._slice(start, strict) if isinstance(start, nodes.Getitem) else self._translate(start, strict=strict)
        return chain_program(root, "(…)", steps, strict=strict) if steps else root

    def _named_chain(self, name: str, parts: Sequence[str | int | nodes.Expr], strict: bool) -> Program:
        if name == SECRETS:
            return secret_program(str(parts[0]), strict=strict)
        local = name in self._assigned
        constants = [part for part in parts if not isinstance(part, nodes.Expr)]
        if name != "null" and not local and len(constants) == len(parts):
            return path_program(name, constants, strict=strict)
        steps: list[Step] = [self.strict(part) if isinstance(part, nodes.Expr) else part for part in parts]
        if name == "null" and not steps:
            return lambda frame: None
        return chain_program(_root(name, local), name, steps, strict=strict)

    def _slice(self, node: nodes.Getitem, strict: bool) -> Program:
        value = self._translate(node.node, strict=strict)
        part = cast(nodes.Slice, node.arg)
        bounds = [None if bound is None else self.strict(bound) for bound in (part.start, part.stop, part.step)]

        def evaluate(frame: Frame) -> Any:
            return _sliced(value(frame), [None if bound is None else bound(frame) for bound in bounds], frame)

        return evaluate

    def _filter(self, node: nodes.Filter, strict: bool) -> Program:
        if node.name in ("default", "d"):
            return self._default(node, strict)
        function, name = FILTERS[node.name], f"filter '{node.name}'"
        value = self._translate(cast(nodes.Expr, node.node), strict=strict)
        arguments, keywords = self._arguments(node)

        def evaluate(frame: Frame) -> Any:
            filtered = value(frame)
            if filtered is MISSING:
                return MISSING
            given = [argument(frame) for argument in arguments]
            named = {key: program(frame) for key, program in keywords}
            try:
                result = function(frame.budget, filtered, *given, **named)
                return keep_defined(result, "it") if strict else result
            except ExpressionError as error:
                raise ExpressionError(f"{name}: {error.reason}") from error

        return evaluate

    def _default(self, node: nodes.Filter, strict: bool) -> Program:
        value = self.lenient(cast(nodes.Expr, node.node))
        keywords = {keyword.key: keyword.value for keyword in keywords_of(node)}
        given = [*node.args, *[None] * 2]
        fallback = self._translate(given[0] or keywords.get("default_value") or nodes.Const(""), strict=strict)
        also_empty = self.strict(given[1] or keywords.get("boolean") or nodes.Const(False))

        def evaluate(frame: Frame) -> Any:
            found = value(frame)
            return fallback(frame) if found is MISSING or (not found and also_empty(frame)) else found

        return evaluate

    def _condition(self, node: nodes.CondExpr, strict: bool) -> Program:
        test = self.strict(node.test)
        chosen = self._translate(node.expr1, strict=strict)
        otherwise = self._translate(node.expr2 or nodes.Const(None), strict=strict)
        return lambda frame: chosen(frame) if test(frame) else otherwise(frame)

    def _constant(self, node: nodes.Const) -> Program:
        value = node.value
        return lambda frame: value

    def _list(self, node: nodes.List | nodes.Tuple) -> Program:
        items = [self.strict(item) for item in node.items]
        return lambda frame: [item(frame) for item in items]

    def _object(self, node: nodes.Dict) -> Program:
        pairs = [(self.strict(pair.key), self.strict(pair.value)) for pair in node.items]
        return lambda frame: {_object_key(key(frame)): value(frame) for key, value in pairs}

    def _unary(self, function: Callable[[Any], Any], node: nodes.UnaryExpr) -> Program:
        operand = self.strict(node.node)
        return lambda frame: function(operand(frame))

    def _binary(self, node: nodes.BinExpr) -> Program:
        function, left, right = _BINARY[type(node)], self.strict(node.left), self.strict(node.right)
        return lambda frame: function(left(frame), right(frame), frame.budget)

    def _and(self, node: nodes.And) -> Program:
        left, right = self.strict(node.left), self.strict(node.right)
        return lambda frame: left(frame) and right(frame)

    def _or(self, node: nodes.Or) -> Program:
        left, right = self.strict(node.left), self.strict(node.right)
        return lambda frame: left(frame) or right(frame)

    def _compare(self, node: nodes.Compare) -> Program:
        first = self.strict(node.expr)
        comparisons = [(COMPARISONS[operand.op], self.strict(operand.expr)) for operand in node.ops]

        def evaluate(frame: Frame) -> bool:
            left = first(frame)
            for compare, program in comparisons:
                right = program(frame)
                if not compare(left, right, frame.budget):
                    return False
                left = right
            return True

        return evaluate

    def _concat(self, node: nodes.Concat) -> Program:
        parts = [self.strict(part) for part in node.nodes]
        return lambda frame: operators.join_texts([part(frame) for part in parts], frame.budget)

    def _test(self, node: nodes.Test) -> Program:
        predicate, name = PREDICATES[node.name], node.name
        value = self._translate(node.node, strict=name not in SEE_MISSING)
        arguments, keywords = self._arguments(node)

        def evaluate(frame: Frame) -> bool:
            tested = value(frame)
            given = [argument(frame) for argument in arguments]
            named = {key: program(frame) for key, program in keywords}
            try:
                return predicate(frame.budget, tested, *given, **named)
            except ExpressionError as error:
                raise ExpressionError(f"test '{name}': {error.reason}") from error

        return evaluate

    def _call(self, node: nodes.Call) -> Program:
        name = node.node.name  # type: ignore[attr-defined]
        function = FUNCTIONS[name]
        arguments, keywords = self._arguments(node)

        def evaluate(frame: Frame) -> Any:
            given = [argument(frame) for argument in arguments]
            named = {key: program(frame) for key, program in keywords}
            try:
                return function(frame.budget, *given, **named)
            except ExpressionError as error:
                raise ExpressionError(f"{name}(): {error.reason}") from error

        return evaluate

    def _arguments(
        self, node: nodes.Filter | nodes.Test | nodes.Call
    ) -> tuple[list[Program], list[tuple[str, Program]]]:
        arguments = [self.strict(argument) for argument in node.args]
        return arguments, [(keyword.key, self.strict(keyword.value)) for keyword in keywords_of(node)]


def _root(name: str, local: bool) -> Program:
    if name == "null":
        return lambda frame: None
    if not local:
        return lambda frame: frame.scope.get(name, MISSING)

    def evaluate(frame: Frame) -> Any:
        value = frame.local.get(name, MISSING)
        return frame.scope.get(name, MISSING) if value is MISSING else value

    return evaluate


def _object_key(key: Any) -> str:
    if not isinstance(key, str):
        raise ExpressionError(f"the keys of an object are text, not {kind_of(key)}")
    return key


def _sliced(value: Any, bounds: list[Any], frame: Frame) -> Any:
    if value is MISSING:
        return MISSING
    if any(bound is not None and type(bound) is not int for bound in bounds) or bounds[2] == 0:
        raise ExpressionError("the bounds of a slice are whole numbers, and its step is not 0")
    part = slice(*bounds)
    if isinstance(value, str):
        frame.budget.allow_text(len(range(*part.indices(len(value)))))
        return value[part]
    if isinstance(value, (list, tuple)):
        frame.budget.allow_elements(len(range(*part.indices(len(value)))))
        return list(value[part])
    raise ExpressionError(f"a slice needs a list or text, not {kind_of(value)}")
