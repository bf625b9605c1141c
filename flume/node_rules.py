"""What a node may not ask for although each of its values is fine by itself: rules about lanes, time-outs and loops."""

from collections.abc import Iterator
from datetime import timedelta

from flume.nodes.types import NodeType, Role
from flume.pipeline import Lane, NodeDefinition
from flume.problems import Problem, join_pointer

WHILE, MAX, TIMES, ITEMS = "while", "max", "times", "items"
"""The keys of a loop that say how often its body runs; ``items`` is an input."""


def check_node_rules(
    node: NodeDefinition, node_type: NodeType, *, loops: int, function_timeout_max: timedelta
) -> Iterator[Problem]:
    """The problems of a node of this type that stands within so many loops."""
    yield from _check_lane(node, node_type)
    yield from _check_timeout(node, node_type, function_timeout_max)
    yield from _check_when(node)
    if node_type.role is Role.RESPONSE and loops:
        message = f"'{node.id}' would answer the caller once for each item"
        yield Problem("response-in-loop", node.pointer, message, "move it behind the loop")
    if node_type.role is Role.LOOP:
        yield from _check_loop(node)


def _check_lane(node: NodeDefinition, node_type: NodeType) -> Iterator[Problem]:
    lane = node.run_on or node_type.run_on
    if lane not in node_type.lanes:
        message, hint = f"'{node.type}' can't run on '{lane}'", f"it runs on: {', '.join(node_type.lanes)}"
        yield Problem("lane-not-allowed", join_pointer(node.pointer, "runOn"), message, hint)


def _check_timeout(node: NodeDefinition, node_type: NodeType, limit: timedelta) -> Iterator[Problem]:
    lane = node.run_on or node_type.run_on
    if lane in (Lane.CPU, Lane.GPU) and node.timeout is not None and node.timeout > limit:
        message = f"a function may take {limit.total_seconds():g} s at most"
        yield Problem(
            "timeout-too-long", join_pointer(node.pointer, "timeout"), message, "let it run as a job: runOn: job"
        )


def _check_when(node: NodeDefinition) -> Iterator[Problem]:
    if node.when is False:
        message = f"'{node.id}' can never run: its condition is always false"
        hint = "remove the node, or give it a condition that can be true"
        yield Problem("never-runs", join_pointer(node.pointer, "when"), message, hint)


def _check_loop(node: NodeDefinition) -> Iterator[Problem]:
    if node.retry.attempts > 1:
        message, hint = "a loop is not repeated as a whole", "put the retry on the nodes of its body"
        yield Problem("retry-on-loop", join_pointer(node.pointer, "retry"), message, hint)
    yield from _check_source(node)
    yield from _check_bound(node)


def _check_source(node: NodeDefinition) -> Iterator[Problem]:
    """Exactly one thing says how often the body runs. What a template gives does not matter for that."""
    given = {
        "inputs.items": ITEMS in node.inputs,
        "config.times": node.config.get(TIMES) is not None,
        "config.while": node.config.get(WHILE) is not None,
    }
    chosen = [name for name, is_given in given.items() if is_given]
    if len(chosen) != 1:
        message = f"a loop needs exactly one of {', '.join(given)}; this one has {' and '.join(chosen) or 'none'}"
        hint = f"keep {chosen[0]} and remove the rest" if chosen else 'for example inputs: {items: "{{ inputs.list }}"}'
        yield Problem("loop-source", node.pointer, message, hint)
    elif given["inputs.items"] and node.inputs[ITEMS] is None:
        yield Problem("bad-value", join_pointer(node.pointer, "inputs", ITEMS), "null is not a list", "give a list")


def _check_bound(node: NodeDefinition) -> Iterator[Problem]:
    is_while, has_max = (node.config.get(key) is not None for key in (WHILE, MAX))
    if is_while and not has_max:
        message = "a loop with 'while' needs 'max', the most items that it may run"
        yield Problem("missing-value", join_pointer(node.pointer, "config"), message, "add max, for example max: 100")
    if has_max and not is_while:
        message = "'max' belongs to 'while', and there is none"
        hint = "remove it, or use 'times' for a number of items"
        yield Problem("loop-source", join_pointer(node.pointer, "config", MAX), message, hint)
