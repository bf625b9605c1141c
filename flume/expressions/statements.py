"""Turns the statements of a ``template`` document into closures that write text: ``{% if %}``, ``{% for %}`` and ``{% set %}``.

As in Jinja, what is set within a loop is gone after each pass, and what is set within an ``if`` stays.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from jinja2 import nodes

from flume.errors import ExpressionError
from flume.expressions.access import kind_of
from flume.expressions.frame import Frame, Program
from flume.expressions.rendering import as_text
from flume.expressions.translation import Translator
from flume.expressions.writing import Writer

Statement: TypeAlias = Callable[[Frame, Writer], None]
"""A translated statement: writes what it gives."""


def document_program(body: Sequence[nodes.Node], assigned: frozenset[str]) -> Program:
    """The program of a whole document; it gives text."""
    write = _body(body, Translator(assigned))

    def evaluate(frame: Frame) -> str:
        writer = Writer(frame.budget)
        write(frame, writer)
        return writer.text()

    return evaluate


def _body(body: Sequence[nodes.Node], translator: Translator) -> Statement:
    statements = [_statement(node, translator) for node in body]

    def execute(frame: Frame, writer: Writer) -> None:
        for statement in statements:
            frame.budget.spend()
            statement(frame, writer)

    return execute


def _statement(node: Any, translator: Translator) -> Statement:
    if isinstance(node, nodes.Output):
        return _output(node, translator)
    if isinstance(node, nodes.If):
        return _if(node, translator)
    if isinstance(node, nodes.For):
        return _for(node, translator)
    return _set(node, translator)


def _output(node: nodes.Output, translator: Translator) -> Statement:
    parts: list[str | Program] = [
        part.data if isinstance(part, nodes.TemplateData) else translator.whole(part) for part in node.nodes
    ]

    def execute(frame: Frame, writer: Writer) -> None:
        for part in parts:
            frame.budget.spend()
            writer.write(part if isinstance(part, str) else as_text(part(frame), frame.budget))

    return execute


def _if(node: nodes.If, translator: Translator) -> Statement:
    branches = [(translator.whole(branch.test), _body(branch.body, translator)) for branch in (node, *node.elif_)]
    otherwise = _body(node.else_, translator)

    def execute(frame: Frame, writer: Writer) -> None:
        for test, body in branches:
            frame.budget.spend()
            if test(frame):
                return body(frame, writer)
        return otherwise(frame, writer)

    return execute


def _set(node: nodes.Assign, translator: Translator) -> Statement:
    value, assign = translator.whole(node.node), _assignment(node.target)

    def execute(frame: Frame, writer: Writer) -> None:
        assign(frame, value(frame))

    return execute


def _for(node: nodes.For, translator: Translator) -> Statement:
    iterated, assign = translator.whole(node.iter), _assignment(node.target)
    test = None if node.test is None else translator.whole(node.test)
    body, otherwise = _body(node.body, translator), _body(node.else_, translator)

    def passes(frame: Frame, element: Any) -> Frame:
        inner = frame.inner()
        assign(inner, element)
        return inner

    def execute(frame: Frame, writer: Writer) -> None:
        elements = _elements(iterated(frame))
        if test is not None:
            # All are tested first, since the body may ask how many there are.
            elements = [element for element in elements if test(passes(frame, element))]
        for index, element in enumerate(elements):
            inner = passes(frame, element)
            inner.local["loop"] = _loop(index, len(elements))
            body(inner, writer)
        if not elements:
            otherwise(frame.inner(), writer)

    return execute


def _elements(value: Any) -> Sequence[Any]:
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, Mapping):
        return list(value)
    raise ExpressionError(f"a loop needs a list or an object (its keys), not {kind_of(value)}")


def _loop(index: int, length: int) -> dict[str, Any]:
    return {"index": index + 1, "index0": index, "first": index == 0, "last": index == length - 1, "length": length}


def _assignment(target: nodes.Node) -> Callable[[Frame, Any], None]:
    if isinstance(target, nodes.Name):
        name = target.name

        def assign(frame: Frame, value: Any) -> None:
            frame.local[name] = value

        return assign
    names = [item.name for item in target.items]  # type: ignore[attr-defined]

    def unpack(frame: Frame, value: Any) -> None:
        if not isinstance(value, (list, tuple)) or len(value) != len(names):
            raise ExpressionError(f"{', '.join(names)} take a list of {len(names)} elements, not {_counted(value)}")
        frame.local.update(zip(names, value, strict=True))

    return unpack


def _counted(value: Any) -> str:
    return f"one of {len(value)}" if isinstance(value, (list, tuple)) else kind_of(value)
