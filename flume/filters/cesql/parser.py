"""Reads a CESQL expression into a tree.

From the tightest: functions, NOT and the minus sign, LIKE and IN, ``* / %``, ``+ -``, comparisons, and AND, OR and XOR, which
bind equally and go from left to right, unlike in most languages: ``a OR b AND c`` is ``(a OR b) AND c``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from flume.filters.cesql.functions import FUNCTIONS, Function
from flume.filters.cesql.patterns import Pattern
from flume.filters.cesql.tokens import CesqlSyntaxError, Kind, Token, tokenize
from flume.filters.cesql.tree import (
    COMPARISONS,
    LOGIC,
    PRODUCTS,
    SUMS,
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
    depth,
)
from flume.filters.cesql.values import INT_MAX, INT_MIN
from flume.findings import propose

MAX_DEPTH = 50
"""Levels of operators, brackets and arguments within one another."""

_LEVELS = (PRODUCTS, SUMS, COMPARISONS, LOGIC)
"""From the tightest to the loosest."""

_OPERATORS = tuple(operator for level in _LEVELS for operator in level)

_Steps: TypeAlias = Sequence[tuple[str, Tree]]


def parse_cesql(text: str) -> Tree:
    """The tree of an expression. Raises `CesqlSyntaxError`, also for functions that don't exist."""
    parser = _Parser(tokenize(text))
    tree = parser.read_expression()
    parser.expect_end()
    if depth(tree) > MAX_DEPTH:
        raise _too_deep(1)
    return tree


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0

    def read_expression(self) -> Tree:
        with self._deeper():
            first, steps = self._read_matching(), []
            while operator := self._take_one_of(*_OPERATORS):
                steps.append((operator.text, self._read_matching()))
        return _group(first, steps)

    def expect_end(self) -> None:
        if self._next.kind is not Kind.END:
            hint = "open it first" if self._next.is_one_of(")") else "put an operator, such as AND, in front of it"
            raise CesqlSyntaxError(f"expected an operator or the end, found {self._next}", self._next.column, hint)

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _take(self) -> Token:
        token = self._next
        self._position += token.kind is not Kind.END
        return token

    def _take_one_of(self, *texts: str) -> Token | None:
        return self._take() if self._next.is_one_of(*texts) else None

    def _expect(self, text: str) -> None:
        if not self._take_one_of(text):
            message = f"expected '{text}', found {self._next}"
            raise CesqlSyntaxError(message, self._next.column, f"add '{text}' here")

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        """Bounds the recursion; the tree may be less deep than brackets are."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_deep(self._next.column)
        yield
        self._depth -= 1

    def _read_matching(self) -> Tree:
        operand = self._read_operand()
        tests: list[Like | In] = []
        while self._next.is_one_of("NOT", "LIKE", "IN"):
            negated = self._take_one_of("NOT") is not None
            if self._take_one_of("LIKE"):
                tests.append(Like(self._read_pattern(), negated))
            elif self._take_one_of("IN"):
                self._expect("(")
                tests.append(In(self._read_list(), negated))
            else:
                message = f"expected LIKE or IN after NOT, found {self._next}"
                raise CesqlSyntaxError(message, self._next.column, "or write AND NOT")
        return Matching(operand, tuple(tests)) if tests else operand

    def _read_pattern(self) -> Pattern:
        if self._next.kind is not Kind.TEXT:
            message = f"expected a pattern in quotes after LIKE, found {self._next}"
            raise CesqlSyntaxError(message, self._next.column, "for example LIKE 'com.example.%'")
        return Pattern(self._take().text)

    def _read_list(self) -> tuple[Tree, ...]:
        """Expressions, one at least, and the bracket that closes their list."""
        members = [self.read_expression()]
        while self._take_one_of(","):
            members.append(self.read_expression())
        self._expect(")")
        return tuple(members)

    def _read_operand(self) -> Tree:
        token = self._take()
        if token.kind is Kind.INTEGER:
            return _integer(token.text, token.column)
        if token.kind is Kind.TEXT:
            return Literal(token.text)
        if token.kind is Kind.WORD:
            return self._read_call(token) if self._take_one_of("(") else Attribute(_attribute(token))
        return self._read_operand_after(token)

    def _read_operand_after(self, token: Token) -> Tree:
        match token.text:
            case "TRUE" | "FALSE":
                return Literal(token.text == "TRUE")
            case "EXISTS":
                return Exists(_attribute(self._take()))
            case "+" | "-" if self._touches_integer(token):
                return _integer(token.text + self._take().text, token.column)
            case "NOT" | "-":
                with self._deeper():
                    return Unary(token.text, self._read_operand())
            case "(":
                tree = self.read_expression()
                self._expect(")")
                return tree
            case _:
                hint = "write an attribute, a text in quotes, a number, true, false, or an expression in brackets"
                raise CesqlSyntaxError(f"expected a value, found {token}", token.column, hint)

    def _touches_integer(self, sign: Token) -> bool:
        return self._next.kind is Kind.INTEGER and self._next.column == sign.column + 1

    def _read_call(self, name: Token) -> Tree:
        overloads = FUNCTIONS.get(name.text.upper(), ())
        if not overloads:
            hint = propose(name.text, FUNCTIONS, limit=len(FUNCTIONS))
            raise CesqlSyntaxError(f"there is no function {name}", name.column, hint)
        arguments = () if self._take_one_of(")") else self._read_list()
        for function in overloads:
            if function.takes(len(arguments)):
                return Call(function, arguments)
        message = f"{name.text.upper()} can't be called with {len(arguments)} argument{'s'[: len(arguments) != 1]}"
        raise CesqlSyntaxError(message, name.column, f"it takes {_counts(overloads)}")


def _group(first: Tree, steps: _Steps) -> Tree:
    """The tree of operands in a row, the tightest operators bound first."""
    for level in _LEVELS:
        first, steps = _bind(first, steps, level)
    return first


def _bind(first: Tree, steps: _Steps, level: Sequence[str]) -> tuple[Tree, _Steps]:
    """The same row, where operands with operators of this level between them have become one."""
    runs: list[tuple[str, Tree, list[tuple[str, Tree]]]] = [("", first, [])]
    for operator, operand in steps:
        if operator in level:
            runs[-1][2].append((operator, operand))
        else:
            runs.append((operator, operand, []))
    bound = [(operator, Chain(head, tuple(run)) if run else head) for operator, head, run in runs]
    return bound[0][1], bound[1:]


def _integer(text: str, column: int) -> Literal:
    # The length first: Python refuses to read very long integers with an error of its own.
    if len(text.lstrip("+-").lstrip("0")) > 10 or not INT_MIN <= int(text) <= INT_MAX:
        hint = f"the least is {INT_MIN}, the greatest {INT_MAX}"
        raise CesqlSyntaxError("the number is beyond 32 bits", column, hint)
    return Literal(int(text))


def _attribute(token: Token) -> str:
    if token.kind not in (Kind.WORD, Kind.INTEGER):
        raise CesqlSyntaxError(f"expected an attribute, found {token}", token.column, "name one, for example subject")
    if "_" in token.text:
        hint = "names are letters and digits; put text in single quotes"
        raise CesqlSyntaxError(f"{token} can't be an attribute's name", token.column, hint)
    return token.text.lower()


def _counts(overloads: tuple[Function, ...]) -> str:
    return " or ".join(f"{len(each.casts)}{' or more' if each.rest else ''}" for each in overloads)


def _too_deep(column: int) -> CesqlSyntaxError:
    message = f"nested deeper than {MAX_DEPTH} levels"
    return CesqlSyntaxError(message, column, "divide it into several filters")
