"""``flume nodes``: the node types that are known here, as lists and in detail."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flume.cli.node_files import make_describer, make_registry
from flume.cli.options import Format
from flume.cli.printing import as_yaml, print_table, print_text, print_value, say
from flume.cli.settings import read_settings
from flume.errors import NotFoundError
from flume.nodes.descriptions import as_json
from flume.nodes.discovery import load_path
from flume.nodes.registry import LoadFailure, Registry, installed_node_types
from flume.nodes.types import ALL_SECRETS, NodeType


def known_types(node_paths: Sequence[Path]) -> Registry:
    """Installed node types, those of ``FLUME_NODES`` and those of ``node_paths``; what can't be loaded is said on stderr."""
    registry = make_registry([*read_settings().node_paths(), *node_paths])
    _say_failures(registry.failures)
    return registry


def find_type(name: str, node_paths: Sequence[Path]) -> NodeType:
    """A node type of those; what can't be loaded is said only where the type is missing. Raises `NotFoundError`."""
    registry = make_registry([*read_settings().node_paths(), *node_paths])
    try:
        return registry.get(name)
    except NotFoundError as error:
        _say_failures(registry.failures)
        raise NotFoundError(error.kind, name, with_nodes_hint(error.hint, node_paths)) from error


def with_nodes_hint(hint: str, node_paths: Sequence[Path]) -> str:
    """A hint for a type that is not known, and that custom ones need ``--nodes``, to whoever gave none."""
    if node_paths or read_settings().node_paths():
        return hint
    return " ".join(filter(None, [hint, "(types of your own are found with --nodes)"]))


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
        print_value(as_json(node_type), format)
    else:
        print_text(_page_of(node_type, registry.source_of(name)))


def is_of_files(what: str, node_paths: Sequence[Path]) -> bool:
    """Whether ``what`` is the path of a file or folder: it looks like one, or is there and no type is called so."""
    if "/" in what or "." in what:
        return True
    return Path(what).exists() and what not in make_registry([*read_settings().node_paths(), *node_paths])


def describe_files(path: Path, format: Format) -> bool:
    """Print what a file, or each of a folder, was understood to hold, as `show_type` does; whether all of it can be used."""
    registry = Registry(installed_node_types)
    loaded = load_path(registry, path, describe=make_describer().describe)
    types = [registry.get(name) for name in loaded.names]
    if format in (Format.JSON, Format.YAML):
        print_value([as_json(each) for each in types], format)
    elif types:
        print_text("\n\n\n".join(_page_of(each, registry.source_of(each.name)) for each in types))
    _say_failures(loaded.failures)
    if not types and not loaded.failures:
        say(f"{path}: no node types: a class counts once it is given to registry.register")
    return bool(types) and not loaded.failures


def _say_failures(failures: Sequence[LoadFailure]) -> None:
    for failure in failures:
        say(f"{failure.source}: {failure.reason}")


def _page_of(node_type: NodeType, source: str) -> str:
    """What a reader wants to know of a type."""
    lines = [
        f"{node_type.name}  (version {node_type.version}, {node_type.category}, from {source})",
        "",
        node_type.description.strip(),
        "",
        f"runs on {node_type.run_on.value}; may run on {', '.join(node_type.lanes)}",
        f"ports: {', '.join(_ports(node_type))}",
    ]
    if node_type.secrets:
        lines.append(f"secrets: {'all' if ALL_SECRETS in node_type.secrets else ', '.join(node_type.secrets)}")
    for part, schema in (("config", node_type.config_schema), ("inputs", node_type.input_schema)):
        if schema is not None and schema.get("properties"):
            lines += ["", f"{part}:", *_fields(schema)]
    lines += ["", "example:", "", *(f"  {line}" for line in as_yaml([example_of(node_type)]).splitlines())]
    return "\n".join(lines)


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
