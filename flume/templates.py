"""Templates within values: a node's ``config`` or ``inputs``, with ``{{ … }}`` in any of its strings.

Keys of objects are not templates, and nothing that was rendered is rendered again. A part without templates is given
back as the very object that came in, so that constant configuration costs nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from flume.errors import ExpressionError
from flume.expressions import Budget, Reference, Template, TemplateSyntaxError, parse_expression, parse_template
from flume.problems import Problem, join_pointer
from flume.values import MAX_DEPTH, JsonValue

_Render: TypeAlias = Callable[[Mapping[str, object], Budget], JsonValue]


@dataclass(frozen=True, slots=True)
class PlacedReference:
    """A name that a template reads, and the JSON pointer of the string it stands in."""

    pointer: str
    reference: Reference


@dataclass(frozen=True, slots=True)
class TemplateTree:
    """A value whose templates are parsed. Everything in it is in the order of the value.

    ``template_pointers`` are the strings that hold templates, those with problems among them: what they will be is not known yet.
    ``is_constant`` means that there are none.
    """

    value: JsonValue
    references: tuple[PlacedReference, ...]
    template_pointers: tuple[str, ...]
    problems: tuple[Problem, ...]
    _render: _Render | None = field(repr=False, compare=False)

    @property
    def is_constant(self) -> bool:
        """Whether rendering gives ``value`` itself, whatever the scope."""
        return self._render is None and not self.problems

    def render(self, scope: Mapping[str, object], budget: Budget | None = None) -> JsonValue:
        """The value with each template replaced by what it gives; all of them share one budget.

        The result is JSON but for dates, which stay `datetime`. Raises `ExpressionError` that names the pointer, also for a tree
        with problems.
        """
        if self.problems:
            problem = self.problems[0]
            raise ExpressionError(problem.message, pointer=problem.pointer)
        return self.value if self._render is None else self._render(scope, budget or Budget())


def parse_tree(
    value: JsonValue, *, node_ids: frozenset[str], pointer: str = "", statements: bool = False
) -> TemplateTree:
    """Parse every string of ``value`` as a template. Never raises: what is wrong is in ``problems``, with its pointer.

    ``pointer`` is where the value stands in its document; ``statements`` is as for `parse_template`.
    """
    return _Parser(lambda text: parse_template(text, node_ids=node_ids, statements=statements)).tree(value, pointer)


def parse_expression_field(value: JsonValue, *, node_ids: frozenset[str], pointer: str = "") -> TemplateTree:
    """Parse a field that is one expression, such as ``when``: text in braces or without, or a constant true, number or null.

    Lists and objects are parsed like `parse_tree`.
    """
    if not isinstance(value, str):
        return parse_tree(value, node_ids=node_ids, pointer=pointer)
    return _Parser(lambda text: parse_expression(text, node_ids=node_ids)).tree(value, pointer)


class _Parser:
    def __init__(self, parse: Callable[[str], Template]) -> None:
        self._parse = parse
        self._references: list[PlacedReference] = []
        self._template_pointers: list[str] = []
        self._problems: list[Problem] = []

    def tree(self, value: JsonValue, pointer: str) -> TemplateTree:
        render = self._part(value, pointer, 0)
        return TemplateTree(
            value, tuple(self._references), tuple(self._template_pointers), tuple(self._problems), render
        )

    def _part(self, value: JsonValue, pointer: str, depth: int) -> _Render | None:
        """What renders a part of the value; None when it stays as it is."""
        if isinstance(value, str):
            return self._text(value, pointer)
        if not isinstance(value, (Mapping, list, tuple)):
            return None
        if depth > MAX_DEPTH:
            message = f"the value is nested deeper than {MAX_DEPTH} levels"
            self._problems.append(Problem("too-deep", pointer, message, "make it flatter"))
            return None
        if isinstance(value, Mapping):
            fields = [(key, self._part(inner, join_pointer(pointer, key), depth + 1)) for key, inner in value.items()]
            rendered_fields = [(key, render) for key, render in fields if render]
            return _object_render(value, rendered_fields) if rendered_fields else None
        items = [self._part(inner, join_pointer(pointer, index), depth + 1) for index, inner in enumerate(value)]
        rendered_items = [(index, render) for index, render in enumerate(items) if render]
        return _list_render(value, rendered_items) if rendered_items else None

    def _text(self, text: str, pointer: str) -> _Render | None:
        try:
            template = self._parse(text)
        except TemplateSyntaxError as error:
            self._problems.append(Problem(error.code, pointer, error.message, error.hint))
            self._template_pointers.append(pointer)
            return None
        if template.is_constant and template.evaluate({}) == text:
            return None
        self._template_pointers.append(pointer)
        self._references += [PlacedReference(pointer, reference) for reference in template.references]
        return _text_render(template, pointer)


def _text_render(template: Template, pointer: str) -> _Render:
    def render(scope: Mapping[str, object], budget: Budget) -> JsonValue:
        try:
            return template.evaluate(scope, budget)
        except ExpressionError as error:
            raise ExpressionError(error.reason, source=error.source, pointer=pointer) from error

    return render


def _object_render(value: Mapping[str, JsonValue], fields: list[tuple[str, _Render]]) -> _Render:
    def render(scope: Mapping[str, object], budget: Budget) -> JsonValue:
        rendered = dict(value)
        for key, part in fields:
            rendered[key] = part(scope, budget)
        return rendered

    return render


def _list_render(value: list[JsonValue] | tuple[JsonValue, ...], items: list[tuple[int, _Render]]) -> _Render:
    def render(scope: Mapping[str, object], budget: Budget) -> JsonValue:
        rendered = list(value)
        for index, part in items:
            rendered[index] = part(scope, budget)
        return rendered

    return render
