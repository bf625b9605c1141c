"""The `inputs` of a pipeline as they can be relied on: a draft may have anything in their place."""

from collections.abc import Mapping
from typing import Any

from console.models import Json

_KEYWORDS: Mapping[str, type | tuple[type, ...]] = {
    "title": str,
    "description": str,
    "type": str,
    "enum": list,
    "maxLength": (int, float),
}
"""Of what type the value of a keyword has to be for us to make use of it."""


def input_schemas(inputs: Any) -> dict[str, Json]:
    """The schema of each input, ``{}`` where there is none; without keywords whose values make no sense."""
    if not isinstance(inputs, Mapping):
        return {}
    return {str(name): _usable(schema) for name, schema in inputs.items()}


def _usable(schema: Any) -> Json:
    if not isinstance(schema, Mapping):
        return {}
    return {name: value for name, value in schema.items() if isinstance(value, _KEYWORDS.get(name, object))}
