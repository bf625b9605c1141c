"""The graph of a pipeline without states, in the shape that the API gives for a run's, so that one island draws both."""

from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import Any

from console.models import Json

NO_TYPES: Mapping[str, Json] = MappingProxyType({})

DEFAULT_PORT = "out"
"""The port of an edge that names none."""


def graph_of(definition: Json, node_types: Mapping[str, Json] = NO_TYPES) -> dict[str, Any]:
    """``{nodes, edges}`` of a definition that may be incomplete: what has no id, or leads nowhere, is left out.

    ``node_types`` by name give category and icon.
    """
    nodes = [_node(node, node_types) for node in _objects(definition.get("nodes")) if _is_name(node.get("id"))]
    known = {node["id"] for node in nodes}
    edges = [_edge(edge) for edge in _objects(definition.get("edges")) if _leads(edge, known)]
    return {"nodes": nodes, "edges": edges}


_DRAWN = ("id", "type", "name", "category", "icon", "maxAttempts", "body")


def drawn(graph: Json) -> dict[str, Any]:
    """What is drawn of a run's graph: without the states, which the page has with the run itself."""
    nodes = [{name: node[name] for name in _DRAWN if name in node} for node in graph["nodes"]]
    return {"nodes": nodes, "edges": [_edge(edge) for edge in graph["edges"]]}


def _node(node: Json, node_types: Mapping[str, Json]) -> dict[str, Any]:
    shown = {"id": node["id"], "type": str(node.get("type", "")), "name": str(node.get("name", ""))}
    known = node_types.get(shown["type"])
    if known is not None:
        shown |= {"category": known["category"], "icon": known["icon"]}
    config = node.get("config")
    body = config.get("body") if isinstance(config, dict) else None
    return {**shown, "body": graph_of(body, node_types)} if isinstance(body, dict) else shown


def _edge(edge: Json) -> dict[str, Any]:
    return {"from": edge["from"], "to": edge["to"], "port": str(edge.get("port", DEFAULT_PORT))}


def _leads(edge: Json, known: Set[str]) -> bool:
    return all(_is_name(edge.get(end)) and edge[end] in known for end in ("from", "to"))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _objects(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
