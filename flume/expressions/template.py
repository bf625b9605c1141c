"""Templates as the rest of Flume sees them: parsed once, evaluated against many scopes.

Parsing finds what is wrong with the text and which names it reads. Translation into closures waits for the first
evaluation, so that validation doesn't pay for it. A plain dotted path never goes through Jinja's parser, nor imports
it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from flume.errors import ExpressionError
from flume.expressions.access import Key, path_program
from flume.expressions.budget import Budget
from flume.expressions.errors import TemplateSyntaxError
from flume.expressions.frame import Frame, Program
from flume.expressions.lexer import Piece, Token, split_expression, split_template
from flume.expressions.references import Reference
from flume.expressions.secrets import SECRETS, secret_program
from flume.expressions.writing import text_program
from flume.values import JsonValue

_NOT_A_PATH = frozenset({"not", "true", "false", "none", "null", "True", "False", "None"})


@dataclass(frozen=True, eq=False)
class Template:
    """A parsed template. ``references`` are the names it reads, in the order of the text, each once.

    ``is_constant`` means that nothing in it is evaluated: it is text, maybe with ``{% raw %}`` or comments taken out.
    One template may be evaluated by several threads at once.
    """

    source: str
    references: tuple[Reference, ...]
    is_constant: bool
    _translate: Callable[[], Program] = field(repr=False)

    @cached_property
    def _program(self) -> Program:
        return self._translate()

    def evaluate(self, scope: Mapping[str, object], budget: Budget | None = None) -> JsonValue:
        """The value: of its own type when the template is exactly one ``{{ … }}`` or an expression, text otherwise.

        It may be a `datetime`, when the expression is ``$now`` alone, or hold one. Values out of ``scope`` are passed
        on, not copied. Without a ``budget`` it gets one of its own. Raises `ExpressionError`, with the template as its
        ``source``.
        """
        frame = Frame(scope, budget or Budget(), {})
        try:
            frame.budget.spend()
            return self._program(frame)
        except ExpressionError as error:
            error.source = error.source or self.source
            raise


def parse_template(text: str, *, node_ids: frozenset[str], statements: bool = False) -> Template:
    """A text with ``{{ … }}`` in it. ``node_ids`` are the ids that are read as one name although they hold hyphens.

    With ``statements`` the text is a document: ``{% if %}``, ``{% for %}``, ``{% set %}`` and comments are allowed, and the
    result is text whatever stands in it. Raises `TemplateSyntaxError`.
    """
    if "{{" not in text and "{%" not in text and not (statements and "{#" in text):
        return _constant(text, text)
    pieces = split_template(text, node_ids, statements=statements)
    if any(piece.kind == "statement" for piece in pieces):
        return _document(text, pieces)
    if all(piece.kind == "text" for piece in pieces):
        return _constant(text, "".join(piece.text for piece in pieces))
    parts = [piece.text if piece.kind == "text" else _expression(piece.tokens) for piece in pieces]
    if len(parts) == 1 and isinstance(parts[0], _Expression) and not statements:
        return Template(text, parts[0].references, False, parts[0].translate)
    return _joined(text, parts)


def parse_expression(text: str, *, node_ids: frozenset[str]) -> Template:
    """A field that is one expression as a whole, in braces or without: ``a > 1`` or ``{{ a > 1 }}``.

    Raises `TemplateSyntaxError`.
    """
    content = text.strip()
    if content.startswith("{{"):
        pieces = split_template(content, node_ids, statements=False)
        if len(pieces) > 1:
            raise TemplateSyntaxError(
                "text beside the braces of an expression", "the whole field is one expression: leave out all the braces"
            )
        tokens = pieces[0].tokens
    else:
        tokens = split_expression(content, node_ids)
        if any(one.kind == two.kind == "lbrace" and one.offset + 1 == two.offset for one, two in pairwise(tokens)):
            raise TemplateSyntaxError(
                "braces within an expression", "the whole field is one expression: leave out all the braces"
            )
    expression = _expression(tokens)
    return Template(text, expression.references, False, expression.translate)


class _Expression(NamedTuple):
    """What stands between two braces, parsed and checked."""

    references: tuple[Reference, ...]
    translate: Callable[[], Program]


def _constant(source: str, value: str) -> Template:
    return Template(source, (), True, lambda: lambda frame: value)


def _expression(tokens: tuple[Token, ...]) -> _Expression:
    if not tokens:
        raise TemplateSyntaxError("the expression is empty", "write a name or a value, or leave the field out")
    path = _path_of(tokens)
    if path is None:
        return _parsed(tokens)
    name, *keys = path
    if name == SECRETS:
        return _Expression((Reference(name, tuple(keys)),), lambda: secret_program(keys[0], strict=True))
    constant: list[Key] = list(keys)
    return _Expression((Reference(name, tuple(keys)),), lambda: path_program(name, constant, strict=True))


def _path_of(tokens: tuple[Token, ...]) -> list[str] | None:
    """The names of a plain dotted path; None for anything else, which Jinja's parser reads."""
    names = [str(token.value) for token in tokens[::2]]
    is_path = (
        len(tokens) % 2 == 1
        and all(token.kind == "name" for token in tokens[::2])
        and all(token.kind == "dot" for token in tokens[1::2])
        and names[0] not in _NOT_A_PATH
        and (names[0] != SECRETS or len(names) == 2)
        # Dunder names are refused, and very long paths, with the reasons that the checker gives.
        and len(names) < 50
        and not any(name.startswith("__") for name in names)
    )
    return names if is_path else None


def _parsed(tokens: tuple[Token, ...]) -> _Expression:
    from flume.expressions.checking import check_expression
    from flume.expressions.syntax import parse_tokens

    tree = parse_tokens(tokens)
    findings = check_expression(tree)

    def translate() -> Program:
        from flume.expressions.translation import Translator

        return Translator(findings.assigned).whole(tree)

    return _Expression(findings.references, translate)


def _document(source: str, pieces: Sequence[Piece]) -> Template:
    from flume.expressions.checking import check_statements
    from flume.expressions.syntax import parse_pieces

    body = parse_pieces(pieces)
    findings = check_statements(body)

    def translate() -> Program:
        from flume.expressions.statements import document_program

        return document_program(body, findings.assigned)

    return Template(source, findings.references, False, translate)


def _joined(source: str, parts: Sequence[str | _Expression]) -> Template:
    references = dict.fromkeys(
        reference for part in parts if isinstance(part, _Expression) for reference in part.references
    )
    return Template(
        source,
        tuple(references),
        False,
        lambda: text_program([part if isinstance(part, str) else part.translate() for part in parts]),
    )
