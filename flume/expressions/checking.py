"""Looks through a parsed template before it is ever evaluated: what is not allowed, and which names it reads.

The tree comes from Jinja's parser, which knows more than Flume allows; what is not named here does not pass.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import cast

from jinja2 import nodes

from flume.expressions.callables import FILTERS, check_call
from flume.expressions.errors import TemplateSyntaxError, shorten
from flume.expressions.predicates import SEE_MISSING
from flume.expressions.references import Reference
from flume.expressions.secrets import SECRETS

MAX_TREE_DEPTH = 100
"""Levels of an expression, such as the terms of ``1 + 1 + 1 …``."""

MAX_BLOCKS = 32
"""Levels of ``{% if %}`` and ``{% for %}`` within each other."""

CONSTANT_NAMES = frozenset({"null"})
"""Constants that Jinja's parser takes for names."""

_NOT_ASSIGNABLE = frozenset({SECRETS, "null", "$now"})
_OPERATORS = (
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Pow,
    nodes.Neg,
    nodes.Pos,
    nodes.Not,
    nodes.And,
    nodes.Or,
    nodes.Compare,
    nodes.Operand,
    nodes.Concat,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.Slice,
)


class _Place(Enum):
    """What surrounds an expression, as far as it matters for what may stand there."""

    OUTPUT = auto()
    """It is all that a ``{{ … }}`` holds: the only place for a secret."""
    VALUE = auto()
    GUARDED = auto()
    """On the left of ``default``: it need not exist."""
    QUESTIONED = auto()
    """On the left of ``is defined``."""


@dataclass(frozen=True, slots=True)
class Findings:
    """``references`` in the order of the text, each once; ``assigned`` are the names that the template itself sets."""

    references: tuple[Reference, ...]
    assigned: frozenset[str]


def check_expression(expression: nodes.Expr) -> Findings:
    """Look through what stands between two braces; raise `TemplateSyntaxError` for what is not allowed."""
    checker = _Checker()
    checker.expression(expression, _Place.OUTPUT)
    return checker.findings()


def check_statements(body: list[nodes.Node]) -> Findings:
    """Look through a whole template; raise `TemplateSyntaxError` for what is not allowed."""
    checker = _Checker()
    checker.statements(body, 0)
    return checker.findings()


def chain_of(node: nodes.Expr) -> tuple[nodes.Expr, list[str | int | nodes.Expr]]:
    """What is at the start of ``a.b[c].d``, and the keys behind it: constants as they are, others as expressions."""
    steps: list[str | int | nodes.Expr] = []
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Getattr):
            steps.append(node.attr)
        elif isinstance(node.arg, nodes.Slice):
            break
        elif isinstance(node.arg, nodes.Const) and type(node.arg.value) in (str, int):
            steps.append(node.arg.value)
        elif (
            isinstance(node.arg, nodes.Neg)
            and isinstance(node.arg.node, nodes.Const)
            and type(node.arg.node.value) is int
        ):
            steps.append(-node.arg.node.value)
        else:
            steps.append(node.arg)
        node = node.node
    steps.reverse()
    return node, steps


def keywords_of(node: nodes.Filter | nodes.Test | nodes.Call) -> list[nodes.Keyword]:
    """The named arguments of a call; Jinja's annotations allow for more than its parser makes."""
    return cast(list[nodes.Keyword], node.kwargs)


