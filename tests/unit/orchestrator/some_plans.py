"""Small plans of every kind, made out of choices: joins, ports, loops in loops, retries, responses, deadlines; and seeds."""

from datetime import timedelta
from itertools import count

from flume.ids import Millis, NodeId
from flume.nodes.types import ERROR
from flume.pipeline import Backoff, RetryPolicy
from flume.plan import Plan
from orchestrator.records import inline
from orchestrator.state import LoopState, NodeState, NodeStatus
from tests.unit.orchestrator.choices import Choices
from tests.unit.orchestrator.plans import Traits, plan_with

PORTS = ("out", "true", "false")
_ARROWS = ("->", "-true->", "-false->", "-error->")


def some_plan(choices: Choices) -> Plan:
    """A plan of up to eight nodes at the top and up to three in each loop's body, loops nested up to two deep."""
    traits = Traits()
    text = _some_scope(choices, traits, count(), most=8, depth=0)
    timeout = timedelta(milliseconds=50 + choices.below(256)) if choices.one_in(8) else None
    return plan_with(text, traits, timeout)


def some_seeds(choices: Choices, plan: Plan) -> dict[NodeId, NodeState]:
    """What a run takes over from another: some nodes' results, and loops that are partly done."""
    if not choices.one_in(4):
        return {}
    seeds = {}
    for node_id, node in plan.root.nodes.items():
        if not choices.one_in(2):
            continue
        if node.loop is not None and node.loop.limit is None and choices.one_in(2):
            loop = _partly_done(choices)
            seeds[node_id] = NodeState(NodeStatus.RUNNING, attempt=1, started_at=Millis(1), loop=loop)
        else:
            port = ERROR if node.takes_errors and choices.one_in(4) else choices.of(PORTS)
            status = NodeStatus.FAILED if port == ERROR else NodeStatus.COMPLETED
            seeds[node_id] = NodeState(status, attempt=1, completed_at=Millis(1), port=port, output=inline(node_id))
    return seeds


def _partly_done(choices: Choices) -> LoopState:
    opened = choices.below(4)
    redo = tuple(index for index in range(opened) if choices.one_in(2))
    total = opened + choices.below(3)
    return LoopState(total, next=opened, redo=redo, succeeded=opened - len(redo), items=inline(list(range(total))))


def _some_scope(choices: Choices, traits: Traits, names: "count[int]", *, most: int, depth: int) -> str:
    ids = [f"n{next(names)}" for _ in range(1 + max(choices.below(most), choices.below(most)))]
    parts = list(ids)
    for to_index, to_node in enumerate(ids):
        for from_node in ids[:to_index]:
            if choices.one_in(4):
                parts.append(f"{from_node} {_ARROWS[max(choices.below(8) - 4, 0)]} {to_node}")
    takes_errors = {part.split()[0] for part in parts if "-error->" in part}
    for node_id in ids:
        _some_traits(choices, traits, node_id, is_top=depth == 0, takes_errors=node_id in takes_errors)
        if depth < 2 and choices.one_in(3 + depth):
            _some_loop(choices, traits, node_id)
            traits.loops[node_id] = _some_scope(choices, traits, names, most=3, depth=depth + 1)
    return ", ".join(parts)


def _some_traits(choices: Choices, traits: Traits, node_id: str, *, is_top: bool, takes_errors: bool) -> None:
    if choices.one_in(2):
        traits.retry[node_id] = RetryPolicy(
            attempts=2 + choices.below(2),
            delay=timedelta(milliseconds=choices.below(30)),
            backoff=choices.of(tuple(Backoff)),
            jitter=choices.one_in(2),
        )
    if not takes_errors and choices.one_in(2):
        traits.continues.add(node_id)
    if is_top and choices.one_in(6):
        traits.responds.add(node_id)
    if choices.one_in(3):
        traits.remote.add(node_id)


def _some_loop(choices: Choices, traits: Traits, node_id: str) -> None:
    traits.concurrency[node_id] = 1 + choices.below(3)
    if not choices.one_in(3):
        traits.collects.add(node_id)
    if choices.one_in(3):
        traits.limits[node_id] = 1 + choices.below(4)
