"""The one type of event that filters can match, where they say so plainly: whoever keeps many filters finds them by it."""

from collections.abc import Iterable

from flume.filters.cesql import parse_cesql
from flume.filters.cesql.tree import Attribute, Chain, Literal, Tree
from flume.values import JsonObject, JsonValue


def only_type(filters: Iterable[JsonObject]) -> str | None:
    """The type that an event must have for all of these filters to match; None if it may have several, or that is hard to say.

    The filters must be right, as `flume.filters.parse_filters` has it.
    """
    stated = (_stated(dialect, inner) for each in filters for dialect, inner in each.items())
    return next((found for found in stated if found is not None), None)


def _stated(dialect: str, inner: JsonValue) -> str | None:
    match dialect:
        case "exact":
            found: str | None = inner.get("type")
            return found
        case "all":
            return only_type(inner)
        case "cesql":
            return _of_tree(parse_cesql(inner))
        case _:
            return None


def _of_tree(tree: Tree) -> str | None:
    match tree:
        case Chain(Attribute("type"), (("=", Literal(str(value))),)):
            return value
        case Chain(first, steps) if all(operator == "AND" for operator, _ in steps):
            stated = map(_of_tree, (first, *(operand for _, operand in steps)))
            return next((found for found in stated if found is not None), None)
        case _:
            return None
