"""JSON with positions: exact JSON, where YAML's reading of the same text would differ in tabs, numbers and comments.

The standard library's parser gives the value. Where things stand is found by a second, slower walk that only problems
pay for.
"""

import json
import re
from dataclasses import dataclass

from flume.problems import Problem, join_pointer
from flume.reading import MAX_VALUES, LineIndex, Place, Position, Reading, shorten, unreadable
from flume.values import MAX_DEPTH, BadValueError, JsonValue, check_value

_TOKEN = re.compile(r'[ \t\n\r]*("[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+)')


class _ConstantError(ValueError):
    """NaN or an infinity, which Python's parser takes and JSON does not have."""


def read_json(text: str) -> Reading:
    """Read one JSON document; duplicate keys are among the reading's problems.

    Raises `flume.errors.DefinitionError` for all else.
    """
    duplicates = _DuplicateWatch()
    try:
        value = json.loads(text, object_pairs_hook=duplicates.make_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _explain(error, text) from error
    except _ConstantError as error:
        at = LineIndex(text).position(max(text.find(str(error)), 0))
        raise unreadable("bad-json", f"{error} is not JSON", "use a finite number, null or a text", at) from error
    except RecursionError as error:
        raise _too_deep(text) from error
    except ValueError as error:
        raise unreadable("bad-value", "a number with too many digits", "write it as text", None) from error
    _check_bounds(text, value)
    problems = tuple(_duplicate_problems(text)) if duplicates.found else ()
    return Reading(value, lambda: _Walk(text).places, problems)


class _DuplicateWatch:
    def __init__(self) -> None:
        self.found = False

    def make_object(self, pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        result = dict(pairs)
        self.found |= len(result) != len(pairs)
        return result


def _refuse_constant(name: str) -> JsonValue:
    raise _ConstantError(name)


def _explain(error: json.JSONDecodeError, text: str) -> Exception:
    at = LineIndex(text).position(error.pos)
    before, here = text[: error.pos], text[error.pos : error.pos + 40]
    if "Extra data" in error.msg:
        message, hint = "text after the end of the document", "a JSON document is one value: remove what follows it"
    elif here.startswith("{{") or (before.endswith("{") and here.startswith("{")):
        return unreadable("unquoted-template", "a template has to stand in a text", 'write "{{ … }}" with quotes', at)
    elif here.startswith(("//", "/*", "#")):
        message, hint = "JSON has no comments", "remove the comment, or write the document as YAML"
    elif here.startswith("'"):
        message, hint = "texts and keys stand in double quotes in JSON", "write \" instead of '"
    elif before.rstrip().endswith(",") and here[:1] in ("}", "]"):
        message, hint = "a comma before the closing bracket", "remove the comma"
    elif "control character" in error.msg:
        message, hint = "a line break or control character inside a text", "write it as an escape such as \\n"
    elif "Unterminated" in error.msg:
        message, hint = "the quote that opens here is never closed", "add the closing quote"
    elif "escape" in error.msg:
        message, hint = "a backslash here is no escape that JSON knows", "double the backslash"
    elif not here:
        message, hint = "the document ends too early", "close what is open"
    else:
        found = shorten(here.split("\n")[0], 20)
        message, hint = f"not valid JSON at: {found}", "check commas, quotes and brackets near here"
    return unreadable("bad-json", message, hint, at)


def _check_bounds(text: str, value: JsonValue) -> None:
    try:
        check_value(value)
    except BadValueError as error:
        if "deeper" in error.reason:
            raise _too_deep(text) from error
        place = _Walk(text).places.get(error.pointer)
        at = place.value if place else None
        raise unreadable(
            "bad-value", error.reason, "use what every store can hold", at, pointer=error.pointer
        ) from error
    if _count(value) > MAX_VALUES:
        message = f"more than {MAX_VALUES:,} values"
        raise unreadable("too-many-values", message, "split the pipeline, or load the data in a node", None)


def _count(value: JsonValue) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_count, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(_count, value))
    return 1


def _too_deep(text: str) -> Exception:
    lines, depth, at = LineIndex(text), 0, None
    for match in _TOKEN.finditer(text):
        token = match.group(1)
        depth += (token in ("{", "[")) - (token in ("}", "]"))
        if depth > MAX_DEPTH:
            at = lines.position(match.start(1))
            break
    return unreadable("too-deep", f"nested deeper than {MAX_DEPTH} levels", "flatten the document", at)


def _duplicate_problems(text: str) -> list[Problem]:
    return [
        Problem(
            "duplicate-key",
            pointer,
            f"the key '{shorten(key)}' stands here a second time",
            "keep one of the two",
            position.line,
            position.column,
        )
        for pointer, key, position in _Walk(text).duplicates
    ]


@dataclass(slots=True)
class _Container:
    """An object or list that the walk is inside of. ``key`` is None between the values of an object."""

    pointer: str
    is_object: bool
    index: int = 0
    key: str | None = None
    key_position: Position | None = None

    def child(self) -> str:
        return join_pointer(self.pointer, self.key if self.is_object and self.key is not None else self.index)


class _Walk:
    """Goes through the tokens of a text that is known to be JSON and notes where everything stands."""

    def __init__(self, text: str) -> None:
        self.places: dict[str, Place] = {}
        self.duplicates: list[tuple[str, str, Position]] = []
        self._lines = LineIndex(text)
        self._stack: list[_Container] = []
        for match in _TOKEN.finditer(text):
            self._take(match.group(1), match.start(1))

    def _take(self, token: str, offset: int) -> None:
        inside = self._stack[-1] if self._stack else None
        if token in ("}", "]"):
            self._stack.pop()
        elif token == "," and inside:
            inside.index += 1
            inside.key = None
        elif inside and inside.is_object and inside.key is None:
            inside.key = json.loads(token)
            inside.key_position = self._lines.position(offset)
        elif token != ":":
            self._note(token, offset, inside)

    def _note(self, token: str, offset: int, inside: _Container | None) -> None:
        pointer = inside.child() if inside else ""
        key_position = inside.key_position if inside and inside.is_object else None
        if pointer not in self.places:
            self.places[pointer] = Place(self._lines.position(offset), key_position)
        elif inside and inside.key is not None and key_position:
            self.duplicates.append((pointer, inside.key, key_position))
        if token in ("{", "["):
            self._stack.append(_Container(pointer, token == "{"))
