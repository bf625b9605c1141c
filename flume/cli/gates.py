"""How many orders of a type are under way at once: what functions can't take yet would only wait there, unfairly."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from flume.nodes.types import NodeType
from orchestrator.gate import FairGate

if TYPE_CHECKING:
    from eventing.remote import Gate
    from orchestrator.shared_limits import SharedLimits

IN_FLIGHT_ELSEWHERE = 100
"""Orders of one type that functions elsewhere are given at a time, unless the type's ``scale.max`` says what they take."""


class Gates:
    """A gate for each node type, by the capacity of its processes."""

    def __init__(self, capacity: Callable[[NodeType], int]) -> None:
        self._capacity = capacity
        self._gates: dict[tuple[str, int], FairGate] = {}

    def __call__(self, node_type: NodeType) -> FairGate:
        """The gate of a type."""
        most = self._capacity(node_type)
        return self._gates.setdefault((node_type.name, most), FairGate(most))


def gates_elsewhere(shared: "SharedLimits | None") -> "Callable[[NodeType], Gate]":
    """Gates for functions that others keep; with ``shared`` they bound what all replicas have under way together."""
    if shared is None:
        return Gates(_capacity_elsewhere)
    return lambda node_type: shared.gate(node_type.name, _capacity_elsewhere(node_type))


def _capacity_elsewhere(node_type: NodeType) -> int:
    most = int(node_type.scale.get("max") or 0)
    return most * node_type.concurrency if most else IN_FLIGHT_ELSEWHERE
