"""What a node's templates are, parsed: the part of the plan that executors read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

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
    fields = _parse_fields(node, node_type, node_ids)
    config, inputs = (
        parse_tree(values, node_ids=node_ids, pointer=join_pointer(node.pointer, part))
        for part, values in fields.plain.items()
    )
    when = _parse_when(node, node_ids)
    unscoped = [config, inputs, *fields.single.values(), *fields.deferred.values(), *([when] if when else [])]
    scoped = list(fields.scoped.values())
    references, scoped_references = _references(unscoped), _references(scoped)
    roots = frozenset(placed.reference.root for placed in (*references, *scoped_references))
    work = NodeWork(
        config=config,
        inputs=inputs,
        when=when,
        fields=fields.single,
        scoped=fields.scoped,
        verbatim=fields.verbatim,
        roots=roots,
        loads=frozenset(node_id for node_id in node_ids if node_id in roots),
    )
    return ParsedWork(
        work=work,
        problems=(*(problem for tree in (*unscoped, *scoped) for problem in tree.problems), *_refusals(fields)),
        references=references,
        scoped_references=scoped_references,
        template_pointers=tuple(
            pointer for tree in (*unscoped, *scoped, *fields.constant) for pointer in tree.template_pointers
        ),
        deferred=fields.deferred,
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    """A node's fields by what becomes of them. ``plain`` is by part, ``deferred`` by key, the others by part and key.

    ``constant`` are parsed only to see that they hold no template.
    """

    plain: dict[str, dict[str, JsonValue]] = field(default_factory=lambda: {part: {} for part in _PARTS})
    single: dict[tuple[str, str], TemplateTree] = field(default_factory=dict)
    scoped: dict[tuple[str, str], TemplateTree] = field(default_factory=dict)
    verbatim: dict[tuple[str, str], JsonValue] = field(default_factory=dict)
    deferred: dict[str, TemplateTree] = field(default_factory=dict)
    constant: list[TemplateTree] = field(default_factory=list)


def _parse_fields(node: NodeDefinition, node_type: NodeType, node_ids: frozenset[NodeId]) -> _Fields:
    found = _Fields()
    for part, key, value in _fields(node):
        pointer = join_pointer(node.pointer, part, key)
        match node_type.rendering_of(key, part):
            case Rendering.VALUE:
                found.plain[part][key] = value
            case Rendering.EXPRESSION:
                found.single[part, key] = parse_expression_field(value, node_ids=node_ids, pointer=pointer)
            case Rendering.SCOPED:
                found.scoped[part, key] = parse_tree(value, node_ids=node_ids, pointer=pointer)
            case Rendering.DOCUMENT:
                found.scoped[part, key] = parse_tree(value, node_ids=node_ids, pointer=pointer, statements=True)
            case Rendering.DEFERRED:
                found.verbatim[part, key] = value
                found.deferred[key] = parse_expression_field(value, node_ids=node_ids, pointer=pointer)
            case Rendering.VERBATIM:
                found.verbatim[part, key] = value
            case Rendering.CONSTANT:
                found.verbatim[part, key] = value
                found.constant.append(parse_tree(value, node_ids=node_ids, pointer=pointer))
    return found


def _refusals(fields: _Fields) -> Iterator[Problem]:
    for tree in fields.constant:
        for pointer in tree.template_pointers:
            name = pointer.rpartition("/")[2]
            message = f"'{name}' can't be a template: it is needed before anything runs"
            yield Problem("template-not-allowed", pointer, message, "write the value itself")


def _references(trees: Iterable[TemplateTree]) -> tuple[PlacedReference, ...]:
    return tuple(placed for tree in trees for placed in tree.references)


def _fields(node: NodeDefinition) -> Iterator[tuple[str, str, JsonValue]]:
    parts: tuple[tuple[str, JsonObject], ...] = (("config", node.config), ("inputs", node.inputs))
    for part, values in parts:
        for key, value in values.items():
            yield part, key, value


def _parse_when(node: NodeDefinition, node_ids: frozenset[NodeId]) -> TemplateTree | None:
    if node.when is None:
        return None
    return parse_expression_field(node.when, node_ids=node_ids, pointer=join_pointer(node.pointer, "when"))
