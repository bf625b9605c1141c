"""The nodes of a CESQL expression that has been read.

Operators of one level stand in one flat node, so that a long row of them is not a deep tree.
"""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from flume.filters.cesql.functions import Function
from flume.filters.cesql.patterns import Pattern
from flume.filters.cesql.values import Value

LOGIC = ("AND", "OR", "XOR")
COMPARISONS = ("=", "!=", "<>", "<", "<=", ">", ">=")
SUMS = ("+", "-")
PRODUCTS = ("*", "/", "%")


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the text."""

    value: Value


@dataclass(frozen=True, slots=True)
class Attribute:
    """The value of an attribute; an error where the event has none."""

    name: str


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether the event has an attribute."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary:
    """NOT or the minus sign."""

    operator: str
    operand: "Tree"


@dataclass(frozen=True, slots=True)
class Like:
    """One test of a `Matching`: does the text fit a pattern?"""

    pattern: Pattern
    negated: bool


@dataclass(frozen=True, slots=True)
class In:
    """One test of a `Matching`: is it one of these?"""

    members: "tuple[Tree, ...]"
    negated: bool


@dataclass(frozen=True, slots=True)
class Matching:
    """LIKE and IN, of which each further one tests what the one before gave."""

    operand: "Tree"
    tests: tuple[Like | In, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """Operands with operators of one level between them, to be carried out from left to right."""

    first: "Tree"
    steps: "tuple[tuple[str, Tree], ...]"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function that takes so many arguments."""

    function: Function
    arguments: "tuple[Tree, ...]"


Tree: TypeAlias = Literal | Attribute | Exists | Unary | Matching | Chain | Call


def depth(tree: Tree) -> int:
    """How many nodes stand on the longest way down."""
    count, level = 0, [tree]
    while level:
        count, level = count + 1, [child for each in level for child in _children(each)]
    return count


def _children(tree: Tree) -> list[Tree]:
    match tree:
        case Literal() | Attribute() | Exists():
            return []
        case Unary(_, operand):
            return [operand]
        case Matching(operand, tests):
            return [operand, *(member for test in tests if isinstance(test, In) for member in test.members)]
        case Chain(first, steps):
            return [first, *(operand for _, operand in steps)]
        case Call(_, arguments):
            return [*arguments]
        case _:
            assert_never(tree)
