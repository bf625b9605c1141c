"""Node types and their schemas as tables of fields."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from console.models import Json


@dataclass(frozen=True, slots=True)
class SchemaField:
    """A field of a schema. ``type`` is in words, ``default`` as JSON or empty."""

    name: str
    type: str
    is_required: bool
    default: str
    description: str


def by_category(node_types: Sequence[Json]) -> list[tuple[str, list[Json]]]:
    """Node types by category, both in order of their names."""
    ordered = sorted(node_types, key=lambda each: (each["category"], each["name"]))
    return [(category, list(group)) for category, group in groupby(ordered, key=lambda each: each["category"])]


def schema_fields(schema: Json | None) -> list[SchemaField]:
    """The fields of an object's schema, in order."""
    if not schema:
        return []
    required = schema.get("required", ())
    return [
        SchemaField(
            name,
            type_text(field, schema.get("$defs", {})),
            name in required,
            _default(field),
            str(field.get("description", "")),
        )
        for name, field in schema.get("properties", {}).items()
    ]


def type_text(schema: Any, definitions: Json) -> str:
    """What values a schema takes, in words: ``text or number``, ``list of text``, ``"a" or "b"``."""
    if not isinstance(schema, dict):
        return "any"
    if "$ref" in schema:
        return type_text(definitions.get(schema["$ref"].rpartition("/")[2]), {})
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " or ".join(json.dumps(each, ensure_ascii=False) for each in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(type_text(each, definitions) for each in schema[key]))
    match schema.get("type"):
        case "array":
            inner = type_text(schema.get("items"), definitions)
            return "list" if inner == "any" else f"list of {inner}"
        case list(several):
            return " or ".join(_WORDS.get(each, str(each)) for each in several)
        case str(one):
            return _WORDS.get(one, one)
        case _:
            return "any"


_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "nothing",
}


def _default(field: Any) -> str:
    if not isinstance(field, dict) or field.get("default") is None:
        return ""
    return json.dumps(field["default"], ensure_ascii=False)
