"""What must be true of a node type whose code is an image, before anybody relies on its description.

A class is checked where it is described (`flume.nodes.describe`); of an image only the description is known, which anything may
have written.
"""

import re
from collections.abc import Iterator

import jsonschema_rs
import orjson

from flume.nodes.types import ALL_SECRETS, ERROR, NodeType, Role
from flume.pipeline import Lane
from flume.problems import Problem, join_pointer
from flume.secret_values import is_secret_name
from flume.values import JsonObject

DESCRIPTION_MOST = 256 * 1024
"""Bytes of a description as JSON: each list of node types holds all of them."""

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1_000_000)
_SUPPORTED = "JSON Schema 2020-12 or older, with $ref within the schema alone, and patterns without look-around"


def packaged_problems(node_type: NodeType) -> list[Problem]:
    """Everything that is wrong with the type; pointers are into what `flume.nodes.descriptions.as_json` makes of it."""
    return [*_name_problems(node_type), *_lane_problems(node_type), *_port_problems(node_type), *_rest(node_type)]


def _name_problems(node_type: NodeType) -> Iterator[Problem]:
    if not _NAME.fullmatch(node_type.name):
        rule = "a letter, then letters, digits and '-', lower case, at most 63 characters"
        yield Problem("bad-name", "/name", f"{node_type.name[:80]!r} can't be a node type's name", rule)
    if node_type.role is not Role.PLAIN:
        message = f"role '{node_type.role}' is for types that the engine knows"
        yield Problem("bad-value", "/role", message, f"leave it out, or write {Role.PLAIN}")


def _lane_problems(node_type: NodeType) -> Iterator[Problem]:
    possible = ", ".join(lane for lane in Lane if lane is not Lane.ENGINE)
    if Lane.ENGINE in node_type.lanes or not node_type.lanes:
        message = "an image can't run in the engine" if node_type.lanes else "there has to be a lane"
        yield Problem("lane-not-allowed", "/lanes", message, f"one or more of {possible}")
    if node_type.run_on not in node_type.lanes:
        hint = f"one of {', '.join(node_type.lanes) or possible}"
        yield Problem("lane-not-allowed", "/runOn", f"'{node_type.run_on}' is not among its lanes", hint)


def _port_problems(node_type: NodeType) -> Iterator[Problem]:
    if not node_type.ports:
        yield Problem("bad-value", "/ports", "there has to be a port", "out, for a type that leaves by one")
        return
    for place, port in enumerate(node_type.ports):
        if port == ERROR:
            pointer = join_pointer("/ports", place)
            yield Problem("bad-value", pointer, f"port '{ERROR}' is there on every node", "leave it out")
        elif port in node_type.ports[:place] or not port:
            pointer = join_pointer("/ports", place)
            yield Problem("bad-value", pointer, f"port '{port}' is there twice, or has no name", "name each once")


def _rest(node_type: NodeType) -> Iterator[Problem]:
    for place, name in enumerate(node_type.secrets):
        if name != ALL_SECRETS and not is_secret_name(name):
            pointer = join_pointer("/secrets", place)
            yield Problem("bad-secret", pointer, f"{name[:40]!r} can't be a secret's name", "letters, digits and _")
    schemas = {
        "/configSchema": node_type.config_schema,
        "/inputSchema": node_type.input_schema,
        "/outputSchema": node_type.output_schema,
    }
    for pointer, schema in schemas.items():
        if schema is not None:
            yield from _schema_problems(schema, pointer)


def _schema_problems(schema: JsonObject, pointer: str) -> Iterator[Problem]:
    """Refused here, whoever checks a node by the schema later asks no other server and is held up by no pattern."""
    try:
        # As text and back, so that it is plain JSON whatever it is made of.
        plain = orjson.loads(orjson.dumps(schema, default=dict))
        jsonschema_rs.validator_for(plain, pattern_options=_PATTERNS, offline=True)
    except ValueError as error:
        place = join_pointer(pointer, *getattr(error, "instance_path", ()))
        yield Problem("bad-schema", place, "not a JSON Schema that can be used here", _SUPPORTED)
