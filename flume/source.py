"""The text of a definition, read into a JSON value that remembers where everything stood.

`read_source` is the way in for one document, `read_sources` for files that hold several. Nothing here knows what a
pipeline is.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, TypeAlias

from flume.errors import DefinitionError
from flume.json_text import read_json
from flume.problems import Problem
from flume.reading import LineIndex, Place, Position, Reading, unreadable
from flume.values import BadValueError, JsonValue, check_value
from flume.yaml_text import read_yaml

__all__ = ["MAX_BYTES", "MAX_FILE_BYTES", "Format", "Position", "Source", "read_source", "read_sources"]

MAX_BYTES = 1024 * 1024
"""The most that one document may take, in UTF-8."""

MAX_FILE_BYTES = 16 * MAX_BYTES
"""The most that a file of several documents may take."""

Format: TypeAlias = Literal["yaml", "json"]

_LOOKS_LIKE_JSON = re.compile(r'\s*(?:\{\s*["}]|\[\s*["{\[\]])')
_DOCUMENT_MARK = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
_END_MARK = re.compile(r"^\.\.\.(?=\s|\Z).*\n?", re.MULTILINE)
_CONTENT = re.compile(r"^(?!---[ \t\r]*(?:#.*)?$)[ \t\r]*[^\s#%]", re.MULTILINE)


def _nowhere() -> Mapping[str, Place]:
    return {}


@dataclass(frozen=True)
class Source:
    """A document as it was written. ``text`` is empty and positions are None for one that came as a value.

    ``name`` is the file's or whatever the reader calls it. ``problems`` are those that reading got past; only
    `read_source` with ``tolerant`` gives a source that has some.
    """

    value: JsonValue
    text: str = ""
    format: Format = "json"
    name: str = ""
    problems: tuple[Problem, ...] = ()
    _find_places: Callable[[], Mapping[str, Place]] = field(default=_nowhere, repr=False, compare=False)

    @classmethod
    def from_value(cls, value: JsonValue, *, name: str = "") -> "Source":
        """A document that is parsed JSON already. Raises `DefinitionError` for what no store could hold."""
        try:
            check_value(value)
        except BadValueError as error:
            raise unreadable("bad-value", error.reason, "send plain JSON", None, pointer=error.pointer) from error
        return cls(value, name=name)

    @cached_property
    def _places(self) -> Mapping[str, Place]:
        return self._find_places()

    def position(self, pointer: str) -> Position | None:
        """Where the value at a JSON pointer begins; None when nothing is there."""
        place = self._places.get(pointer)
        return place.value if place else None

    def key_position(self, pointer: str) -> Position | None:
        """Where the key of the value at a JSON pointer begins; the value's own place when it has no key."""
        place = self._places.get(pointer)
        return (place.key or place.value) if place else None

    def locate(self, problem: Problem, *, at_key: bool = False) -> Problem:
        """The problem with line and column: of the value it points at or, when nothing is there, of what would hold it."""
        pointer = problem.pointer
        while pointer and pointer not in self._places:
            pointer = pointer.rpartition("/")[0]
            at_key = True
        position = self.key_position(pointer) if at_key else self.position(pointer)
        return replace(problem, line=position.line, column=position.column) if position else problem


def read_source(text: str | bytes, *, format: Format | None = None, name: str = "", tolerant: bool = False) -> Source:
    """Read the one document in ``text``; ``format`` None tells JSON from YAML by how the text begins.

    Raises `DefinitionError` with every problem found. ``tolerant`` leaves those that could be read past in
    `Source.problems` instead, so that what the document says can be checked in the same pass.
    """
    decoded = _decode(text, MAX_BYTES)
    documents = _documents(decoded, format)
    if len(documents) > 1:
        position = Position(documents[1][1], 1)
        hint = "put each pipeline into a file of its own; only `apply` takes several at once"
        raise unreadable("several-documents", "a second document begins here", hint, position)
    if not documents:
        raise _empty()
    source = _read_document(*documents[0], format, name)
    if source is None:
        raise _empty()
    if source.problems and not tolerant:
        raise DefinitionError(source.problems)
    return replace(source, text=decoded)


