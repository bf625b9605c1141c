"""``flume nodes``: the node types that are known here, as lists and in detail."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flume.cli.options import Format
from flume.cli.printing import as_yaml, print_table, print_text, print_value, say
from flume.cli.settings import read_settings
from flume.nodes.discovery import load_path
from flume.nodes.registry import Registry, installed_node_types
from flume.nodes.types import NodeType


def known_types(node_paths: Sequence[Path]) -> Registry:
    """Installed node types, those of ``FLUME_NODES`` and those of ``node_paths``; what can't be loaded is said on stderr."""
    registry = Registry(installed_node_types)
    for path in (*read_settings().node_paths(), *node_paths):
        load_path(registry, path)
    for failure in registry.failures:
        say(f"{failure.source}: {failure.reason}")
    return registry


def list_types(node_paths: Sequence[Path], format: Format) -> None:
    """Print all node types."""
    types = known_types(node_paths).types()
    if format in (Format.JSON, Format.YAML):
        print_value([summary_of(each) for each in types], format)
        return
    rows = [[each.name, each.category, each.run_on.value, _first_line(each.description)] for each in types]
    headings = ["name", "category", "runs on", "does"]
    if format is Format.WIDE:
        headings += ["version", "lanes", "ports"]
        rows = [
            [*row, str(each.version), ",".join(each.lanes), ",".join(_ports(each))]
            for row, each in zip(rows, types, strict=True)
        ]
    print_table(rows, headings)


def show_type(name: str, node_paths: Sequence[Path], format: Format) -> None:
    """Print one node type for a reader, or whole as JSON or YAML. Raises `NotFoundError`."""
    registry = known_types(node_paths)
    node_type = registry.get(name)
    if format in (Format.JSON, Format.YAML):
        print_value(description_of(node_type), format)
        return
    lines = [
        f"{node_type.name}  (version {node_type.version}, {node_type.category}, from {registry.source_of(name)})",
        "",
        node_type.description.strip(),
        "",
        f"runs on {node_type.run_on.value}; may run on {', '.join(node_type.lanes)}",
        f"ports: {', '.join(_ports(node_type))}",
    ]
    for part, schema in (("config", node_type.config_schema), ("inputs", node_type.input_schema)):
        if schema is not None and schema.get("properties"):
            lines += ["", f"{part}:", *_fields(schema)]
    lines += ["", "example:", "", *(f"  {line}" for line in as_yaml([example_of(node_type)]).splitlines())]
    print_text("\n".join(lines))


def summary_of(node_type: NodeType) -> dict[str, Any]:
    """A node type in short."""
    return {
        "name": node_type.name,
        "version": node_type.version,
        "category": node_type.category,
        "runOn": node_type.run_on.value,
        "lanes": [lane.value for lane in node_type.lanes],
        "ports": _ports(node_type),
        "description": node_type.description,
    }


def description_of(node_type: NodeType) -> dict[str, Any]:
    """A node type with its schemas."""
    return {
        **summary_of(node_type),
        "pure": node_type.pure,
        "retryable": node_type.retryable,
        "configSchema": None if node_type.config_schema is None else dict(node_type.config_schema),
        "inputSchema": dict(node_type.input_schema),
        "outputSchema": dict(node_type.output_schema),
    }


def example_of(node_type: NodeType) -> dict[str, Any]:
    """A node of this type as a document has it, with the fields that it must have."""
    node: dict[str, Any] = {"id": f"my-{node_type.name}"[:63].rstrip("-"), "type": node_type.name}
    for part, schema in (("config", node_type.config_schema), ("inputs", node_type.input_schema)):
        required = {} if schema is None else {key: _sample(schema, key) for key in schema.get("required", ())}
        if required:
            node[part] = required
    return node


def _ports(node_type: NodeType) -> list[str]:
    return [*(node_type.ports or ("as its config says",)), "error"]


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]


def _fields(schema: Any) -> list[str]:
    required = set(schema.get("required", ()))
    properties = schema["properties"].items()
    width = max(len(name) for name, _ in properties)
    return [f"  {name:<{width}}  {_type_name(field)}{_rest(name in required, field)}" for name, field in properties]


def _rest(is_required: bool, field: Any) -> str:
    rest = ", required" if is_required else ""
    if not is_required and field.get("default") not in (None, "", {}, []):
        rest = f", default {field['default']}"
    return f"{rest}: {field['description']}" if field.get("description") else rest


def _type_name(field: Any) -> str:
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "anyOf" in field:
        return " | ".join(_type_name(each) for each in field["anyOf"])
    name = field.get("type", "any")
    return " | ".join(name) if isinstance(name, list) else str(name)


def _sample(schema: Any, key: str) -> Any:
    field = schema.get("properties", {}).get(key, {})
    samples = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}}
    return field["enum"][0] if field.get("enum") else samples.get(field.get("type", ""), "…")
