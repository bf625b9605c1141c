"""Checks objects as a cluster does, and more strictly: a key that no schema knows is an error and not dropped in silence."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml

CRDS = Path(__file__).with_name("knative-crds")

LABEL = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
LABEL_KEY = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")

LET_PASS = {"spec.delivery.timeout"}
"""Keys that Knative knows although its schema does not: they are in the documentation of its features."""

_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}


def problems_of(value: Any, schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """What is wrong with a value by a structural schema. Where it names keys, others are wrong even if it keeps them."""
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, int | str) or isinstance(value, bool):
            yield f"{path}: neither a number nor text"
        return
    kind = schema.get("type")
    if kind is None:
        assert schema.get("x-kubernetes-preserve-unknown-fields"), f"{path}: a place without a type"
        return
    is_bool = isinstance(value, bool)
    if not isinstance(value, _TYPES[kind]) or (is_bool and kind != "boolean"):
        yield f"{path}: {value!r} is no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    match value:
        case dict():
            yield from _of_object(value, schema, path)
        case list():
            if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
                yield f"{path}: {len(value)} items"
            for index, item in enumerate(value):
                yield from problems_of(item, schema["items"], f"{path}[{index}]")
        case str():
            yield from _of_text(value, schema, path)
        case int() | float() if not is_bool:
            if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
                yield f"{path}: {value} is out of bounds"


def _of_object(value: dict[str, Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    properties, values = schema.get("properties"), schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}: no {name}"
    for name, inner in value.items():
        place = f"{path}.{name}".strip(".")
        if properties and name in properties:
            yield from problems_of(inner, properties[name], place)
        elif isinstance(values, Mapping):
            yield from problems_of(inner, values, place)
        elif (properties or not schema.get("x-kubernetes-preserve-unknown-fields")) and place not in LET_PASS:
            yield f"{place}: unknown"


def _of_text(value: str, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{path}: {len(value)} characters"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"


@cache
def knative_schemas() -> Mapping[tuple[str, str], Any]:
    """The schemas of Knative's kinds, by apiVersion and kind."""
    found = {}
    for file in CRDS.glob("*.yaml"):
        spec = yaml.safe_load(file.read_text())["spec"]
        for version in spec["versions"]:
            key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            found[key] = version["schema"]["openAPIV3Schema"]
    return found


def unknown_to_client(value: Any, kind: Any, path: str = "") -> Iterator[str]:
    """What is wrong with a value by the `kubernetes` client's models: keys that they don't have, and values that don't fit."""
    from pydantic import BaseModel, TypeAdapter, ValidationError

    kind = _plain(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {field.serialization_alias or name: field.annotation for name, field in kind.model_fields.items()}
        for name, inner in value.items():
            if name not in fields:
                yield f"{path}.{name}: unknown to {kind.__name__}"
            else:
                yield from unknown_to_client(inner, fields[name], f"{path}.{name}")
    elif get_origin(kind) is list:
        for index, item in enumerate(value):
            yield from unknown_to_client(item, get_args(kind)[0], f"{path}[{index}]")
    elif get_origin(kind) is dict:
        for name, inner in value.items():
            yield from unknown_to_client(inner, get_args(kind)[1], f"{path}.{name}")
    else:
        try:
            TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            yield f"{path}: {error.errors()[0]['msg']}"


def _plain(kind: Any) -> Any:
    """A type without the None that stands for absence."""
    if get_origin(kind) in (Union, UnionType):
        given = [each for each in get_args(kind) if each is not type(None)]
        return _plain(given[0]) if len(given) == 1 else kind
    return get_args(kind)[0] if hasattr(kind, "__metadata__") else kind


def metadata_problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with names and labels, wherever in an object they are."""
    name = manifest["metadata"]["name"]
    if not LABEL.fullmatch(name):
        yield f"{name!r} can't be a name"
    for labels in _labels_in(manifest):
        for key, value in labels.items():
            if not (LABEL_KEY.fullmatch(key) and LABEL_VALUE.fullmatch(value)):
                yield f"{key}={value!r} can't be a label"


def _labels_in(value: Any) -> Iterator[Mapping[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("labels", "matchLabels"):
                yield inner
            else:
                yield from _labels_in(inner)
    elif isinstance(value, list):
        for each in value:
            yield from _labels_in(each)
