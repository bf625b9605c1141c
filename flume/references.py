"""Which names a template may speak of, and what is wrong with those it should not.

A node sees the pipeline's inputs and variables, its trigger, the nodes that are settled before it starts, and, in a
loop's body, the item. Naming another node is an error whose hint is the edge that would make it right.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from flume.expressions import Reference
from flume.ids import NodeId
from flume.nodes.types import ALL_SECRETS, NodeType
from flume.pipeline import NodeDefinition
from flume.problems import Problem, join_pointer
from flume.templates import PlacedReference

NODE_KEYS = ("output", "meta", "status", "error")
"""What a template finds under a node's id."""

MISSING_SECRET = "missing-secret"
"""The code of the one problem that lies in the circumstances and not in the document."""

_KEYS = {
    "run": ("id", "attempt", "startedAt"),
    "pipeline": ("name", "namespace", "version"),
    "trigger": ("type", "id", "data", "method", "path", "query", "headers", "dueAt", "by", "event"),
}
_LOOP_NAMES = ("item", "index")


@dataclass(frozen=True, slots=True)
class Reach:
    """The names within a node's reach.

    ``variables`` are those of the pipeline and those that nodes upstream set. ``nodes`` are all ids of the pipeline,
    ``visible`` those of the node's level and of the levels around it, ``upstream`` those settled before the node
    starts. ``loops`` counts the loops around it. ``local`` are further names: a node's own inputs, for a field that
    sees them. ``secrets`` None: not known, so any name may be meant, and may reach the node. ``given_secrets``
    are those that the process gets which runs the node; None: all.
    """

    node: NodeId
    inputs: Collection[str]
    variables: Collection[str]
    nodes: Collection[NodeId]
    visible: Collection[NodeId]
    upstream: Collection[NodeId]
    loops: int
    local: Collection[str] = ()
    secrets: Collection[str] | None = None
    allows_secrets: bool = True
    given_secrets: Collection[str] | None = None


def check_references(references: Iterable[PlacedReference], reach: Reach) -> Iterator[Problem]:
    """A problem for each reference that can't be right."""
    for placed in references:
        found = _check(placed.reference, reach)
        if found is not None:
            code, message, hint = found
            yield Problem(code, placed.pointer, message, hint)


def check_secrets_of_type(
    node: NodeDefinition, node_type: NodeType, secrets: Collection[str] | None
) -> Iterator[Problem]:
    """A problem for each secret that the type names and that is not among ``secrets``, unless these are not known (None)."""
    if secrets is None:
        return
    for name in node_type.secrets:
        if name != ALL_SECRETS and name not in secrets:
            message = f"node type '{node_type.name}' needs the secret '{name}', and there is none"
            pointer = join_pointer(node.pointer, "type")
            yield Problem(MISSING_SECRET, pointer, message, f"set FLUME_SECRET_{name}")


Finding = tuple[str, str, str]


def _check(reference: Reference, reach: Reach) -> Finding | None:
    root, path = reference.root, reference.path
    key = path[0] if path and isinstance(path[0], str) else None
    if root in reach.local or root == "$now":
        return None
    match root:
        case "inputs":
            return None if reference.guarded else _check_declared("input", key, reach.inputs)
        case "variables":
            return None if reference.guarded else _check_declared("variable", key, reach.variables)
        case "secrets":
            return _check_secret(key, reach)
        case "run" | "pipeline" | "trigger":
            return None if reference.guarded else _check_key(root, key, _KEYS[root])
        case "item" | "index":
            return None if reach.loops else _outside_loop(root)
        case "outer":
            return None if reach.loops > 1 else _outside_loop(root)
        case _ if root in reach.upstream:
            return _check_key(root, key, NODE_KEYS)
        case _:
            return _check_unreachable(root, reach)


def _check_key(root: str, key: str | None, known: Collection[str]) -> Finding | None:
    if key is None or key in known:
        return None
    hint = f"'{root}' has: {', '.join(known)}"
    if root not in _KEYS:
        hint += f"; its result is {root}.output"
    return "unknown-field", f"'{root}' has no '{key}'", hint


def _check_declared(kind: str, key: str | None, known: Collection[str]) -> Finding | None:
    if key is None or key in known:
        return None
    return f"unknown-{kind}", f"there is no {kind} '{key}'", _nearest(key, known, f"declare it under {kind}s")


def _check_secret(key: str | None, reach: Reach) -> Finding | None:
    if not reach.allows_secrets:
        hint = "secrets may stand in config and inputs of nodes that act outside, such as http-request"
        return "secret-not-allowed", "a secret can't be used here", hint
    if key is None:
        return "secret-not-allowed", "'secrets' alone can't be used", "name one: secrets.NAME"
    if reach.secrets is None:
        return None
    if reach.given_secrets is not None and key not in reach.given_secrets:
        message = f"the function that runs '{reach.node}' does not get the secret '{key}'"
        otherwise = f'name it in the class of the node type, as in secrets = ("{key}",)'
        return "secret-not-given", message, _nearest(key, reach.given_secrets, otherwise)
    if key not in reach.secrets:
        return MISSING_SECRET, f"there is no secret '{key}'", _nearest(key, reach.secrets, f"set FLUME_SECRET_{key}")
    return None


def _check_unreachable(root: str, reach: Reach) -> Finding:
    if root == reach.node:
        return "self-reference", f"'{root}' can't use its own result", "use the result of a node before it"
    if root in reach.nodes and root not in reach.visible:
        return (
            "unreachable-reference",
            f"'{root}' runs inside a loop and can't be seen from '{reach.node}'",
            "use the loop's own output: the list of its items' results",
        )
    if root in reach.nodes:
        return (
            "unreachable-reference",
            f"'{root}' does not come before '{reach.node}'",
            f"add the edge {{from: {root}, to: {reach.node}}}",
        )
    names = [*reach.upstream, *reach.local, "inputs", "variables", "trigger", "run", "pipeline", "secrets"]
    if reach.loops:
        names.extend(_LOOP_NAMES)
    return "unknown-reference", f"there is no '{root}'", _nearest(root, names, "name a node before this one")


def _outside_loop(root: str) -> Finding:
    where = "a loop within a loop" if root == "outer" else "a loop's body"
    return "outside-loop", f"'{root}' exists only in {where}", "move the node into the body, or use a node's output"


def _nearest(name: str, known: Collection[str], otherwise: str) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    listed = ", ".join(sorted(known)[:12])
    return f"{otherwise}; known: {listed}" if listed else otherwise
