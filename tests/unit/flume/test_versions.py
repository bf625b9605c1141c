from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume.versions import Change, definition_changes, definition_hash


def definition(**changes: Any) -> dict[str, Any]:
    nodes = [{"id": "a", "type": "x", "config": {"n": 1}}, {"id": "b", "type": "x"}]
    edges = [{"from": "a", "to": "b"}]
    return {"apiVersion": "flume/v1", "metadata": {"name": "p"}, "nodes": nodes, "edges": edges, **changes}


def test_the_hash_is_that_of_the_content_and_not_of_the_order_of_keys() -> None:
    turned = dict(reversed(definition().items()))
    assert definition_hash(turned) == definition_hash(definition())
    assert len(definition_hash(turned)) == 64
    assert definition_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_layout_and_state_do_not_count() -> None:
    other = definition(layout={"a": {"x": 1, "y": 2}}, state="paused")
    assert definition_hash(other) == definition_hash(definition())
    assert definition_changes(definition(), other) == ()


def test_numbers_that_json_writes_differently_count() -> None:
    hashes = {definition_hash(definition(variables={"v": value})) for value in (1, 1.0, True, "1", None)}
    assert len(hashes) == 5
    assert definition_changes(definition(variables={"v": 1}), definition(variables={"v": True})) == (
        Change("change", "/variables/v", 1, True),
    )


def test_a_node_in_front_is_one_addition() -> None:
    later = definition()
    later["nodes"] = [{"id": "z", "type": "x"}, *later["nodes"]]
    assert definition_changes(definition(), later) == (Change("add", "/nodes/0", None, {"id": "z", "type": "x"}),)


def test_a_change_inside_a_node_points_into_the_later_definition() -> None:
    later = definition()
    later["nodes"] = [{"id": "z"}, {"id": "a", "type": "x", "config": {"n": 2, "a/b": 0}}]
    changes = [change.as_json() for change in definition_changes(definition(), later)]
    assert changes == [
        {"op": "change", "pointer": "/nodes/1/config/n", "before": 1, "after": 2},
        {"op": "add", "pointer": "/nodes/1/config/a~1b", "before": None, "after": 0},
        {"op": "remove", "pointer": "/nodes/1", "before": {"id": "b", "type": "x"}, "after": None},
        {"op": "add", "pointer": "/nodes/0", "before": None, "after": {"id": "z"}},
    ]


def test_edges_are_matched_by_their_ends_and_the_default_port_is_no_change_of_edge() -> None:
    later = definition(edges=[{"from": "b", "to": "a"}, {"from": "a", "to": "b", "port": "out"}])
    changes = definition_changes(definition(), later)
    assert [(change.op, change.pointer) for change in changes] == [("add", "/edges/1/port"), ("add", "/edges/0")]


def test_nodes_that_changed_places_are_moves() -> None:
    later = definition()
    later["nodes"] = later["nodes"][::-1]
    assert [(each.op, each.pointer, each.before, each.after) for each in definition_changes(definition(), later)] == [
        ("move", "/nodes/1", 0, 1),
        ("move", "/nodes/0", 1, 0),
    ]


def test_lists_of_plain_values_are_compared_by_index() -> None:
    before, after = definition(variables={"v": [1, 2, 3]}), definition(variables={"v": [1, 5]})
    assert definition_changes(before, after) == (
        Change("change", "/variables/v/1", 2, 5),
        Change("remove", "/variables/v/2", 3),
    )
    assert definition_changes(after, before)[1] == Change("add", "/variables/v/2", None, 3)


ITEMS = st.fixed_dictionaries({"id": st.sampled_from("abc")}, optional={"v": st.integers(0, 1)})
EDGES = st.fixed_dictionaries({"from": st.sampled_from("ab"), "to": st.sampled_from("ab")})
DEFINITIONS = st.fixed_dictionaries(
    {},
    optional={
        "nodes": st.lists(ITEMS, max_size=4),
        "edges": st.lists(EDGES, max_size=3),
        "v": st.recursive(
            st.sampled_from([0, 0.0, False, None]),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("xy"), inner),
        ),
        "layout": st.integers(),
    },
)


@pytest.mark.slow
@given(DEFINITIONS, DEFINITIONS)
def test_there_are_changes_exactly_when_the_hashes_differ(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert (definition_changes(before, after) == ()) == (definition_hash(before) == definition_hash(after))
    assert definition_changes(before, before) == ()
