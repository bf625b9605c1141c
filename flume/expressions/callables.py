"""Everything a template may call: the allow-lists of filters, tests and functions, and how a call is checked before it is made.

A filter is called as ``filter(budget, value, *arguments)``, a test likewise, a function as ``function(budget,
*arguments)``. Their Python signatures are what the checker holds a template to, so a parameter's name is part of the
language. ``default`` is known here but evaluated by the translation, since it must see what does not exist."""

from collections.abc import Callable, Mapping
from functools import cache
from inspect import Parameter, Signature, signature
from typing import Any, Literal, TypeAlias

from flume.errors import ExpressionError
from flume.expressions import list_filters, text_filters
from flume.expressions.access import MISSING, follow
from flume.expressions.arguments import need_list, need_text
from flume.expressions.budget import Budget
from flume.expressions.errors import TemplateSyntaxError, closest, shorten
from flume.expressions.predicates import PREDICATES, SEE_MISSING
from flume.expressions.rendering import keep_defined

Kind: TypeAlias = Literal["filter", "test", "function"]


def _default(budget: Budget, value: Any, default_value: Any = "", boolean: Any = False) -> Any:
    """``default_value`` where the value does not exist; with ``boolean`` also where it is null, false, 0 or empty."""
    return default_value if value is MISSING or (boolean and not value) else value


def _map(
    budget: Budget, value: Any, name: Any = None, *arguments: Any, attribute: Any = None, default: Any = MISSING
) -> Any:
    """Each element put through the filter ``name``, or what is at ``attribute`` in it (``default`` where there is nothing)."""
    elements = _paid(budget, value)
    if attribute is None:
        apply = _named("filter", name, arguments)
        return [keep_defined(apply(budget, element, *arguments), f"filter '{name}'") for element in elements]
    path = need_text(attribute, "the name of an attribute")
    found = [follow(element, path) for element in elements]
    if default is MISSING and MISSING in found:
        raise ExpressionError(
            f"an element of the list has no '{shorten(path)}'; map(attribute=…, default=…) gives a value for it"
        )
    return [default if element is MISSING else element for element in found]


def _select(budget: Budget, value: Any, test: Any = None, *arguments: Any) -> list[Any]:
    """The elements for which the test holds; without one, those that are not null, false, 0 or empty."""
    return _chosen(budget, value, None, test, arguments, True)


def _reject(budget: Budget, value: Any, test: Any = None, *arguments: Any) -> list[Any]:
    """The elements for which the test does not hold."""
    return _chosen(budget, value, None, test, arguments, False)


def _select_by(budget: Budget, value: Any, attribute: Any, test: Any = None, *arguments: Any) -> list[Any]:
    """The elements for which the test holds of what is at ``attribute`` in them; nothing there counts as null."""
    return _chosen(budget, value, need_text(attribute, "the name of an attribute"), test, arguments, True)


def _reject_by(budget: Budget, value: Any, attribute: Any, test: Any = None, *arguments: Any) -> list[Any]:
    """The elements for which the test does not hold of what is at ``attribute`` in them."""
    return _chosen(budget, value, need_text(attribute, "the name of an attribute"), test, arguments, False)


def _chosen(
    budget: Budget, value: Any, path: str | None, test: Any, arguments: tuple[Any, ...], wanted: bool
) -> list[Any]:
    holds = _truth if test is None and not arguments else _named("test", test, arguments)
    absent = MISSING if test in SEE_MISSING else None
    chosen = []
    for element in _paid(budget, value):
        tested = element if path is None else follow(element, path)
        if bool(holds(budget, absent if tested is MISSING else tested, *arguments)) is wanted:
            chosen.append(element)
    return chosen


def _truth(budget: Budget, value: Any) -> bool:
    return bool(value)


