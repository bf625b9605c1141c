"""YAML 1.2 (core schema) with positions, on top of PyYAML's composer.

PyYAML's own resolver follows YAML 1.1, where ``on`` is a boolean and ``12:30`` a number, so that scalars are resolved
here. The parser in C is several times faster than the one in Python and is used where it exists; both give the same
values and positions.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from flume.problems import Problem, join_pointer
from flume.reading import MAX_VALUES, LineIndex, Place, Position, Reading, shorten, unreadable
from flume.values import INT64_MAX, INT64_MIN, MAX_DEPTH, JsonValue
from flume.yaml_errors import explain_yaml_error, quoted

IMPLICIT, TEXT = "?", "!"
"""Our tags for scalars that the core schema resolves and for those that are text because they are quoted."""

CORE_TAGS = "tag:yaml.org,2002:"

_FIRST_OF_SPECIAL = frozenset("-+.0123456789ntfNTF~")
_CONSTANTS: Final[Mapping[str, JsonValue]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_OLD_BREAKS = "\x85\u2028\u2029"
"""Line breaks in YAML 1.1, and to libyaml still; ordinary characters in 1.2."""


def read_yaml(text: str, *, first_line: int = 1) -> Reading | None:
    """Read a text that holds at most one document; None when it holds none.

    ``first_line`` is the number of the text's first line in its file. What can be read past (duplicate keys, tags, an
    unquoted template) is among the reading's problems. Raises `flume.errors.DefinitionError` for all else.
    """
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        raise unreadable(
            "bad-character",
            f"the character U+{ord(unprintable.group()):04X} is not allowed in YAML",
            "remove it, or write it as an escape in a double-quoted text",
            LineIndex(text, first_line=first_line).position(unprintable.start()),
        )
    hidden = _hidden_breaks(text)
    root = _compose(text.translate(hidden), first_line)
    if root is None:
        return None
    conversion = _Conversion(text, first_line, {code: chr(old) for old, code in hidden.items()})
    value = conversion.convert(root)
    return Reading(value, lambda: _Places(first_line, conversion.restore).collect(root), tuple(conversion.problems))


def _hidden_breaks(text: str) -> dict[int, int]:
    """Private characters, absent from the text, to stand for the old line breaks while libyaml reads it."""
    used = [ord(character) for character in _OLD_BREAKS if character in text]
    free = (code for code in range(0xE000, 0xF8FF) if chr(code) not in text)
    return dict(zip(used, free, strict=False)) if used else {}


class _BoundsError(Exception):
    """The composer met a bound; raised out of its hooks, which the parser in C can't answer otherwise."""

    def __init__(self, reason: str, container: Node | None) -> None:
        self.reason = reason
        self.container = container


class _ComposerHooks:
    """What the composer calls for each node, in place of PyYAML's resolver.

    The bound on depth is checked here because the composer in C recurses without one and would overflow the stack.
    """

    _depth = 0
    _count = 0

    def resolve(self, kind: type[Node], value: object, implicit: Any) -> str:
        plain = implicit[0] if kind is ScalarNode else implicit
        return IMPLICIT if plain else TEXT

    def descend_resolver(self, parent: Node | None, index: object) -> None:
        self._count += 1
        self._depth += 1
        if self._depth > MAX_DEPTH + 1:
            raise _BoundsError("depth", parent)
        if self._count > MAX_VALUES * 2:
            raise _BoundsError("count", parent)

    def ascend_resolver(self) -> None:
        self._depth -= 1


class _PureComposer(_ComposerHooks, Reader, Scanner, Parser, Composer):
    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)


def _composer_class() -> type[Any]:
    if not yaml.__with_libyaml__:
        return _PureComposer
    from yaml._yaml import CParser

    class _FastComposer(_ComposerHooks, CParser):
        pass

    return _FastComposer


_COMPOSER = _composer_class()