def read_sources(text: str | bytes, *, format: Format | None = None, name: str = "") -> list[Source]:
    """Read every document of a file; empty ones are passed over. Positions count from the file's first line.

    Raises `DefinitionError` with the problems of all documents.
    """
    decoded = _decode(text, MAX_FILE_BYTES)
    documents = _documents(decoded, format)
    sources: list[Source] = []
    problems: list[Problem] = []
    for document, first_line in documents:
        try:
            _check_size(len(document.encode()), MAX_BYTES, Position(first_line, 1))
            source = _read_document(document, first_line, format, name)
        except DefinitionError as error:
            problems.extend(error.problems)
        else:
            sources.extend([source] if source else [])
            problems.extend(source.problems if source else ())
    if problems:
        raise DefinitionError(problems)
    return sources


def _empty() -> DefinitionError:
    hint = "begin with apiVersion: flume/v1 and kind: Pipeline"
    return unreadable("empty-document", "there is nothing in the document", hint, Position(1, 1))


def _decode(text: str | bytes, limit: int) -> str:
    if isinstance(text, str):
        try:
            _check_size(len(text.encode()), limit, None)
        except UnicodeEncodeError as error:
            at = LineIndex(text).position(error.start)
            raise unreadable("bad-character", "half of a surrogate pair", "remove it", at) from error
        return text.removeprefix("\ufeff")
    _check_size(len(text), limit, None)
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise unreadable("bad-encoding", "the text is in UTF-16 or UTF-32", "save it as UTF-8", Position(1, 1))
    try:
        return text.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode()
        at = LineIndex(before).position(len(before))
        raise unreadable("bad-encoding", "a byte that is not UTF-8", "save the text as UTF-8", at) from error


def _check_size(size: int, limit: int, position: Position | None) -> None:
    if size > limit:
        message = f"the document takes {size:,} bytes; the limit is {limit:,}"
        raise unreadable("too-large", message, "split the pipeline, or load the data in a node", position)


def _documents(text: str, format: Format | None) -> list[tuple[str, int]]:
    if not text.strip():
        return []
    return [(text, 1)] if format == "json" or _LOOKS_LIKE_JSON.match(text) else _split(text)


def _split(text: str) -> list[tuple[str, int]]:
    """The documents of a YAML text that hold anything, each with its first line's number.

    A line of ``---`` at the margin begins a document wherever it stands in YAML. What stands before the first one
    belongs to the first document unless it has content of its own.
    """
    starts = [match.start() for match in _DOCUMENT_MARK.finditer(text)]
    if not starts:
        return [(text, 1)]
    if not _CONTENT.search(text, 0, starts[0]):
        starts[0] = 0
    else:
        starts.insert(0, 0)
    lines = LineIndex(text)
    documents = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        document = text[start:end]
        if _CONTENT.search(_END_MARK.sub("\n", document)):
            documents.append((document, lines.position(start).line))
    return documents


def _read_document(text: str, first_line: int, format: Format | None, name: str) -> Source | None:
    if format == "json":
        return _source(read_json(text), text, "json", name)
    json_error: DefinitionError | None = None
    if first_line == 1 and _LOOKS_LIKE_JSON.match(text):
        try:
            return _source(read_json(text), text, format or "json", name)
        except DefinitionError as error:
            # Braces begin YAML too: a text that is not JSON gets a second chance, and only then is it called bad JSON.
            if error.problems[0].code not in ("bad-json", "unquoted-template"):
                raise
            json_error = error
    try:
        reading = read_yaml(text, first_line=first_line)
    except DefinitionError:
        if json_error and format is None:
            raise json_error from None
        raise
    return _source(reading, text, "yaml", name) if reading else None


def _source(reading: Reading, text: str, format: Format, name: str) -> Source:
    return Source(reading.value, text, format, name, reading.problems, reading.places)