class _Checker:
    def __init__(self) -> None:
        self._references: dict[Reference, None] = {}
        self._assigned: set[str] = set()
        self._local: dict[str, None] = {}

    def findings(self) -> Findings:
        return Findings(tuple(self._references), frozenset(self._assigned))

    def statements(self, body: list[nodes.Node], depth: int) -> None:
        if depth > MAX_BLOCKS:
            raise TemplateSyntaxError(f"blocks are nested deeper than {MAX_BLOCKS} levels")
        for node in body:
            if isinstance(node, nodes.Output):
                for part in node.nodes:
                    if not isinstance(part, nodes.TemplateData):
                        self.expression(part, _Place.OUTPUT)
            elif isinstance(node, nodes.If):
                self._if(node, depth)
            elif isinstance(node, nodes.For):
                self._for(node, depth)
            else:
                # The lexer lets no other statement pass.
                assignment = cast(nodes.Assign, node)
                self.expression(assignment.node, _Place.VALUE)
                self._assign(assignment.target)

    def _if(self, node: nodes.If, depth: int) -> None:
        for branch in (node, *node.elif_):
            self.expression(branch.test, _Place.VALUE)
            self.statements(branch.body, depth + 1)
        self.statements(node.else_, depth + 1)

    def _for(self, node: nodes.For, depth: int) -> None:
        if node.recursive:
            raise TemplateSyntaxError("recursive loops are not allowed", "", "forbidden")
        self.expression(node.iter, _Place.VALUE)
        outside = len(self._local)
        self._assign(node.target)
        if node.test is not None:
            self.expression(node.test, _Place.VALUE)
        self._add_local("loop")
        self.statements(node.body, depth + 1)
        self._forget(outside)
        self.statements(node.else_, depth + 1)
        self._forget(outside)

    def _assign(self, target: nodes.Node) -> None:
        names = target.items if isinstance(target, nodes.Tuple) else [target]
        for name in names:
            if not isinstance(name, nodes.Name):
                raise TemplateSyntaxError("only plain names can be set", "write {% set name = … %}", "forbidden")
            if name.name in _NOT_ASSIGNABLE:
                raise TemplateSyntaxError(f"'{name.name}' can't be set", "choose another name", "forbidden")
            self._add_local(name.name)

    def _add_local(self, name: str) -> None:
        self._local.setdefault(name)
        self._assigned.add(name)

    def _forget(self, kept: int) -> None:
        """Leave a loop: the names that were set in it are the last ones."""
        while len(self._local) > kept:
            self._local.popitem()

    def expression(self, node: nodes.Node, place: _Place, depth: int = 0) -> None:
        if depth > MAX_TREE_DEPTH:
            raise _too_deep()
        deeper = depth + 1
        if isinstance(node, (nodes.Name, nodes.Getattr, nodes.Getitem)):
            self._chain(node, place, deeper)
        elif isinstance(node, nodes.Filter):
            self._filter(node, place, deeper)
        elif isinstance(node, nodes.Test):
            check_call("test", node.name, *_arguments(node))
            self.expression(node.node, _Place.QUESTIONED if node.name in SEE_MISSING else _Place.VALUE, deeper)
            self._call_arguments(node, deeper)
        elif isinstance(node, nodes.Call):
            self._call(node, deeper)
        elif isinstance(node, nodes.CondExpr):
            self._condition(node, place, deeper)
        elif isinstance(node, _OPERATORS):
            for child in node.iter_child_nodes():
                self.expression(child, _Place.VALUE, deeper)
        elif not isinstance(node, nodes.Const):
            raise TemplateSyntaxError(f"'{type(node).__name__.lower()}' is not allowed in expressions", "", "forbidden")

    def _condition(self, node: nodes.CondExpr, place: _Place, depth: int) -> None:
        self.expression(node.test, _Place.VALUE, depth)
        inner = _Place.GUARDED if place is _Place.GUARDED else _Place.VALUE
        self.expression(node.expr1, inner, depth)
        if node.expr2 is not None:
            self.expression(node.expr2, inner, depth)

    def _filter(self, node: nodes.Filter, place: _Place, depth: int) -> None:
        check_call("filter", node.name, *_arguments(node))
        if node.name in ("map", "select", "reject", "selectattr", "rejectattr"):
            _check_named(node)
        guarded = node.name in ("default", "d") or place is _Place.GUARDED
        self.expression(cast(nodes.Expr, node.node), _Place.GUARDED if guarded else _Place.VALUE, depth)
        self._call_arguments(node, depth)

    def _call(self, node: nodes.Call, depth: int) -> None:
        called = node.node
        if isinstance(called, nodes.Getattr):
            known = called.attr in FILTERS
            hint = f"write … | {called.attr}" if known else "filters do such work: … | name"
            raise TemplateSyntaxError(f"'.{shorten(called.attr)}(…)': methods can't be called", hint, "forbidden")
        if not isinstance(called, nodes.Name):
            raise TemplateSyntaxError("only functions can be called, by their name", "", "forbidden")
        check_call("function", called.name, *_arguments(node))
        self._call_arguments(node, depth)

    def _call_arguments(self, node: nodes.Filter | nodes.Test | nodes.Call, depth: int) -> None:
        for argument in node.args:
            self.expression(argument, _Place.VALUE, depth)
        for keyword in keywords_of(node):
            self.expression(keyword.value, _Place.VALUE, depth)

    def _chain(self, node: nodes.Expr, place: _Place, depth: int) -> None:
        start, steps = chain_of(node)
        # A chain is as many levels of the tree as it has steps, though it is evaluated as one.
        if depth + len(steps) > MAX_TREE_DEPTH:
            raise _too_deep()
        constant = list(steps)
        for place_of_step, step in enumerate(steps):
            if isinstance(step, nodes.Node):
                constant = constant[: min(len(constant), place_of_step)]
                self.expression(step, _Place.VALUE, depth)
            elif isinstance(step, str) and len(step) > 4 and step.startswith("__") and step.endswith("__"):
                _check_dunder(node, step)
        if isinstance(start, nodes.Getitem):
            self.expression(start.node, _Place.GUARDED if place is _Place.GUARDED else _Place.VALUE, depth + len(steps))
            self.expression(start.arg, _Place.VALUE, depth)
        elif not isinstance(start, nodes.Name):
            inherited = _Place.GUARDED if place in (_Place.GUARDED, _Place.QUESTIONED) else _Place.VALUE
            self.expression(start, inherited, depth + len(steps))
        elif start.name == SECRETS:
            self._secret(steps, place)
        elif start.name not in self._local and start.name not in CONSTANT_NAMES:
            self._refer(start.name, constant, place)

    def _secret(self, steps: list[str | int | nodes.Expr], place: _Place) -> None:
        if len(steps) != 1 or not isinstance(steps[0], str):
            raise TemplateSyntaxError("a secret is read by its name", "write {{ secrets.NAME }}", "forbidden")
        if place not in (_Place.OUTPUT, _Place.QUESTIONED):
            raise TemplateSyntaxError(
                "a secret can be joined with text and nothing else",
                f"give it braces of its own: Bearer {{{{ secrets.{shorten(steps[0])} }}}}",
                "forbidden",
            )
        self._refer(SECRETS, steps, place)

    def _refer(self, root: str, path: list[str | int | nodes.Expr], place: _Place) -> None:
        keys = tuple(key for key in path if isinstance(key, (str, int)))
        self._references.setdefault(Reference(root, keys, place in (_Place.GUARDED, _Place.QUESTIONED)))


