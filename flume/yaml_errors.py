"""Says what is wrong with a text that is not YAML, in words that fit what people who write pipelines get wrong.

The parsers in C and in Python word their errors differently; both are told apart here by the few words they share.
"""

import re

from yaml import Mark, MarkedYAMLError

from flume.errors import DefinitionError
from flume.reading import Position, shorten, unreadable

_TEMPLATE_VALUES = (
    re.compile(r"""^\s*(?:-\s+)*(?:[^\s"'{\[#][^"'{\[#]*:\s+)?(\{[{%].*)$"""),
    re.compile(r"""[\[{,]\s*(?:[\w.-]+:\s*)?(\{\{.*)$"""),
)

_LONGEST_LINE = 2_000
"""What is looked at of a line, so that no line makes the patterns slow."""

_QUOTE_IT = "put the value in quotes: "


def quoted(text: str) -> str:
    """The text as a YAML scalar in quotes, for hints."""
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def explain_yaml_error(error: MarkedYAMLError, text: str, first_line: int) -> DefinitionError:
    """The error to raise instead of PyYAML's, with a position in the file whose line ``first_line`` is the text's first."""
    mark = error.problem_mark or error.context_mark or Mark("", 0, 0, 0, None, 0)
    lines = text.splitlines() or [""]
    template = _unquoted_template(lines, mark)
    if template:
        position, value = template
        message = "YAML reads an unquoted {{ or {% as the start of an object"
        hint = _QUOTE_IT + quoted(shorten(value))
        return unreadable("unquoted-template", message, hint, Position(position.line + first_line, position.column))
    code, message, hint, mark = _explain(error, lines, mark)
    return unreadable(code, message, hint, Position(mark.line + first_line, mark.column + 1))


def _unquoted_template(lines: list[str], mark: Mark) -> tuple[Position, str] | None:
    """The place (line from 0) and text of a template without quotes on the line of the mark, or on the one before it."""
    for number in (mark.line, mark.line - 1):
        line = lines[number][:_LONGEST_LINE] if 0 <= number < len(lines) else ""
        for pattern in _TEMPLATE_VALUES:
            match = pattern.search(line)
            if match and (number < mark.line or match.start(1) <= mark.column):
                return Position(number, match.start(1) + 1), _value_from(line, match.start(1))
    return None


def _value_at(lines: list[str], mark: Mark) -> str:
    return _value_from(lines[mark.line], mark.column) if mark.line < len(lines) else ""


def _value_from(line: str, column: int) -> str:
    """What was probably meant as one value: the rest of the line or, within { } or [ ] on this line, up to what ends it there."""
    rest = re.split(r"\s#", line[column:], maxsplit=1)[0].strip()
    before = line[:column]
    if before.count("{") + before.count("[") <= before.count("}") + before.count("]"):
        return rest
    depth = 0
    for index, character in enumerate(rest):
        if depth == 0 and (character in "}]" or rest.startswith(", ", index)):
            return rest[:index].rstrip(", ")
        depth += (character in "{[") - (character in "}]")
    return rest.rstrip(", ")


def _explain(error: MarkedYAMLError, lines: list[str], mark: Mark) -> tuple[str, str, str, Mark]:
    problem, context = error.problem or "", error.context or ""
    start = error.context_mark or mark
    if "cannot start any token" in problem:
        return _explain_character(lines, mark)
    if "scanning an alias" in context or "scanning an anchor" in context or "scanning a block scalar" in context:
        value = _value_at(lines, start)
        message = f"a value that begins with {value[:1]} has another meaning in YAML"
        return "unquoted-text", message, _QUOTE_IT + quoted(shorten(value)), start
    if "undefined alias" in problem:
        value = _value_at(lines, mark)
        message = f"{shorten(value)} stands for a part of the document that does not exist"
        return "bad-alias", message, f"if it is meant as text, {_QUOTE_IT}{quoted(shorten(value))}", mark
    if "duplicate anchor" in problem or "second occurrence" in problem:
        return "bad-alias", "this anchor exists already", "give it another name", mark
    if "quoted scalar" in context:
        return _explain_quotes(problem, mark, start)
    message, hint, place = _explain_structure(problem, context, mark, start)
    return "bad-yaml", message, hint, place


def _explain_character(lines: list[str], mark: Mark) -> tuple[str, str, str, Mark]:
    value = _value_at(lines, mark)
    line = lines[mark.line] if mark.line < len(lines) else ""
    if line[mark.column : mark.column + 1] == "\t":
        return "bad-yaml", "a tab where YAML wants spaces", "indent with spaces", mark
    message = f"a value can't begin with {value[:1]} in YAML"
    return "unquoted-text", message, _QUOTE_IT + quoted(shorten(value)), mark


def _explain_quotes(problem: str, mark: Mark, start: Mark) -> tuple[str, str, str, Mark]:
    if "end of stream" in problem or "document" in problem:
        return "bad-yaml", "the quote that opens here is never closed", "add the closing quote", start
    if "escape" in problem or "hexadecimal" in problem or "hexdecimal" in problem:
        hint = "double the backslash, or use single quotes, in which backslashes are plain text"
        return "bad-yaml", "a backslash here is no escape that YAML knows", hint, mark
    return "bad-yaml", f"not a valid text in quotes: {shorten(problem)}", "check the quotes", mark


def _explain_structure(problem: str, context: str, mark: Mark, start: Mark) -> tuple[str, str, Mark]:
    if "mapping values are not allowed" in problem:
        hint = "put the value in quotes if the colon belongs to it, or begin the inner object on a line of its own"
        return "a second 'key: value' on one line", hint, mark
    if "block sequence entries are not allowed" in problem:
        return "a list can't begin on the line of its key", "begin the list on the next line", mark
    if "flow sequence" in context:
        return "this list in [ ] is not closed, or a comma is missing in it", "add the ] or the comma", start
    if "flow mapping" in context:
        return "this object in { } is not closed, or a comma is missing in it", "add the } or the comma", start
    if "document start" in problem:
        hint = "give lines of one level the same indentation"
        return "this line does not belong to the document above it", hint, mark
    if "block mapping" in context or "block collection" in context or "block sequence" in context:
        hint = "give keys of one level the same indentation, and quote the whole of a value that holds quotes"
        return "this does not fit the lines above it", hint, mark
    return f"not valid YAML: {shorten(problem)}", "check indentation, quotes and brackets near here", mark
