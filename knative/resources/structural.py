"""JSON Schema in the form that Kubernetes takes for custom resources: structural.

Each place says its one type; there are no references, and no alternatives with types of their own. What can't be said so is let
pass here and checked by whoever reads the resource. Defaults stay out: a document is kept as it was written.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

ANYTHING: Mapping[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}
"""A place that takes any value, whatever its type."""

_KEPT = (
    "description",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "maxProperties",
)


def structural(schema: Mapping[str, Any]) -> Schema:
    """The structural form of a JSON Schema with its ``$defs``. A definition within itself is let pass unchecked."""
    return _Converter(schema.get("$defs", {})).convert(schema, ())


class _Converter:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def convert(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> Schema:
        if "$ref" in schema:
            return self._referred(schema, within)
        if "oneOf" in schema:
            return self._merged(schema, within)
        kept: Schema = {key: schema[key] for key in _KEPT if key in schema}
        if "const" in schema:
            kept["enum"] = [schema["const"]]
        kind = schema.get("type", "string" if "enum" in kept else None)
        if not isinstance(kind, str):
            described = {key: kept[key] for key in ("description",) if key in kept}
            return {**described, **ANYTHING}
        return {"type": kind, **kept, **self._inside(kind, schema, within)}

    def _referred(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> Schema:
        name = schema["$ref"].rpartition("/")[2]
        described = {key: schema[key] for key in ("description",) if key in schema}
        if name in within:
            return {"type": "object", **described, **ANYTHING}
        return {**self.convert(self._definitions[name], (*within, name)), **described}

    def _inside(self, kind: str, schema: Mapping[str, Any], within: tuple[str, ...]) -> Schema:
        if kind == "array":
            return {"items": self.convert(schema.get("items", {}), within)}
        if kind != "object":
            return {}
        if "properties" in schema:
            properties = {name: self.convert(inner, within) for name, inner in schema["properties"].items()}
            return {"properties": properties, **_required(schema.get("required", ()))}
        values = schema.get("additionalProperties")
        if isinstance(values, Mapping) and values:
            return {"additionalProperties": self.convert(values, within)}
        return dict(ANYTHING)

    def _merged(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> Schema:
        """One object that has the keys of all alternatives, which are told apart by their ``type``."""
        options = [self.convert(option, within) for option in schema["oneOf"]]
        properties: Schema = {}
        for option in options:
            for name, inner in option["properties"].items():
                properties.setdefault(name, inner)
        kinds = [kind for option in options for kind in option["properties"]["type"]["enum"]]
        properties["type"] = {"type": "string", "enum": kinds}
        common = set.intersection(*(set(option.get("required", ())) for option in options))
        described = {key: schema[key] for key in ("description",) if key in schema}
        return {"type": "object", **described, "properties": properties, **_required(sorted(common))}


def _required(names: Sequence[str]) -> Schema:
    return {"required": list(names)} if names else {}
