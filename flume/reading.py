"""What reading a text gives, whichever format it is in: a value, where its parts stand, and what is wrong but could be read past.

`flume.source` is the front; `flume.yaml_text` and `flume.json_text` do the reading. Where parts stand is worked out
only when someone asks, because a document without problems never does.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flume.errors import DefinitionError
from flume.problems import Problem
from flume.values import JsonValue

MAX_VALUES = 100_000
"""Values in one document, each alias counted for all that it stands for."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text; both count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value begins, and where its key does; list items and the document itself have no key."""

    value: Position
    key: Position | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One document that could be read. ``places`` is by JSON pointer; calling it walks the whole document."""

    value: JsonValue
    places: Callable[[], Mapping[str, Place]]
    problems: tuple[Problem, ...] = ()


class LineIndex:
    """Turns offsets in a text into positions. Lines end with LF, CRLF or CR."""

    def __init__(self, text: str, *, first_line: int = 1) -> None:
        self._first_line = first_line
        self._starts = [0]
        offset = 0
        for line in text.replace("\r\n", "\n\n").replace("\r", "\n").split("\n")[:-1]:
            offset += len(line) + 1
            self._starts.append(offset)
        self._crlf = [start for start in self._starts if start >= 2 and text[start - 2 : start] == "\r\n"]

    def position(self, offset: int) -> Position:
        """The position of the character at ``offset``."""
        line = bisect_right(self._starts, offset) - 1
        column = offset - self._starts[line] + 1
        return Position(line - bisect_right(self._crlf, offset) + self._first_line, column)


def unreadable(code: str, message: str, hint: str, position: Position | None, *, pointer: str = "") -> DefinitionError:
    """The error for a text of which nothing after ``position`` can be understood."""
    line, column = (position.line, position.column) if position else (None, None)
    return DefinitionError([Problem(code, pointer, message, hint, line, column)])


def shorten(text: str, limit: int = 60) -> str:
    """The text on one line and not longer than ``limit`` characters, for use in messages."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