def _check_dunder(node: nodes.Expr, name: str) -> None:
    """Python's own attributes look like this; they are out of reach anyway, and whoever tries should hear of it early."""
    if any(attribute.attr == name for attribute in nodes.List([node]).find_all(nodes.Getattr)):
        raise TemplateSyntaxError(
            f"'.{shorten(name)}' is not allowed", f"a key of that name is read with ['{shorten(name)}']", "forbidden"
        )


def _check_named(node: nodes.Filter) -> None:
    """The filter or test that ``map("upper")`` or ``selectattr("a", "eq", 1)`` names, where it is a constant."""
    place = 1 if node.name in ("selectattr", "rejectattr") else 0
    named = node.args[place] if len(node.args) > place else None
    if isinstance(named, nodes.Const) and isinstance(named.value, str):
        check_call("filter" if node.name == "map" else "test", named.value, len(node.args) - place - 1, ())


def _arguments(node: nodes.Filter | nodes.Test | nodes.Call) -> tuple[int, tuple[str, ...]]:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise TemplateSyntaxError(
            "'*' and '**' are not allowed in calls", "write the arguments one by one", "forbidden"
        )
    names = tuple(str(keyword.key) for keyword in keywords_of(node))
    if len(set(names)) < len(names):
        raise TemplateSyntaxError("an argument is given twice")
    return len(node.args), names


def _too_deep() -> TemplateSyntaxError:
    return TemplateSyntaxError(
        f"the expression is nested deeper than {MAX_TREE_DEPTH} levels",
        "split it up, or join texts with ~ rather than +",
    )
