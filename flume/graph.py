"""Order and cycles of directed graphs, for any ids. Every function is total: edges to unknown nodes count for nothing."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import TypeVar

Id = TypeVar("Id", bound=str)


def topological_order(nodes: Sequence[Id], edges: Iterable[tuple[Id, Id]]) -> tuple[Id, ...]:
    """Every node after all that it follows; of those that are ready, the one that stands first in ``nodes``.

    Nodes on a cycle, and those behind one, come last, in their order in ``nodes``.
    """
    successors = _successors(nodes, edges)
    rank = {node: index for index, node in enumerate(nodes)}
    waiting = dict.fromkeys(nodes, 0)
    for followers in successors.values():
        for follower in followers:
            waiting[follower] += 1
    ready = [rank[node] for node, count in waiting.items() if not count]
    heapify(ready)
    order: dict[Id, None] = {}
    while ready:
        node = nodes[heappop(ready)]
        order[node] = None
        for follower in successors[node]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heappush(ready, rank[follower])
    return (*order, *(node for node in rank if node not in order))


def find_cycles(nodes: Sequence[Id], edges: Iterable[tuple[Id, Id]]) -> tuple[tuple[Id, ...], ...]:
    """One shortest cycle for every knot of nodes that can reach each other, without its first node at the end.

    A cycle begins with that of its nodes which stands first in ``nodes``; an edge from a node to itself is a cycle of
    one. No cycle is given for a graph that has an order.
    """
    successors = _successors(nodes, edges)
    rank = {node: index for index, node in enumerate(nodes)}
    cycles = []
    for knot in _knots(successors):
        cycle = _shortest_cycle(min(knot, key=rank.__getitem__), successors, knot)
        if cycle:
            cycles.append(cycle)
    return tuple(sorted(cycles, key=lambda cycle: rank[cycle[0]]))


def _successors(nodes: Sequence[Id], edges: Iterable[tuple[Id, Id]]) -> dict[Id, dict[Id, None]]:
    successors: dict[Id, dict[Id, None]] = {node: {} for node in nodes}
    for start, end in edges:
        if start in successors and end in successors:
            successors[start][end] = None
    return successors


def _shortest_cycle(start: Id, successors: Mapping[Id, Mapping[Id, None]], knot: frozenset[Id]) -> tuple[Id, ...]:
    """The shortest way from ``start`` back to itself; empty when there is none."""
    came_from: dict[Id, Id] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        if start in successors[node]:
            way = [node]
            while way[-1] != start:
                way.append(came_from[way[-1]])
            return tuple(reversed(way))
        for follower in successors[node]:
            if follower in knot and follower not in came_from:
                came_from[follower] = node
                queue.append(follower)
    return ()


def _knots(successors: Mapping[Id, Mapping[Id, None]]) -> list[frozenset[Id]]:
    """The strongly connected components (Tarjan), without recursion since a chain may be longer than Python's stack."""
    index: dict[Id, int] = {}
    low: dict[Id, int] = {}
    stack: dict[Id, None] = {}
    knots: list[frozenset[Id]] = []
    for root in successors:
        work = [(root, iter(successors[root]))] if root not in index else []
        while work:
            node, followers = work[-1]
            if node not in index:
                index[node] = low[node] = len(index)
                stack[node] = None
            unseen = next((follower for follower in followers if _visit(node, follower, index, low, stack)), None)
            if unseen is not None:
                work.append((unseen, iter(successors[unseen])))
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == index[node]:
                knots.append(_pop_knot(node, stack))
    return knots


def _visit(node: Id, follower: Id, index: dict[Id, int], low: dict[Id, int], stack: dict[Id, None]) -> bool:
    """Whether the walk has to go down into ``follower``; otherwise what is known of it counts for ``node``."""
    if follower not in index:
        return True
    if follower in stack:
        low[node] = min(low[node], index[follower])
    return False


def _pop_knot(root: Id, stack: dict[Id, None]) -> frozenset[Id]:
    knot = set()
    while root not in knot:
        knot.add(stack.popitem()[0])
    return frozenset(knot)