def _named(kind: Kind, name: Any, arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """The filter or test whose name is a value; an unknown one is an `ExpressionError` here."""
    try:
        check_call(kind, need_text(name, f"a {kind}'s name"), len(arguments), ())
    except TemplateSyntaxError as error:
        raise ExpressionError(error.message) from error
    return _TABLES[kind][name]


def _paid(budget: Budget, value: Any) -> Any:
    elements = need_list(value)
    budget.allow_elements(len(elements))
    budget.visit_elements(4 * len(elements))
    return elements


def _range(budget: Budget, start: Any, stop: Any = None, step: Any = 1) -> list[int]:
    """Whole numbers from ``start`` (0 when only one is given) up to but not including ``stop``."""
    begin, end = (0, start) if stop is None else (start, stop)
    if not all(type(number) is int for number in (begin, end, step)) or step == 0:
        raise ExpressionError("range needs whole numbers, and a step other than 0")
    numbers = range(begin, end, step)
    # A range's own length fails beyond 64 bits.
    budget.allow_elements(max(0, (end - begin + step - (1 if step > 0 else -1)) // step))
    return list(numbers)


def _min(budget: Budget, *values: Any) -> Any:
    """The least of the arguments, or of the one list."""
    return keep_defined(list_filters.least(budget, values[0] if len(values) == 1 else values), "min")


def _max(budget: Budget, *values: Any) -> Any:
    """The greatest of the arguments, or of the one list."""
    return keep_defined(list_filters.greatest(budget, values[0] if len(values) == 1 else values), "max")


FILTERS: Mapping[str, Callable[..., Any]] = {
    "abs": text_filters.absolute,
    "base64decode": text_filters.base64_decode,
    "base64encode": text_filters.base64_encode,
    "batch": list_filters.batch,
    "bool": text_filters.to_bool,
    "capitalize": text_filters.capitalize,
    "count": list_filters.length,
    "d": _default,
    "date": text_filters.date,
    "default": _default,
    "e": text_filters.escape,
    "escape": text_filters.escape,
    "first": list_filters.first,
    "flatten": list_filters.flatten,
    "float": text_filters.to_float,
    "indent": text_filters.indent,
    "int": text_filters.to_int,
    "items": list_filters.items,
    "join": list_filters.join,
    "json": text_filters.json,
    "keys": list_filters.keys,
    "last": list_filters.last,
    "length": list_filters.length,
    "list": list_filters.to_list,
    "lower": text_filters.lower,
    "map": _map,
    "max": list_filters.greatest,
    "merge": list_filters.merge,
    "min": list_filters.least,
    "parse_json": text_filters.parse_json,
    "reject": _reject,
    "rejectattr": _reject_by,
    "replace": text_filters.replace,
    "reverse": list_filters.reverse,
    "round": text_filters.round_number,
    "select": _select,
    "selectattr": _select_by,
    "sha256": text_filters.sha256,
    "sort": list_filters.sort,
    "split": text_filters.split,
    "string": text_filters.string,
    "sum": list_filters.total,
    "title": text_filters.title,
    "tojson": text_filters.json,
    "trim": text_filters.trim,
    "truncate": text_filters.truncate,
    "unique": list_filters.unique,
    "upper": text_filters.upper,
    "urlencode": text_filters.url_encode,
    "values": list_filters.values,
}

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "len": list_filters.length,
    "max": _max,
    "min": _min,
    "range": _range,
}

_TABLES: Mapping[Kind, Mapping[str, Callable[..., Any]]] = {
    "filter": FILTERS,
    "test": PREDICATES,
    "function": FUNCTIONS,
}
_GIVEN: Mapping[Kind, int] = {"filter": 2, "test": 2, "function": 1}
"""Leading parameters that a template does not write: the budget, and the value in front of the bar."""


def check_call(kind: Kind, name: str, positional: int, keywords: tuple[str, ...]) -> None:
    """Raise `TemplateSyntaxError` unless there is such a filter, test or function and it takes such arguments."""
    table = _TABLES[kind]
    if name not in table:
        raise _unknown(kind, name)
    taken = _signature(kind, name)
    try:
        taken.bind(*([None] * positional), **dict.fromkeys(keywords))
    except TypeError as error:
        raise TemplateSyntaxError(f"{kind} '{name}': {error}", f"it takes {_shown(taken)}") from error


@cache
def _signature(kind: Kind, name: str) -> Signature:
    parameters = list(signature(_TABLES[kind][name]).parameters.values())[_GIVEN[kind] :]
    return Signature([Parameter(one.name, one.kind, default=one.default) for one in parameters])


def _shown(taken: Signature) -> str:
    """A signature in the words of a template: ``(attribute=null, default=…)``."""
    words = {str(None): "null", str(True): "true", str(False): "false", repr(MISSING): "…"}
    parts = []
    for parameter in taken.parameters.values():
        if parameter.kind is Parameter.VAR_POSITIONAL:
            parts.append("…")
        elif parameter.default is Parameter.empty:
            parts.append(parameter.name)
        else:
            shown = repr(parameter.default)
            parts.append(f"{parameter.name}={words.get(shown, shown)}")
    return f"({', '.join(parts)})"


def _unknown(kind: Kind, name: str) -> TemplateSyntaxError:
    table = _TABLES[kind]
    near = closest(name, table)
    hint = f"did you mean {near}?" if near else f"there are: {', '.join(sorted(table))}"
    if kind == "function" and name in FILTERS:
        hint = f"{name} is a filter: write … | {name}"
    return TemplateSyntaxError(f"unknown {kind} '{shorten(name)}'", hint, f"unknown-{kind}")
