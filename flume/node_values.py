"""Checks of a node's ``config`` and ``inputs`` against its type's JSON Schema, wherever the value holds no template.

What a template will give is not known yet, so an error about a value that is or contains one is dropped; a missing or an unknown
key is an error all the same.
"""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson

from flume.nodes.types import NodeType
from flume.pipeline import NodeDefinition
from flume.problems import Problem, join_pointer
from flume.values import JsonObject

_STRUCTURAL = frozenset({"required", "additionalProperties", "falseSchema"})
"""Errors that stand whatever a template gives: a key is missing, or is there and should not be."""


def check_node_values(node: NodeDefinition, node_type: NodeType, templates: Collection[str]) -> Iterator[Problem]:
    """Problems of ``config`` and ``inputs``. ``templates`` are the document's pointers to strings that hold templates."""
    if node_type.config_schema is not None:
        yield from _check(node.config, node_type.config_schema, node, "config", templates)
        yield from _check(node.inputs, node_type.input_schema, node, "inputs", templates)
        return
    merged = {**node.config, **node.inputs}
    yield from _check(merged, node_type.input_schema, node, "", templates)


def _check(
    value: JsonObject, schema: JsonObject, node: NodeDefinition, part: str, templates: Collection[str]
) -> Iterator[Problem]:
    for error in _validator(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)).iter_errors(dict(value)):
        path = [*error.instance_path]
        base = _base(node, part, path)
        pointer = join_pointer(base, *path)
        if error.kind.name not in _STRUCTURAL and _touches_template(pointer, templates):
            continue
        yield from _problems_of(error, pointer, schema)


def _base(node: NodeDefinition, part: str, path: list[Any]) -> str:
    """The pointer of what was checked; merged values are looked for where the document has them."""
    if part:
        return join_pointer(node.pointer, part)
    if path and path[0] not in node.inputs and path[0] in node.config:
        return join_pointer(node.pointer, "config")
    return join_pointer(node.pointer, "inputs" if node.inputs or not node.config else "config")


def _touches_template(pointer: str, templates: Collection[str]) -> bool:
    """Whether the value at ``pointer`` is, holds, or lies within a template."""
    return any(
        template == pointer or template.startswith(f"{pointer}/") or pointer.startswith(f"{template}/")
        for template in templates
    )


def _problems_of(error: Any, pointer: str, schema: JsonObject) -> Iterator[Problem]:
    match error.kind.name:
        case "required":
            name = error.kind.property
            yield Problem("missing-value", pointer, f"'{name}' is missing", f"add '{name}'")
        case "falseSchema":
            name = pointer.rpartition("/")[2]
            yield Problem("unknown-key", pointer, f"unknown key '{name}'", _near(name, schema))
        case "additionalProperties":
            for name in error.kind.unexpected:
                yield Problem("unknown-key", join_pointer(pointer, name), f"unknown key '{name}'", _near(name, schema))
        case _:
            yield Problem("bad-value", pointer, _sentence(error.message), "")


def _near(name: str, schema: JsonObject) -> str:
    known = list(_properties(schema))
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known) or 'none'}"


def _properties(schema: JsonObject) -> Mapping[str, Any]:
    properties = schema.get("properties", {})
    return properties if isinstance(properties, Mapping) else {}


def _sentence(message: str) -> str:
    return message if len(message) <= 300 else message[:297] + "…"


@lru_cache(maxsize=512)
def _validator(schema: bytes) -> Any:
    return jsonschema_rs.validator_for(orjson.loads(schema))
