from flume.cli.graph_levels import level_of
from flume.cli.graph_mermaid import graph_mermaid
from flume.cli.graph_svg import graph_svg
from flume.cli.graph_text import graph_text
from flume.ids import NodeId
from flume.pipeline import Body, EdgeDefinition, NodeDefinition


def level(nodes, edges=(), **more):
    return level_of(
        [NodeDefinition(NodeId(each), "t", **more) for each in nodes.split()],
        [EdgeDefinition(*map(NodeId, edge.split(">")[:2]), *edge.split(">")[2:]) for edge in edges],
    )


def drawn(nodes, *edges):
    return graph_text(level(nodes, edges)).splitlines()


def test_a_chain_is_one_lane_and_a_lone_node_is_not_joined_to_it():
    assert drawn("a b c", "a>b") == ["●   a  (t)", "│", "●   b  (t)", "", "●   c  (t)"]


def test_a_fork_and_the_join_behind_it_are_bridged():
    assert drawn("a b c d", "a>b", "a>c", "b>d", "c>d") == [
        "●     a  (t)",
        "├─╮",
        "● │   b  (t)",
        "│ │",
        "│ ●   c  (t)",
        "│ │",
        "├─╯",
        "●     d  (t)",
    ]


def test_a_lane_that_only_passes_a_bridge_is_crossed_by_it():
    assert "├─┼─╯" in drawn("a b c d e", "a>d", "b>e", "c>d")
    assert drawn("a b c d", "a>b", "a>c", "a>d")[1] == "├─┬─╮"


def test_ports_name_where_they_lead():
    assert drawn("a b c", "a>b>true", "a>c>false")[0] == "●     a  (t)  true → b, false → c"


def test_the_body_of_a_loop_stands_below_it_and_is_indented():
    body = Body((NodeDefinition(NodeId("in"), "t"),), ())
    assert graph_text(level("loop", body=body)).splitlines() == ["●   loop  (t)", "    ┆ ●   in  (t)"]


def test_mermaid_keeps_ids_apart_from_words_of_its_own_and_escapes_labels():
    text = graph_mermaid(level("end b", ["end>b>on-error"], name='say "hi" <b>'))
    assert '  n_end -->|"on-error"| n_b' in text
    assert "say #34;hi#34; #60;b#62;" in text


def test_nothing_of_a_name_becomes_markup_in_svg():
    assert "&lt;script&gt;" in graph_svg(level("a", name="<script>"))


def test_layers_follow_the_longest_way():
    layers = level("a b c d", ["a>b", "b>c", "a>c", "c>d"]).layers()
    assert [[vertex.id for vertex in layer] for layer in layers] == [["a"], ["b"], ["c"], ["d"]]
