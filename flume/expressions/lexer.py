"""Cuts the text of a template into literal text and tags, and each tag into the tokens that Jinja's parser reads.

Jinja's own lexer is not used because it can't know that ``fetch-topic`` is one name and ``$now`` another; here both are
plain name tokens, so nothing is rewritten and every message shows the user's own spelling.

* ``{{ … }}`` is an expression. A hyphen that touches the braces on the inside (``{{-␠``, ``-}}``, ``{%-``) removes the
  white space beyond them; ``{{-1}}`` is the number.
* ``{% raw %} … {% endraw %}`` is literal text, everywhere.
* Other ``{% … %}`` and ``{# comments #}`` exist only where statements do. Elsewhere ``{#`` is text, since it
  occurs in CSS and URLs.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Literal, NamedTuple

from flume.expressions.errors import TemplateSyntaxError, closest, shorten
from flume.values import INT64_MAX

MAX_SOURCE = 1024 * 1024
"""Characters of a whole template."""
MAX_EXPRESSION = 64 * 1024
"""Characters of one tag or whole-field expression."""
MAX_NESTING = 32
"""Brackets within brackets. Jinja's parser uses some 16 frames of the stack for each."""
LONGEST_NODE_ID = 63

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<float>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
    | (?P<integer>[0-9]+)
    | (?P<name>\$?[^\W\d]\w*)
    | (?P<string>"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')
    | (?P<operator>\*\*|//|==|!=|>=|<=|[-+*/%~\[\](){}<>=.:|,;])
    """,
    re.VERBOSE | re.DOTALL,
)
_INTEGER = re.compile(r"[0-9]+")
_HYPHENATED = re.compile(r"[^\W\d]\w*(?:-+\w+)*")
_KEY = re.compile(r"[^\W\d]\w*(?:-+[^\W\d]\w*)*")
_OPENING = re.compile(r"\{\{(?:-(?=\s))?|\{%-?")
_OPENING_WITH_COMMENTS = re.compile(r"\{\{(?:-(?=\s))?|\{%-?|\{#-?")
_RAW = re.compile(r"\{%-?\s*raw\s*(-?)%\}")
_ENDRAW = re.compile(r"\{%(-?)\s*endraw\s*(-?)%\}")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "\n": ""}

_OPERATORS = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "//": "floordiv",
    "%": "mod",
    "**": "pow",
    "~": "tilde",
    "==": "eq",
    "!=": "ne",
    ">": "gt",
    ">=": "gteq",
    "<": "lt",
    "<=": "lteq",
    "=": "assign",
    ".": "dot",
    ":": "colon",
    "|": "pipe",
    ",": "comma",
    ";": "semicolon",
    "(": "lparen",
    ")": "rparen",
    "[": "lbracket",
    "]": "rbracket",
    "{": "lbrace",
    "}": "rbrace",
}
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_DOLLAR = "$now is the only name with a dollar sign"

_STATEMENTS = frozenset({"if", "elif", "else", "endif", "for", "endfor", "set"})
_FORBIDDEN_STATEMENTS = frozenset(
    {"include", "import", "from", "extends", "block", "endblock", "macro", "endmacro", "call", "endcall", "filter"}
    | {"endfilter", "with", "endwith", "autoescape", "endautoescape", "print", "do", "break", "continue", "endset"}
)


class Token(NamedTuple):
    """One token. ``kind`` is Jinja's name for it; ``offset`` counts characters of the template."""

    offset: int
    kind: str
    value: str | int | float


class Piece(NamedTuple):
    """A stretch of a template: literal ``text``, or the ``tokens`` between the braces of a tag."""

    kind: Literal["text", "expression", "statement"]
    offset: int
    text: str = ""
    tokens: tuple[Token, ...] = ()


def split_template(text: str, node_ids: frozenset[str], *, statements: bool) -> list[Piece]:
    """The pieces of a template in order; no two texts stand next to each other, and none is empty."""
    if len(text) > MAX_SOURCE:
        raise TemplateSyntaxError(f"the template has {len(text):,} characters; at most {MAX_SOURCE:,} are allowed")
    pieces: list[Piece] = []
    for kind, group in groupby(_pieces(text, node_ids, statements), key=lambda piece: piece.kind):
        if kind != "text":
            pieces += group
            continue
        texts = list(group)
        content = "".join(piece.text for piece in texts)
        if content:
            pieces.append(Piece("text", texts[0].offset, content))
    return pieces


def split_expression(text: str, node_ids: frozenset[str]) -> tuple[Token, ...]:
    """The tokens of a whole-field expression written without braces."""
    if len(text) > MAX_EXPRESSION:
        raise _too_long()
    return _Tag(text, 0, "", node_ids).tokens


def _pieces(text: str, node_ids: frozenset[str], statements: bool) -> Iterator[Piece]:
    opening = _OPENING_WITH_COMMENTS if statements else _OPENING
    position, strip = 0, False
    while match := opening.search(text, position):
        start, kind = match.start(), match.group()[:2]
        yield _text(text, position, start, strip, match.group().endswith("-"))
        if kind == "{#":
            position, strip = _end_of_comment(text, match.end())
        elif kind == "{%" and (raw := _RAW.match(text, start)):
            end = _ENDRAW.search(text, raw.end())
            if end is None:
                raise TemplateSyntaxError("'{% raw %}' is never closed", "end it with {% endraw %}")
            yield _text(text, raw.end(), end.start(), bool(raw.group(1)), bool(end.group(1)))
            position, strip = end.end(), bool(end.group(2))
        else:
            if kind == "{%" and not statements:
                raise TemplateSyntaxError(
                    "'{% … %}' is not allowed here",
                    "use {{ a if b else c }}, move this to a node of type template, or put {% raw %} around literal text",
                )
            tag = _Tag(text, match.end(), "}}" if kind == "{{" else "%}", node_ids)
            if kind == "{%":
                _check_statement(tag.tokens)
            yield Piece("expression" if kind == "{{" else "statement", start, tokens=tag.tokens)
            position, strip = tag.end, tag.strips
    yield _text(text, position, len(text), strip, False)


def _text(text: str, start: int, end: int, strip_start: bool, strip_end: bool) -> Piece:
    content = text[start:end]
    if strip_start:
        content = content.lstrip()
    if strip_end:
        content = content.rstrip()
    return Piece("text", start, content)


def _end_of_comment(text: str, start: int) -> tuple[int, bool]:
    end = text.find("#}", start)
    if end < 0:
        raise TemplateSyntaxError("'{#' begins a comment that is never closed", "end it with #}")
    return end + 2, text[end - 1] == "-" and end > start


def _check_statement(tokens: tuple[Token, ...]) -> None:
    first = tokens[0].value if tokens else ""
    if first == "set" and next((token.kind for token in tokens if token.kind in ("assign", "pipe")), "") != "assign":
        raise TemplateSyntaxError("'{% set %}' without '=' is not allowed", "write {% set name = … %}", "forbidden")
    if first in _STATEMENTS:
        return
    name = shorten(str(first))
    allowed = "allowed are if, for, set and raw"
    if name in _FORBIDDEN_STATEMENTS:
        raise TemplateSyntaxError(f"'{{% {name} %}}' is not allowed in templates", allowed, "forbidden")
    near = closest(name, _STATEMENTS)
    raise TemplateSyntaxError(f"unknown statement '{{% {name} %}}'", f"did you mean {near}?" if near else allowed)


class _Tag:
    """Reads one tag from after its opening braces; ``closing`` empty means that the expression ends with the text."""

    def __init__(self, text: str, start: int, closing: str, node_ids: frozenset[str]) -> None:
        self._text = text
        self._start = start
        self._closing = closing
        self._node_ids = node_ids
        self._brackets: list[str] = []
        self._tokens: list[Token] = []
        self.strips = False
        self.end = self._read()
        self.tokens = tuple(self._tokens)

    def _read(self) -> int:
        text, position, closing = self._text, self._start, self._closing
        while position < len(text):
            if position - self._start > MAX_EXPRESSION:
                raise _too_long()
            if closing and not self._brackets:
                if text.startswith(closing, position):
                    return position + 2
                if text.startswith("-" + closing, position):
                    self.strips = True
                    return position + 3
            position = self._read_token(position)
        if self._brackets:
            raise TemplateSyntaxError(f"'{self._brackets[-1]}' is missing at the end of the expression")
        if closing:
            opening = "{{" if closing == "}}" else "{%"
            hint = f"end it with {closing}" + ('; a literal {{ is written as {{ "{{" }}' if closing == "}}" else "")
            raise TemplateSyntaxError(f"'{opening}' is never closed", hint)
        return position

    def _read_token(self, start: int) -> int:
        match = _TOKEN.match(self._text, start)
        if match is None:
            raise self._unexpected_character(start)
        kind, end = match.lastgroup, match.end()
        if kind == "name":
            return self._read_name(start, match.group())
        if kind == "operator":
            self._read_operator(start, match.group())
        elif kind == "string":
            self._add(start, "string", _unescape(match.group()[1:-1]))
        elif kind == "integer" or (kind == "float" and self._last_kind() == "dot"):
            # `rows.0.1` is two indexes, not the number 0.1.
            end = _INTEGER.match(self._text, start).end()  # type: ignore[union-attr]
            self._add(start, "integer", _integer(self._text[start:end]))
        elif kind == "float":
            self._add(start, "float", _float(match.group()))
        return end

    def _read_name(self, start: int, word: str) -> int:
        before = self._last_kind()
        if before == "dot":
            key = _KEY.match(self._text, start)
            word = key.group() if key else word
        elif word.startswith("$") and word != "$now":
            raise TemplateSyntaxError(
                f"unknown name '{shorten(word)}'", f"{_DOLLAR}; the others are written without: {shorten(word[1:])}"
            )
        elif before != "pipe":
            word = self._longest_node_id(start) or word
        self._add(start, "name", word)
        return start + len(word)

    def _longest_node_id(self, start: int) -> str:
        match = _HYPHENATED.match(self._text, start, start + LONGEST_NODE_ID + 1)
        candidate = match.group() if match else ""
        while "-" in candidate:
            if candidate in self._node_ids:
                return candidate
            candidate = candidate.rpartition("-")[0].rstrip("-")
        return ""

    def _read_operator(self, start: int, operator: str) -> None:
        if operator in _CLOSERS:
            self._brackets.append(_CLOSERS[operator])
            if len(self._brackets) > MAX_NESTING:
                raise TemplateSyntaxError(f"brackets are nested deeper than {MAX_NESTING} levels")
        elif operator in ")]}":
            expected = self._brackets.pop() if self._brackets else ""
            if operator != expected:
                instead = f", '{expected}' was expected" if expected else ""
                raise TemplateSyntaxError(f"unexpected '{operator}'{instead} (character {start + 1})")
        self._add(start, _OPERATORS[operator], operator)

    def _unexpected_character(self, start: int) -> TemplateSyntaxError:
        character = self._text[start]
        if character in "\"'":
            return TemplateSyntaxError(f"the text that begins with {character} (character {start + 1}) is never closed")
        hints = {
            "&": "write and, or ~ to join texts",
            "!": "write not",
            "$": _DOLLAR,
            "?": "write b if a else c",
        }
        message = f"unexpected character '{character}' (character {start + 1})"
        return TemplateSyntaxError(message, hints.get(character, ""))

    def _last_kind(self) -> str:
        return self._tokens[-1].kind if self._tokens else ""

    def _add(self, offset: int, kind: str, value: str | int | float) -> None:
        self._tokens.append(Token(offset, kind, value))


def _too_long() -> TemplateSyntaxError:
    return TemplateSyntaxError(
        f"an expression is longer than {MAX_EXPRESSION:,} characters", "move literal text out of the braces"
    )


def _integer(digits: str) -> int:
    # The length is looked at first: Python refuses, slowly, to read thousands of digits.
    if len(digits) > 19 or int(digits) > INT64_MAX:
        raise TemplateSyntaxError(f"the number {shorten(digits)} is beyond 64 bits", "write it as text, in quotes")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if number == float("inf"):
        raise TemplateSyntaxError(f"the number {shorten(digits)} is too large", "write it as text, in quotes")
    return number


def _unescape(content: str) -> str:
    if "\\" not in content:
        return content
    text = _ESCAPE.sub(_unescape_one, content)
    try:
        # JSON writes characters beyond 16 bits as two escapes; this joins them, and refuses half of one.
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        raise TemplateSyntaxError(
            "a \\u escape is half of a character", "write both halves, or the character itself"
        ) from error


def _unescape_one(match: re.Match[str]) -> str:
    simple = match.group(4)
    if simple is None:
        code = int(match.group(1) or match.group(2) or match.group(3), 16)
        if code > 0x10FFFF:
            raise TemplateSyntaxError(f"{match.group()} is beyond the last Unicode character")
        return chr(code)
    # An escape without a meaning keeps its backslash, as in Python: "\d" are two characters.
    return _SIMPLE_ESCAPES.get(simple, simple if simple in "\\\"'/" else match.group())
