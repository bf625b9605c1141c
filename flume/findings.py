"""Collects problems of one document and reads its parts through pydantic models, whose errors become problems of our own wording.

A part that is partly wrong is still read, without what is wrong in it: the checks that follow see as much of the
document as there is.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from flume.pipeline import EMPTY
from flume.problems import Problem, join_pointer, sorted_problems
from flume.reading import shorten
from flume.source import Source
from flume.values import JsonValue

Model = TypeVar("Model", bound=BaseModel)

_EXPECTED: Mapping[str, tuple[str, str]] = {
    "string_type": ("text", "put the value in quotes"),
    "bool_type": ("true or false", "write true or false, without quotes"),
    "int_type": ("a whole number", "write digits, without quotes"),
    "float_type": ("a number", "write digits, without quotes"),
    "list_type": ("a list", "begin each item with a dash, or write [a, b]"),
    "dict_type": ("an object", "write `key: value` lines below it, or {key: value}"),
    "model_type": ("an object", "write `key: value` lines below it, or {key: value}"),
}

_BOUNDS: Mapping[str, str] = {
    "greater_than_equal": "expected at least {ge}",
    "less_than_equal": "expected at most {le}",
    "greater_than": "expected more than {gt}",
    "string_too_short": "expected at least {min_length} character",
    "string_too_long": "expected at most {max_length} characters",
    "too_short": "expected at least {min_length} item",
    "too_long": "expected at most {max_length} items",
    "finite_number": "expected a finite number",
}

_MOST_PROPOSALS = 200

_ELSEWHERE: Mapping[str, str] = {
    "dependsOn": "order is written in `edges`: {from: earlier-node, to: this-node}",
    "depends_on": "order is written in `edges`: {from: earlier-node, to: this-node}",
    "needs": "order is written in `edges`: {from: earlier-node, to: this-node}",
    "retries": "write retry: {attempts: 3}",
    "if": "write `when`",
    "body": "a loop's body belongs under its `config`",
    "spec": "`spec` belongs to apiVersion flume.dev/v1; in flume/v1 its keys stand at the top",
}


def name_type(value: JsonValue) -> str:
    """What a value is, for sentences: ``text``, ``a number``, ``nothing``."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case Mapping():
            return "an object"
        case _:
            return "a list"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` was probably meant to be."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(word.lower().replace("_", "")[:64], by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def propose(word: str, known: Iterable[str], *, limit: int = 12) -> str:
    """A hint for a name that does not exist: the nearest one, else those that do."""
    names = list(known)
    close = nearest(word, names)
    if close:
        return f"did you mean '{close}'?"
    if not names:
        return ""
    shown = ", ".join(shorten(name, 40) for name in names[:limit])
    return f"known: {shown}" + (" …" if len(names) > limit else "")


class Findings:
    """The problems found so far in one document."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._problems: list[Problem] = list(source.problems)

    def __len__(self) -> int:
        return len(self._problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems, in the order of the text."""
        return tuple(sorted_problems(self._problems))

    def add(self, code: str, pointer: str, message: str, hint: str = "", *, at_key: bool = False) -> None:
        """Note a problem at the value that ``pointer`` names, or at that value's key."""
        self._problems.append(self._source.locate(Problem(code, pointer, message, hint), at_key=at_key))

    def propose(self, word: str, known: Iterable[str]) -> str:
        """The hint of `propose`, or none once there are so many problems that looking for names would take long."""
        return propose(word, known) if len(self) < _MOST_PROPOSALS else ""

    def expect_object(self, value: JsonValue, pointer: str) -> Mapping[str, JsonValue]:
        """The value if it is an object; otherwise a problem and an empty one. Nothing at all counts as empty."""
        if isinstance(value, Mapping) or value is None:
            return value or {}
        self._add_wrong_type("dict_type", pointer, value)
        return {}

    def expect_list(self, value: JsonValue, pointer: str) -> list[JsonValue]:
        """The value if it is a list; otherwise a problem and an empty one. Nothing at all counts as empty."""
        if isinstance(value, list) or value is None:
            return value or []
        self._add_wrong_type("list_type", pointer, value)
        return []

    def check_keys(self, value: Mapping[str, JsonValue], pointer: str, known: Iterable[str]) -> None:
        """Note each key of ``value`` that is not a known one."""
        names = list(known)
        for key in value:
            if key not in names:
                self._add_unknown_key(join_pointer(pointer, key), key, names)

    def read(
        self, model: type[Model], value: JsonValue, pointer: str, *, stand_ins: Mapping[str, JsonValue] = EMPTY
    ) -> Model | None:
        """The value as a ``model``, with a problem for each thing wrong in it.

        What is wrong is left out, and ``stand_ins`` stand for what the model can't be without; None when the rest is not a
        whole ``model`` all the same. Keys without a value count as absent, since YAML gives null for a key whose lines are
        commented out.
        """
        if not isinstance(value, Mapping):
            self._add_wrong_type("model_type", pointer, value)
            return None
        present = {key: inner for key, inner in value.items() if inner is not None or key in ("data", "default")}
        try:
            return model.model_validate(present)
        except ValidationError as error:
            details = error.errors(include_url=False)
        wrong = set()
        for detail in details:
            self._add_detail(model, detail, pointer)
            wrong.add(detail["loc"][0] if detail["loc"] else None)
        try:
            return model.model_validate(
                {**stand_ins, **{key: inner for key, inner in present.items() if key not in wrong}}
            )
        except ValidationError:
            return None

    def _add_detail(self, model: type[BaseModel], detail: ErrorDetails, base: str) -> None:
        location = [part for part in detail["loc"] if part != "[key]"]
        at_key = len(location) < len(detail["loc"])
        kind, pointer, context = detail["type"], join_pointer(base, *location), detail.get("ctx", {})
        if kind == "extra_forbidden":
            self._add_unknown_key(pointer, str(location[-1]), _known_keys(model, location[:-1]))
        elif kind == "missing":
            key = str(location[-1])
            self.add("missing-key", join_pointer(base, *location[:-1]), f"`{key}` is missing", f"add `{key}: …`")
        elif kind in _EXPECTED:
            self._add_wrong_type(kind, pointer, detail["input"])
        elif kind == "literal_error":
            choices = re.findall(r"'([^']*)'", context["expected"])
            found = shorten(str(detail["input"]), 40)
            hint = self.propose(found, choices)
            self.add("bad-value", pointer, f"'{found}' is not one of {', '.join(choices)}", hint)
        elif kind in _BOUNDS:
            self.add("bad-value", pointer, _BOUNDS[kind].format(**context), "correct the value")
        else:
            self.add(kind.replace("_", "-"), pointer, detail["msg"], context.get("hint", ""), at_key=at_key)

    def _add_unknown_key(self, pointer: str, key: str, known: Iterable[str]) -> None:
        hint = _ELSEWHERE.get(key) or self.propose(key, known)
        self.add("unknown-key", pointer, f"there is no key '{shorten(key)}' here", hint, at_key=True)

    def _add_wrong_type(self, kind: str, pointer: str, value: JsonValue) -> None:
        expected, hint = _EXPECTED[kind]
        self.add("wrong-type", pointer, f"expected {expected}, found {name_type(value)}", hint)


def _known_keys(model: type[BaseModel], location: Iterable[str | int]) -> list[str]:
    """The keys of the model that stands at ``location`` inside ``model``."""
    current: type[BaseModel] | None = model
    for part in location:
        for name, declared in (current.model_fields if current else {}).items():
            if part in (name, declared.alias):
                current = _find_model(declared.annotation) or current
    return [declared.alias or name for name, declared in current.model_fields.items()] if current else []


def _find_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := _find_model(argument))), None)
