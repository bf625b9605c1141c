"""``flume nodes save`` and ``delete``: node types that are images, at a server where no operator tells of them."""

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from flume.cli.arguments import read_text
from flume.cli.client import Client
from flume.cli.options import Format
from flume.cli.printing import print_done, say
from flume.cli.problem_lines import line_of
from flume.errors import DefinitionError, RequestError
from flume.nodes.descriptions import as_json
from flume.nodes.types import NodeType
from flume.source import Source, read_sources
from knative.resources.specs import read_node_type


def save_types(client: Client, file: str, format: Format) -> bool:
    """Save the types of all ``NodeType`` resources of a file; False, with the problems on stderr, if there are any.

    Nothing is saved then. Raises `RequestError` for a file without any, and `ServerError` for what the server refuses.
    """
    types: list[NodeType] = []
    is_valid = True
    for source in _sources(file):
        try:
            types.append(_node_type_in(source))
        except DefinitionError as error:
            is_valid = False
            for problem in error.problems:
                say(line_of(source.locate(problem), file))
    if not is_valid:
        return False
    for node_type in types:
        response = client.send("PUT", _path(node_type.name), body=as_json(node_type))
        outcome = "saved" if response.status_code == 201 else "is known as it is now"
        print_done(f"node type {node_type.name} {outcome}", response.json(), format)
    return True


def delete_type(client: Client, name: str, format: Format) -> None:
    """Let a server forget a type that was saved."""
    client.send("DELETE", _path(name))
    print_done(f"node type {name} deleted", {"name": name, "outcome": "deleted"}, format)


def _sources(file: str) -> Iterator[Source]:
    try:
        found = read_sources(read_text(file, "FILE"), name=file)
    except DefinitionError as error:
        for problem in error.problems:
            say(line_of(problem, file))
        raise RequestError(f"'{file}' can't be read") from error
    if not found:
        raise RequestError(f"there is no NodeType in '{file}'")
    yield from found


def _node_type_in(source: Source) -> NodeType:
    value = source.value
    if not isinstance(value, Mapping) or value.get("kind") != "NodeType":
        raise RequestError(
            f"'{source.name}' holds something else than NodeType resources",
            hint="`flume nodes manifest` prints those of node files; pipelines are for `flume apply`",
        )
    return read_node_type(value).type


def _path(name: str) -> str:
    return f"/api/v1/nodes/{quote(name, safe='')}"
