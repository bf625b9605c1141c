"""The form that starts a run, made of a pipeline's `inputs`, and the values that come back from it.

Only what HTML can't say is checked here; whether a value fits its schema is for the orchestrator to tell.
"""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from console.models import Json
from console.models.inputs import input_schemas

PREFIX = "input."
"""Names of the form's fields begin so, apart from those that the console needs for itself."""

Kind = Literal["text", "area", "number", "check", "choice", "json"]

LONG_TEXT = 200
"""A text whose maximum is longer than this, or is not limited and has line breaks, gets several lines."""


@dataclass(frozen=True, slots=True)
class Field:
    """One input. ``text`` is what stands in it at first, or what was typed; ``error`` what is wrong with that."""

    name: str
    kind: Kind
    label: str
    description: str
    is_required: bool
    text: str
    choices: tuple[str, ...] = ()
    minimum: str = ""
    maximum: str = ""
    step: str = ""
    error: str = ""

    @property
    def form_name(self) -> str:
        """Its name in the form."""
        return PREFIX + self.name


def make_fields(inputs: Any, given: Mapping[str, str] | None = None) -> list[Field]:
    """A field for each of a pipeline's `inputs`, in order; with ``given``, what was typed stands in them again."""
    return [_field(name, schema, given) for name, schema in input_schemas(inputs).items()]


def fields_as_typed(given: Mapping[str, str]) -> list[Field]:
    """What was typed as text, where the pipeline that would say more is not to be had."""
    typed = {name.removeprefix(PREFIX): text for name, text in given.items() if name.startswith(PREFIX)}
    return [Field(name, "area", name, "", is_required=False, text=text) for name, text in typed.items()]


def read_form(inputs: Any, given: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the run gets, and by input what can't be read. A field left empty counts as not given if it may be."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, schema in input_schemas(inputs).items():
        text = given.get(PREFIX + name, "")
        if _kind(schema) == "check":
            values[name] = bool(text)
        elif text or ("default" not in schema and schema.get("type") == "string"):
            try:
                values[name] = _read(schema, text)
            except ValueError as error:
                errors[name] = str(error)
    return values, errors


def _read(schema: Json, text: str) -> Any:
    match _kind(schema):
        case "number":
            return _number(text)
        case "json":
            return _json(text)
        case "choice":
            return next((each for each in schema["enum"] if choice_text(each) == text), text)
        case _:
            # Browsers send line breaks as CR LF.
            return text.replace("\r\n", "\n")


def _number(text: str) -> int | float:
    # Not by way of a float, which has only 53 bits for a whole number.
    with suppress(ValueError):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        raise ValueError("expected a number") from None
    if not math.isfinite(number):
        raise ValueError("expected a number that is not infinite")
    return int(number) if number.is_integer() else number


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None


def _field(name: str, schema: Json, given: Mapping[str, str] | None) -> Field:
    kind = _kind(schema)
    is_required = "default" not in schema
    return Field(
        name=name,
        kind=kind,
        label=schema.get("title") or name,
        description=schema.get("description") or "",
        is_required=is_required,
        text=_initial(kind, schema) if given is None else given.get(PREFIX + name, ""),
        choices=tuple(choice_text(each) for each in schema.get("enum", ())),
        minimum=_bound(schema, "minimum"),
        maximum=_bound(schema, "maximum"),
        step="1" if schema.get("type") == "integer" else "any",
    )


def _kind(schema: Json) -> Kind:
    if schema.get("enum"):
        return "choice"
    match schema.get("type"):
        case "integer" | "number":
            return "number"
        case "boolean":
            return "check"
        case "string":
            is_long = schema.get("maxLength", 0) > LONG_TEXT or "\n" in str(schema.get("default") or "")
            return "area" if is_long else "text"
        case _:
            return "json"


def _initial(kind: Kind, schema: Json) -> str:
    default = schema.get("default")
    if kind == "check":
        return "on" if default else ""
    if default is None:
        return ""
    if kind == "json":
        return json.dumps(default, ensure_ascii=False, indent=2)
    return choice_text(default)


def choice_text(value: Any) -> str:
    """A value of a choice, or a number, as a form shows it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _bound(schema: Json, name: str) -> str:
    return str(schema[name]) if name in schema else ""