def _compose(text: str, first_line: int) -> Node | None:
    composer = _COMPOSER(text)
    try:
        root: Node | None = composer.get_single_node()
    except _BoundsError as error:
        at = _position(error.container, first_line) if error.container else None
        raise _too_big(error.reason, at) from error
    except yaml.MarkedYAMLError as error:
        raise explain_yaml_error(error, text, first_line) from error
    except yaml.YAMLError as error:
        raise unreadable("bad-yaml", f"not valid YAML: {shorten(str(error))}", "", None) from error
    finally:
        composer.dispose()
    is_nothing = isinstance(root, ScalarNode) and root.tag == IMPLICIT and root.value == ""
    return None if is_nothing else root


def _too_big(reason: str, position: Position | None) -> Exception:
    if reason == "depth":
        message, hint = f"nested deeper than {MAX_DEPTH} levels", "flatten the document"
        return unreadable("too-deep", message, hint, position)
    message = f"more than {MAX_VALUES:,} values, aliases counted in full"
    return unreadable("too-many-values", message, "split the pipeline, or load the data in a node", position)


def _position(node: Node, first_line: int) -> Position:
    return Position(node.start_mark.line + first_line, node.start_mark.column + 1)


class _Conversion:
    """Turns composed nodes into a JSON value and notes what is wrong on the way."""

    def __init__(self, text: str, first_line: int, restored: Mapping[int, str]) -> None:
        self.problems: list[Problem] = []
        self._text = text
        self._first_line = first_line
        self._restored = restored
        self._path: list[str | int] = []
        self._open: set[int] = set()
        self._count = 0

    def restore(self, text: str) -> str:
        """The text with the old line breaks that were hidden from libyaml."""
        return text.translate(self._restored) if self._restored else text

    def convert(self, node: Node) -> JsonValue:
        self._count += 1
        if self._count > MAX_VALUES:
            raise _too_big("count", _position(node, self._first_line))
        if node.__class__ is ScalarNode:
            return self._scalar(node)
        if id(node) in self._open:
            raise unreadable(
                "bad-alias", "an alias inside what it stands for", "write it out", _position(node, self._first_line)
            )
        if len(self._path) >= MAX_DEPTH:
            raise _too_big("depth", _position(node, self._first_line))
        self._open.add(id(node))
        value = self._mapping(node) if node.__class__ is MappingNode else self._sequence(node)
        self._open.discard(id(node))
        return value

    def _sequence(self, node: Node) -> JsonValue:
        if node.tag not in (IMPLICIT, TEXT, f"{CORE_TAGS}seq"):
            self._note_tag(node)
        items = []
        for index, item in enumerate(node.value):
            self._path.append(index)
            items.append(self.convert(item))
            self._path.pop()
        return items

    def _mapping(self, node: Node) -> JsonValue:
        if node.tag not in (IMPLICIT, TEXT, f"{CORE_TAGS}map"):
            self._note_tag(node)
        result: dict[str, JsonValue] = {}
        for key_node, value_node in node.value:
            if key_node.__class__ is MappingNode and self._is_template(node):
                return self._template(node)
            key = self._key(key_node)
            if key is None:
                continue
            self._path.append(key)
            if key in result:
                hint = "keep one of the two"
                self._note("duplicate-key", f"the key '{shorten(key)}' stands here a second time", hint, key_node)
                self.convert(value_node)
            else:
                result[key] = self.convert(value_node)
            self._path.pop()
        return result

    def _key(self, node: Node) -> str | None:
        if node.__class__ is not ScalarNode:
            self._note("bad-key", "a list or an object can't be a key", "use a text as the key", node)
            return None
        if node.tag == IMPLICIT:
            if node.value == "<<":
                self._note("merge-key", "merge keys (<<) are not part of YAML 1.2", "write the keys out", node)
                return None
            if not isinstance(self._plain(node), str):
                self._note("bad-key", f"the key {node.value or 'null'} is not text", f'write "{node.value}"', node)
        elif node.tag not in (TEXT, f"{CORE_TAGS}str"):
            self._note_tag(node)
        key = self.restore(node.value)
        if "\0" in key:
            self._note("bad-key", "a key holds the NUL character", "remove it", node)
        return key

    def _is_template(self, node: Node) -> bool:
        return self._text.startswith("{{", node.start_mark.index)

    def _template(self, node: Node) -> str:
        """The text of a template that YAML took for an object, so that the rest of the document can still be checked."""
        text = self._text[node.start_mark.index : node.end_mark.index]
        message = "YAML reads an unquoted {{ as an object"
        self._note("unquoted-template", message, f"put the value in quotes: {quoted(shorten(text))}", node)
        return text

    def _scalar(self, node: ScalarNode) -> JsonValue:
        tag = node.tag
        if tag == IMPLICIT:
            return self._plain(node)
        if tag != TEXT and tag != f"{CORE_TAGS}str":
            return self._tagged(node)
        return self.restore(node.value)

    def _plain(self, node: ScalarNode) -> JsonValue:
        text: str = node.value
        if text and text[0] not in _FIRST_OF_SPECIAL:
            return self.restore(text) if self._restored else text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            return self._integer(node)
        if _FLOAT.fullmatch(text):
            return self._finite(node, float(text))
        if _NOT_FINITE.fullmatch(text):
            return self._finite(node, float("inf"))
        return self.restore(text)

    def _integer(self, node: ScalarNode) -> JsonValue:
        text: str = node.value
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        digits = text[2:] if base != 10 else text
        value = int(digits, base) if len(digits) <= 64 else INT64_MAX + 1
        if INT64_MIN <= value <= INT64_MAX:
            return value
        self._note("bad-value", "an integer beyond 64 bits", "put it in quotes to keep it as text", node)
        return text

    def _finite(self, node: ScalarNode, value: float) -> JsonValue:
        if abs(value) != float("inf"):
            return value
        hint = "use a finite number, null or a text in quotes"
        self._note("bad-value", f"{shorten(node.value)} is not a number in JSON", hint, node)
        return 0

    def _tagged(self, node: ScalarNode) -> JsonValue:
        wanted = {"null": type(None), "bool": bool, "int": int, "float": float}.get(node.tag.removeprefix(CORE_TAGS))
        if not node.tag.startswith(CORE_TAGS) or wanted is None:
            self._note_tag(node)
            return self.restore(node.value)
        value = self._plain(node)
        if wanted is float and type(value) is int:
            return float(value)
        if type(value) is not wanted:
            hint = "remove the tag"
            self._note("bad-tag", f"'{shorten(node.value)}' is no {node.tag.removeprefix(CORE_TAGS)}", hint, node)
        return value

    def _note_tag(self, node: Node) -> None:
        tag = node.tag.replace(CORE_TAGS, "!!")
        message = f"the tag {shorten(tag)} has no meaning here"
        self._note("bad-tag", message, "remove the tag, or put the value in quotes if it is text", node)

    def _note(self, code: str, message: str, hint: str, node: Node) -> None:
        position = _position(node, self._first_line)
        self.problems.append(
            Problem(code, join_pointer("", *self._path), message, hint, position.line, position.column)
        )


class _Places:
    """Collects where everything stands, by the same rules by which `_Conversion` makes values."""

    def __init__(self, first_line: int, restore: Any) -> None:
        self._first_line = first_line
        self._restore = restore
        self._places: dict[str, Place] = {}

    def collect(self, root: Node) -> Mapping[str, Place]:
        self._visit(root, "", None)
        return self._places

    def _visit(self, node: Node, pointer: str, key: Position | None) -> None:
        if pointer in self._places:
            return
        self._places[pointer] = Place(_position(node, self._first_line), key)
        if node.__class__ is SequenceNode:
            for index, item in enumerate(node.value):
                self._visit(item, f"{pointer}/{index}", None)
        elif node.__class__ is MappingNode:
            for key_node, value_node in node.value:
                if key_node.__class__ is ScalarNode:
                    below = join_pointer(pointer, self._restore(key_node.value))
                    self._visit(value_node, below, _position(key_node, self._first_line))
