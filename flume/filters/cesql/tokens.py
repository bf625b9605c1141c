"""Takes the text of a CESQL expression apart into words, numbers, quoted text and signs.

Keywords are words like all others and mean the same in any case. The sign of a number is a token of its own, so that
``size -1`` is a subtraction; the parser puts ``-2147483648`` together again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from flume.errors import FlumeError

MAX_BYTES = 4 * 1024
"""Size of one expression in UTF-8."""

KEYWORDS = frozenset({"AND", "OR", "XOR", "NOT", "LIKE", "IN", "EXISTS", "TRUE", "FALSE"})

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n]+)
      | (?P<word>[A-Za-z0-9_]+)
      | (?P<text>'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*")
      | (?P<sign><>|!=|<=|>=|[-+*/%=<>(),])""",
    re.VERBOSE | re.DOTALL,
)


class CesqlSyntaxError(FlumeError):
    """The text is not a CESQL expression. ``column`` counts characters from 1; ``hint`` says how to mend it."""

    code = "bad-filter"

    def __init__(self, message: str, column: int, hint: str) -> None:
        self.message = message
        self.column = column
        self.hint = hint
        super().__init__(f"column {column}: {message}")


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    KEYWORD = auto()
    INTEGER = auto()
    TEXT = auto()
    SIGN = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression. ``text`` is upper-case for keywords, and without quotes and their escapes for quoted text."""

    kind: Kind
    text: str
    column: int

    def is_one_of(self, *texts: str) -> bool:
        """Whether it is one of these keywords or signs."""
        return self.kind in (Kind.KEYWORD, Kind.SIGN) and self.text in texts

    def __str__(self) -> str:
        if self.kind is Kind.END:
            return "the end"
        shown = self.text if len(self.text) <= 40 else self.text[:39] + "…"
        return f"the text '{shown}'" if self.kind is Kind.TEXT else f"'{shown}'"


def tokenize(text: str) -> list[Token]:
    """All tokens of the text, the last of kind ``END``. Raises `CesqlSyntaxError`."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        hint = "divide it into several filters"
        raise CesqlSyntaxError(f"the expression is larger than {MAX_BYTES // 1024} KiB", 1, hint)
    return [*_read(text), Token(Kind.END, "", len(text) + 1)]


def _read(text: str) -> Iterator[Token]:
    offset = 0
    while offset < len(text):
        found = _TOKEN.match(text, offset)
        if found is None:
            raise _unreadable(text, offset)
        piece, column = found.group(), offset + 1
        if found.lastgroup == "word":
            yield _word(piece, column)
        elif found.lastgroup == "text":
            yield _quoted(piece, column, text[found.end() : found.end() + 1])
        elif found.lastgroup == "sign":
            yield Token(Kind.SIGN, piece, column)
        offset = found.end()


def _word(piece: str, column: int) -> Token:
    if piece.isdigit():
        return Token(Kind.INTEGER, piece, column)
    if piece.upper() in KEYWORDS:
        return Token(Kind.KEYWORD, piece.upper(), column)
    return Token(Kind.WORD, piece, column)


def _quoted(piece: str, column: int, following: str) -> Token:
    quote = piece[0]
    if following == quote:
        # SQL doubles a quote to escape it, the CESQL grammar does not; to take it as two texts would hide the mistake.
        message = f"{quote}{quote} does not stand for a quote"
        raise CesqlSyntaxError(message, column + len(piece), f"write \\{quote} for a quote within text")
    # Every other backslash stays: in a pattern of LIKE it escapes % and _.
    inner = re.sub(rf"\\({quote})|(\\.)", lambda found: found[1] or found[2], piece[1:-1], flags=re.DOTALL)
    return Token(Kind.TEXT, inner, column)


def _unreadable(text: str, offset: int) -> CesqlSyntaxError:
    character = text[offset]
    if character in "'\"":
        return CesqlSyntaxError("the text that begins here does not end", offset + 1, f"close it with {character}")
    hint = "write != or <>" if character == "!" else "put text in single quotes"
    return CesqlSyntaxError(f"{character!r} has no meaning here", offset + 1, hint)
