from datetime import UTC, datetime

import pytest

from flume.errors import ExpressionError
from flume.expressions import Budget, Reference
from flume.problems import Problem
from flume.templates import PlacedReference, parse_expression_field, parse_tree

IDS = frozenset({"fetch-topic", "generate-article"})
NOW = datetime(2026, 1, 31, tzinfo=UTC)
SCOPE = {
    "variables": {"model": "llama3.1-70b"},
    "fetch-topic": {"output": {"topic": "바다", "rows": [1, 2]}},
    "generate-article": {"output": "기사"},
    "$now": NOW,
}


def test_the_article_of_the_first_example_is_rendered():
    tree = parse_tree(
        {
            "prompt": "주제: {{fetch-topic.output.topic}}\n위 주제로 뉴스 기사를 작성하세요.\n",
            "document": {
                "title": "{{fetch-topic.output.topic}}",
                "content": "{{generate-article.output}}",
                "createdAt": "{{$now}}",
            },
        },
        node_ids=IDS,
    )
    assert tree.problems == ()
    assert tree.render(SCOPE) == {
        "prompt": "주제: 바다\n위 주제로 뉴스 기사를 작성하세요.\n",
        "document": {"title": "바다", "content": "기사", "createdAt": NOW},
    }


def test_constant_parts_are_the_objects_that_came_in():
    value = {"a": {"deep": [1, "text"]}, "b": ["{{ variables.model }}", {"c": 1}], "d": None}
    tree = parse_tree(value, node_ids=IDS)
    rendered = tree.render(SCOPE)
    assert rendered == {"a": {"deep": [1, "text"]}, "b": ["llama3.1-70b", {"c": 1}], "d": None}
    assert list(rendered) == ["a", "b", "d"]
    assert rendered["a"] is value["a"]
    assert rendered["b"][1] is value["b"][1]
    assert value["b"][0] == "{{ variables.model }}"
    assert not tree.is_constant


@pytest.mark.parametrize("value", [None, True, 5, "text", [], {}, {"a": ["{ }", "}} {%x"[:2]]}])
def test_a_tree_without_templates_renders_to_itself(value):
    tree = parse_tree(value, node_ids=IDS)
    assert tree.is_constant
    assert tree.render({}) is value
    assert tree.template_pointers == ()


def test_keys_of_objects_are_not_templates():
    assert parse_tree({"{{ nope }}": 1}, node_ids=IDS).is_constant


def test_literal_text_in_raw_is_taken_out_of_it():
    tree = parse_tree(["{% raw %}{{ x }}{% endraw %}"], node_ids=IDS)
    assert tree.render({}) == ["{{ x }}"]
    assert not tree.is_constant


def test_a_rendered_value_is_not_rendered_again():
    tree = parse_tree({"a": "{{ x }}"}, node_ids=IDS)
    assert tree.render({"x": "{{ variables.model }}"}) == {"a": "{{ variables.model }}"}
    assert tree.render({"x": ["{{ y }}"]}) == {"a": ["{{ y }}"]}


def test_references_and_pointers_tell_where_they_stand():
    tree = parse_tree(
        {"b": ["{{ fetch-topic.output.rows }} {{ y | default(1) }}", "x"], "a/b": "{{ 1 }}", "c": "{{ ("},
        node_ids=IDS,
        pointer="/nodes/2/config",
    )
    assert tree.references == (
        PlacedReference("/nodes/2/config/b/0", Reference("fetch-topic", ("output", "rows"))),
        PlacedReference("/nodes/2/config/b/0", Reference("y", (), True)),
    )
    assert tree.template_pointers == ("/nodes/2/config/b/0", "/nodes/2/config/a~1b", "/nodes/2/config/c")


def test_all_problems_are_found_at_once():
    tree = parse_tree({"a": "{{ x|uper }}", "b": [1, "{{ x.f() }}"], "c": "{{ x }}"}, node_ids=IDS, pointer="/p")
    assert tree.problems == (
        Problem("unknown-filter", "/p/a", "unknown filter 'uper'", "did you mean upper?"),
        Problem("forbidden", "/p/b/1", "'.f(…)': methods can't be called", "filters do such work: … | name"),
    )
    assert not tree.is_constant
    with pytest.raises(ExpressionError, match="/p/a: unknown filter 'uper'"):
        tree.render({"x": 1})


def test_a_template_that_fails_names_its_place_and_its_text():
    tree = parse_tree({"a": [{"b": "{{ x.y }}"}]}, node_ids=IDS, pointer="/nodes/0/config")
    with pytest.raises(ExpressionError) as caught:
        tree.render({"x": {"z": 1}})
    assert str(caught.value) == "/nodes/0/config/a/0/b: 'x' has no key 'y'; its keys are: z"
    assert caught.value.pointer == "/nodes/0/config/a/0/b"
    assert caught.value.source == "{{ x.y }}"


def test_statements_are_allowed_where_they_are_asked_for():
    value = {"template": "{% if x %}yes{% endif %}"}
    assert parse_tree(value, node_ids=IDS, statements=True).render({"x": True}) == {"template": "yes"}
    problem = parse_tree(value, node_ids=IDS).problems[0]
    assert (problem.code, problem.pointer) == ("template-syntax", "/template")


def test_all_templates_of_a_tree_share_one_budget():
    tree = parse_tree(["{{ range(100000) | length }}"] * 40, node_ids=IDS)
    with pytest.raises(ExpressionError, match="too many steps"):
        tree.render({})
    assert tree.render({}, Budget(1_000_000)) == [100_000] * 40


def test_a_value_that_is_too_deep_is_a_problem():
    value = "x"
    for _ in range(2000):
        value = [value]
    problem = parse_tree(value, node_ids=IDS).problems[0]
    assert problem.code == "too-deep"


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("a > 1", True),
        ("{{ a > 1 }}", True),
        ("a", 5),
        ("'text'", "text"),
        (True, True),
        (0, 0),
        (None, None),
        (["{{ a }}", "a"], [5, "a"]),
    ],
)
def test_a_field_that_is_one_expression_needs_no_braces(value, result):
    assert parse_expression_field(value, node_ids=IDS).render({"a": 5}) == result


def test_a_constant_field_is_constant_and_an_expression_is_a_template():
    assert parse_expression_field(False, node_ids=IDS).is_constant
    tree = parse_expression_field("fetch-topic.output.n > 1", node_ids=IDS, pointer="/nodes/0/when")
    assert tree.template_pointers == ("/nodes/0/when",)
    assert tree.references == (PlacedReference("/nodes/0/when", Reference("fetch-topic", ("output", "n"))),)


def test_a_problem_of_an_expression_field_has_its_pointer():
    tree = parse_expression_field("a >", node_ids=IDS, pointer="/nodes/0/when")
    assert [(problem.code, problem.pointer) for problem in tree.problems] == [("template-syntax", "/nodes/0/when")]
