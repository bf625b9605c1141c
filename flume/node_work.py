"""What a node's templates are, parsed: the part of the plan that executors read."""

from collections.abc import Iterator
from dataclasses import dataclass

from flume.ids import NodeId
from flume.nodes.types import NodeType, Rendering
from flume.pipeline import NodeDefinition
from flume.plan import NodeWork
from flume.problems import Problem, join_pointer
from flume.templates import PlacedReference, TemplateTree, parse_expression_field, parse_tree
from flume.values import JsonObject, JsonValue

_PARTS = ("config", "inputs")


@dataclass(frozen=True, slots=True)
class ParsedWork:
    """A node's work and what was found on the way.

    ``references`` are those of fields rendered with the scope alone, ``scoped_references`` of fields that see the node's own
    inputs too. ``template_pointers`` are the strings that hold templates. ``deferred`` are expressions that the engine evaluates
    itself, by key.
    """

    work: NodeWork
    problems: tuple[Problem, ...]
    references: tuple[PlacedReference, ...]
    scoped_references: tuple[PlacedReference, ...]
    template_pointers: tuple[str, ...]
    deferred: dict[str, TemplateTree]


def parse_work(node: NodeDefinition, node_type: NodeType, node_ids: frozenset[NodeId]) -> ParsedWork:
    """Parse all templates of a node, as its type says each field is rendered."""
    plain: dict[str, dict[str, JsonValue]] = {"config": {}, "inputs": {}}
    fields: dict[tuple[str, str], TemplateTree] = {}
    scoped: dict[tuple[str, str], TemplateTree] = {}
    verbatim: dict[tuple[str, str], JsonValue] = {}
    deferred: dict[str, TemplateTree] = {}
    for part, key, value in _fields(node):
        pointer = join_pointer(node.pointer, part, key)
        match node_type.rendering_of(key):
            case Rendering.VALUE:
                plain[part][key] = value
            case Rendering.EXPRESSION:
                fields[part, key] = parse_expression_field(value, node_ids=node_ids, pointer=pointer)
            case Rendering.SCOPED:
                scoped[part, key] = parse_tree(value, node_ids=node_ids, pointer=pointer)
            case Rendering.DOCUMENT:
                scoped[part, key] = parse_tree(value, node_ids=node_ids, pointer=pointer, statements=True)
            case Rendering.DEFERRED:
                verbatim[part, key] = value
                deferred[key] = parse_expression_field(value, node_ids=node_ids, pointer=pointer)
            case Rendering.VERBATIM:
                verbatim[part, key] = value
    trees = {
        part: parse_tree(plain[part], node_ids=node_ids, pointer=join_pointer(node.pointer, part)) for part in _PARTS
    }
    when = _parse_when(node, node_ids)
    unscoped = [*trees.values(), *fields.values(), *deferred.values(), *([when] if when else [])]
    everything = [*unscoped, *scoped.values()]
    references = tuple(placed for tree in unscoped for placed in tree.references)
    scoped_references = tuple(placed for tree in scoped.values() for placed in tree.references)
    roots = frozenset(placed.reference.root for placed in (*references, *scoped_references))
    return ParsedWork(
        work=NodeWork(
            config=trees["config"],
            inputs=trees["inputs"],
            when=when,
            fields=fields,
            scoped=scoped,
            verbatim=verbatim,
            roots=roots,
            loads=frozenset(node_id for node_id in node_ids if node_id in roots),
        ),
        problems=tuple(problem for tree in everything for problem in tree.problems),
        references=references,
        scoped_references=scoped_references,
        template_pointers=tuple(pointer for tree in everything for pointer in tree.template_pointers),
        deferred=deferred,
    )


def _fields(node: NodeDefinition) -> Iterator[tuple[str, str, JsonValue]]:
    parts: tuple[tuple[str, JsonObject], ...] = (("config", node.config), ("inputs", node.inputs))
    for part, values in parts:
        for key, value in values.items():
            yield part, key, value


def _parse_when(node: NodeDefinition, node_ids: frozenset[NodeId]) -> TemplateTree | None:
    if node.when is None:
        return None
    return parse_expression_field(node.when, node_ids=node_ids, pointer=join_pointer(node.pointer, "when"))
