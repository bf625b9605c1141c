"""Jinja's parser, fed with Flume's tokens. Its compiler and run time are not used.

Imported only when a template is more than a dotted path, since Jinja is slow to import.
"""

from collections.abc import Iterable, Iterator
from typing import cast

from jinja2 import Environment, nodes
from jinja2 import TemplateSyntaxError as JinjaSyntaxError
from jinja2.lexer import Token as JinjaToken
from jinja2.lexer import TokenStream, describe_token
from jinja2.parser import Parser

from flume.expressions.errors import TemplateSyntaxError
from flume.expressions.lexer import Piece, Token

_ENVIRONMENT = Environment()
_WORDING = (
    ("end of print statement", "}}"),
    ("end of statement block", "%}"),
    ("begin of print statement", "{{"),
    ("begin of statement block", "{%"),
    ("end of template", "the end"),
    ("Jinja was looking for the following tags:", "Expected is"),
    ("Jinja is expecting this tag, but currently looking for", "Expected is first"),
)


def parse_tokens(tokens: Iterable[Token]) -> nodes.Expr:
    """The tree of one expression; raise `TemplateSyntaxError` unless it takes all the tokens."""
    parser = _parser(_jinja_token(token) for token in tokens)
    try:
        expression = parser.parse_tuple()
        if parser.stream.current.type != "eof":
            parser.fail(f"unexpected {describe_token(parser.stream.current)!r}")
    except JinjaSyntaxError as error:
        raise _translated(error) from error
    except RecursionError as error:
        raise _too_deep() from error
    return expression


def parse_pieces(pieces: Iterable[Piece]) -> list[nodes.Node]:
    """The tree of a template with statements."""
    parser = _parser(_flat(pieces))
    try:
        return parser.subparse()
    except JinjaSyntaxError as error:
        raise _translated(error) from error
    except RecursionError as error:
        raise _too_deep() from error


def _parser(tokens: Iterator[JinjaToken]) -> Parser:
    parser = Parser(_ENVIRONMENT, "")
    parser.stream = TokenStream(tokens, None, None)
    return parser


def _flat(pieces: Iterable[Piece]) -> Iterator[JinjaToken]:
    for piece in pieces:
        if piece.kind == "text":
            yield JinjaToken(piece.offset, "data", piece.text)
            continue
        name = "variable" if piece.kind == "expression" else "block"
        yield JinjaToken(piece.offset, f"{name}_begin", "")
        yield from (_jinja_token(token) for token in piece.tokens)
        yield JinjaToken(piece.offset, f"{name}_end", "")


def _jinja_token(token: Token) -> JinjaToken:
    # Jinja's annotation says text, but its own lexer puts numbers there too.
    return JinjaToken(token.offset, token.kind, cast(str, token.value))


def _translated(error: JinjaSyntaxError) -> TemplateSyntaxError:
    message = error.message or "the expression can't be read"
    for theirs, ours in _WORDING:
        message = message.replace(theirs, ours)
    # Tokens carry their offset where Jinja expects a line.
    return TemplateSyntaxError(f"{message} (character {error.lineno + 1})")


def _too_deep() -> TemplateSyntaxError:
    return TemplateSyntaxError("the template is nested too deeply", "split it up")
