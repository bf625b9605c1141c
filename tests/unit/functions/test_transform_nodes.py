from typing import Any

import pytest

from flume.errors import ExpressionError, NodeError
from flume.nodes import Rendering
from flume.nodes.describe import describe
from flume.testing import run_node
from functions.nodes.bounded_jmespath import search
from functions.nodes.transform import JsonTransform, Template

PEOPLE = {"people": [{"name": "A", "age": 30}, {"name": "B", "age": 20}, {"name": "C", "age": 40}]}


async def test_json_transform_searches_its_data() -> None:
    expression = "people[?age > `25`].{who: name} | reverse(@)"

    assert (await run_node(JsonTransform, {"expression": expression}, {"data": PEOPLE})).output == [
        {"who": "C"},
        {"who": "A"},
    ]


async def test_json_transform_gives_its_rendered_mapping() -> None:
    assert (await run_node(JsonTransform, {"mapping": {"a": [1]}}, {"data": 1})).output == {"a": [1]}


@pytest.mark.parametrize("config", [{}, {"expression": "a", "mapping": {}}])
async def test_json_transform_takes_exactly_one_of_its_forms(config: dict[str, Any]) -> None:
    with pytest.raises(NodeError, match="either 'expression' or 'mapping'"):
        await run_node(JsonTransform, config)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("sort_by(people, &age)[0].name", "B"),
        ("join(', ', people[].name)", "A, B, C"),
        ("length(people)", 3),
        ("people[*].missing", []),
        ("missing", None),
        ("max_by(people, &age).age == `40`", True),
        ("people[0] == people[0]", True),
        ("contains(people[].name, 'B')", True),
        ("to_string(people[0])", '{"name":"A","age":30}'),
        ("map(&age, people)", [30, 20, 40]),
        ("merge(people[0], {age: `31`})", {"name": "A", "age": 31}),
        ("people[?age > `25`] | [1:].name", ["C"]),
        ("keys(people[0])", ["name", "age"]),
    ],
)
def test_bounded_search_finds_what_jmespath_finds(expression: str, found: object) -> None:
    assert search(expression, PEOPLE) == found


@pytest.mark.slow
@pytest.mark.parametrize(
    "expression",
    [
        "[@, @]" + " | [@, @]" * 30,
        "[@, @]" + " | [@, @]" * 100,
        "[@, @]" + " | [@, @]" * 30 + " | @ == @",
        "[@, @]" + " | [@, @]" * 30 + " | contains(@, @[0])",
        "[@, @][]" + " | [@, @][]" * 18 + " | [0]",
        "[@, @]" + " | [@, @]" * 16 + " | length(to_string(@))",
        "length(join(to_string(text[:100]), map(&'x', text)))",
        "{a: @, b: @}" + " | {a: @, b: @}" * 100,
        "[" + ", ".join(["to_string(@)"] * 300) + "]",
        "[@, @] | " * 12 + "[to_string(@), to_string(@)] | join(@[0], @)",
        "(" * 2000 + "a" + ")" * 2000,
        "a" * 5000,
    ],
)
def test_a_hostile_expression_is_stopped(expression: str) -> None:
    data = {**PEOPLE, "text": ['é"\\' * 200] * 500}

    with pytest.raises(ExpressionError):
        search(expression, data)


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("people[", "not a JMESPath expression"),
        ("foo(people)", r"foo\(\)"),
        ("length(`12345`)", r"length\(\) was given a number"),
        ("&people", "expression reference"),
    ],
)
async def test_a_wrong_expression_fails_for_good_without_showing_data(expression: str, complaint: str) -> None:
    with pytest.raises(NodeError, match=complaint) as failed:
        await run_node(JsonTransform, {"expression": expression}, {"data": PEOPLE})

    assert (failed.value.code, failed.value.retryable) == ("template-error", False)
    assert "12345" not in str(failed.value)


@pytest.mark.parametrize(
    ("text", "form", "output"),
    [
        ('{"a": 1}', "text", '{"a": 1}'),
        ('{"a": 1}', "json", {"a": 1}),
        ("a: yes\nb: 12:30\nc: [1, 2.5, true, null]", "yaml", {"a": "yes", "b": "12:30", "c": [1, 2.5, True, None]}),
        ("", "yaml", None),
        ("", "text", ""),
    ],
)
async def test_a_template_is_read_as_its_format_says(text: str, form: str, output: object) -> None:
    assert (await run_node(Template, {"template": text, "format": form}, {"name": 1})).output == output


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("{", "json"),
        ("NaN", "json"),
        ("[" * 100_000, "json"),
        ("a: [", "yaml"),
        ("a: 1\na: 2", "yaml"),
        ("&a [*a]", "yaml"),
        ("!!python/object/apply:os.getcwd []", "yaml"),
    ],
)
async def test_text_that_is_not_of_the_format_fails_for_good(text: str, form: str) -> None:
    with pytest.raises(NodeError, match="the rendered template is not") as failed:
        await run_node(Template, {"template": text, "format": form})

    assert (failed.value.code, failed.value.retryable) == ("bad-format", False)


def test_raw_fields_are_marked_as_the_specification_says() -> None:
    assert describe(Template).rendering_of("template") is Rendering.DOCUMENT
    assert describe(Template).rendering_of("format") is Rendering.VALUE
    assert describe(JsonTransform).rendering_of("expression") is Rendering.VERBATIM
    assert describe(JsonTransform).rendering_of("mapping") is Rendering.SCOPED
