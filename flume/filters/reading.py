"""Reads filters as they stand under ``filters`` of a Knative Trigger: a list of objects, each with one dialect as its key.

All of the list must match. Every problem is noted, with a pointer to it; what is wrong is left out of the filter.
"""

import re
from collections.abc import Mapping, Sequence

from flume.errors import DefinitionError
from flume.filters.cesql import CesqlSyntaxError, compile_tree, parse_cesql, result_type
from flume.filters.dialects import All, AnyOf, Cesql, Dialect, Exact, Filter, Not, Prefix, Suffix
from flume.findings import Findings, name_type
from flume.problems import join_pointer
from flume.reading import shorten
from flume.source import Source
from flume.values import JsonObject, JsonValue

MAX_DEPTH = 50
"""Levels of ``all``, ``any`` and ``not`` within one another."""

_ON_ATTRIBUTES: Mapping[str, type[Exact | Prefix | Suffix]] = {"exact": Exact, "prefix": Prefix, "suffix": Suffix}
_OF_SEVERAL: Mapping[str, type[All | AnyOf]] = {"all": All, "any": AnyOf}

DIALECTS = (*_ON_ATTRIBUTES, *_OF_SEVERAL, "not", "cesql")

_NAME = re.compile(r"[a-z0-9]{1,64}")


def parse_filters(filters: Sequence[JsonObject]) -> Filter:
    """The filter that these are together. Raises `flume.errors.DefinitionError` with every problem."""
    findings = Findings(Source(None))
    found = read_filters(filters, "", findings)
    if findings.problems:
        raise DefinitionError(findings.problems)
    return found


def read_filters(filters: Sequence[JsonValue], pointer: str, findings: Findings) -> Filter:
    """The filter that the list at ``pointer`` is, all of it together; an empty one matches every event."""
    return Filter(_Reader(findings).read_each(filters, pointer, MAX_DEPTH))


def read_attributes(value: JsonValue, pointer: str, findings: Findings) -> Mapping[str, str]:
    """The attributes and their values in the object at ``pointer``, without those that are wrong."""
    if not isinstance(value, Mapping) or not value:
        hint = "for example {type: com.example.order}"
        findings.add("bad-filter", pointer, "expected attributes and their values", hint)
        return {}
    return {name: wanted for name, wanted in value.items() if _is_right(name, wanted, pointer, findings)}


def _is_right(name: str, wanted: JsonValue, pointer: str, findings: Findings) -> bool:
    place = join_pointer(pointer, name)
    before = len(findings)
    if not _NAME.fullmatch(name):
        message = f"'{shorten(name, 40)}' can't be an attribute's name"
        findings.add("bad-filter", place, message, "lower-case letters and digits, at most 64", at_key=True)
    if not isinstance(wanted, str):
        findings.add("bad-filter", place, f"expected text, found {name_type(wanted)}", "put the value in quotes")
    elif not wanted:
        hint = f'to ask whether there is such an attribute, write cesql: "EXISTS {shorten(name, 40)}"'
        findings.add("bad-filter", place, "expected a text that is not empty", hint)
    return len(findings) == before


class _Reader:
    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def read_each(self, filters: Sequence[JsonValue], pointer: str, levels: int) -> tuple[Dialect, ...]:
        read = [self._read(each, join_pointer(pointer, index), levels) for index, each in enumerate(filters)]
        return tuple(each for each in read if each)

    def _read(self, value: JsonValue, pointer: str, levels: int) -> Dialect | None:
        """The filter at ``pointer``, which may hold others so many levels deep, or None if it can't be understood."""
        if not isinstance(value, Mapping):
            hint = "for example {exact: {type: com.example.order}}"
            self._note(pointer, f"expected an object, found {name_type(value)}", hint)
            return None
        if not levels:
            self._note(pointer, f"filters within filters more than {MAX_DEPTH} levels deep", "write it as cesql")
            return None
        self._findings.check_keys(value, pointer, DIALECTS)
        if len(value) != 1:
            hint = f"one of {', '.join(DIALECTS)}; several are combined by `all` or `any`"
            self._note(pointer, "a filter has exactly one dialect", hint)
        read = [self._read_dialect(key, inner, join_pointer(pointer, key), levels) for key, inner in value.items()]
        return read[0] if read else None

    def _read_dialect(self, dialect: str, inner: JsonValue, pointer: str, levels: int) -> Dialect | None:
        if dialect in _ON_ATTRIBUTES:
            return _ON_ATTRIBUTES[dialect](read_attributes(inner, pointer, self._findings))
        if dialect in _OF_SEVERAL:
            return _OF_SEVERAL[dialect](self._read_several(inner, pointer, levels - 1))
        if dialect == "not":
            negated = self._read(inner, pointer, levels - 1)
            return Not(negated) if negated else None
        return self._read_cesql(inner, pointer) if dialect == "cesql" else None

    def _read_several(self, value: JsonValue, pointer: str, levels: int) -> tuple[Dialect, ...]:
        if not isinstance(value, list) or not value:
            self._note(pointer, "expected a list with at least one filter", "add a filter to the list")
            return ()
        return self.read_each(value, pointer, levels)

    def _read_cesql(self, text: JsonValue, pointer: str) -> Dialect | None:
        example = "for example \"type LIKE 'com.%'\""
        if not isinstance(text, str) or not text.strip():
            self._note(pointer, "expected a CESQL expression as text", example)
            return None
        try:
            tree = parse_cesql(text)
        except CesqlSyntaxError as error:
            self._note(pointer, str(error), error.hint)
            return None
        kind = result_type(tree)
        if kind in (int, str):
            gives = "a number" if kind is int else "text"
            self._note(pointer, f"the expression gives {gives}, so that no event would match", f"compare it, {example}")
        return Cesql(text, compile_tree(tree))

    def _note(self, pointer: str, message: str, hint: str) -> None:
        self._findings.add("bad-filter", pointer, message, hint)
