from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from flume.graph import find_cycles, topological_order

NODES = "abcdefgh"
GRAPHS = st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=20)


def test_nodes_that_are_ready_together_keep_the_order_of_the_document() -> None:
    assert topological_order(["d", "c", "b", "a"], [("a", "b"), ("d", "b")]) == ("d", "c", "a", "b")


def test_a_node_that_becomes_ready_goes_before_those_that_stand_behind_it() -> None:
    assert topological_order(["a", "b", "c", "d"], [("a", "b")]) == ("a", "b", "c", "d")


def test_edges_that_are_doubled_or_lead_nowhere_change_nothing() -> None:
    assert topological_order(["b", "a"], [("a", "b"), ("a", "b"), ("a", "zz"), ("zz", "a")]) == ("a", "b")


def test_nodes_on_a_cycle_and_behind_it_come_last() -> None:
    assert topological_order(["a", "b", "c", "d"], [("a", "b"), ("b", "a"), ("b", "c")]) == ("d", "a", "b", "c")


def test_a_cycle_is_named_from_its_first_node_and_is_a_shortest_one() -> None:
    edges = [("c", "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("d", "b"), ("a", "e"), ("e", "b")]
    assert find_cycles(["e", "a", "b", "c", "d"], edges) == (("e", "b", "c", "a"),)
    assert find_cycles(["a", "b"], [("a", "a"), ("a", "b")]) == (("a",),)


def test_separate_cycles_are_all_found_in_the_order_of_the_document() -> None:
    edges = [("c", "d"), ("d", "c"), ("a", "b"), ("b", "a"), ("b", "c")]
    assert find_cycles(["a", "b", "c", "d"], edges) == (("a", "b"), ("c", "d"))


def test_a_chain_longer_than_the_stack_is_ordered_and_its_cycle_found() -> None:
    nodes = [f"n{index}" for index in range(5_000)]
    chain = list(pairwise(nodes))
    assert topological_order(nodes[::-1], chain) == tuple(nodes)
    assert find_cycles(nodes, chain) == ()
    assert find_cycles(nodes, [*chain, (nodes[-1], nodes[0])]) == (tuple(nodes),)


@given(GRAPHS)
def test_an_order_respects_all_edges_exactly_when_there_is_no_cycle(edges: list[tuple[str, str]]) -> None:
    order = topological_order(NODES, edges)
    cycles = find_cycles(NODES, edges)
    assert sorted(order) == sorted(NODES)
    respects_all = all(order.index(start) < order.index(end) for start, end in edges)
    assert respects_all == (not cycles)
    for cycle in cycles:
        assert all(step in edges for step in zip(cycle, (*cycle[1:], cycle[0]), strict=True))
