from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume.errors import RequestError
from flume.findings import Findings
from flume.inputs import check_inputs, find_input_problems, read_inputs
from flume.pipeline import InputDefinition
from flume.source import Source


def declare(**inputs: Any) -> tuple[InputDefinition, ...]:
    findings = Findings(Source(None))
    definitions = read_inputs(inputs, "/inputs", findings)
    assert findings.problems == ()
    return definitions


def problems_of(inputs: Any) -> list[tuple[str, str]]:
    findings = Findings(Source(None))
    read_inputs(inputs, "/inputs", findings)
    return [(problem.code, problem.pointer) for problem in findings.problems]


def test_defaults_are_filled_in_and_order_is_that_of_the_document() -> None:
    definitions = declare(
        topic={"type": "string", "default": "바다"}, count={"type": "integer"}, more={"default": None}
    )
    assert check_inputs(definitions, {"count": 2}) == {"topic": "바다", "count": 2, "more": None}
    assert check_inputs(declare(), None) == {}


def test_an_input_without_default_is_required() -> None:
    (definition,) = declare(n={"type": "integer", "description": "how many"})
    assert (definition.required, definition.schema) == (True, {"type": "integer", "description": "how many"})
    (problem,) = find_input_problems([definition], {})
    assert (problem.code, problem.pointer, problem.hint) == ("missing-input", "/n", "give a whole number: how many")


def test_a_default_of_null_makes_an_input_optional_whatever_its_type() -> None:
    definitions = declare(n={"type": "integer", "default": None})
    assert check_inputs(definitions, {}) == {"n": None}
    assert check_inputs(definitions, {"n": None}) == {"n": None}
    assert find_input_problems(declare(n={"type": "integer", "default": 1}), {"n": None})


def test_an_unknown_input_is_refused_with_the_nearest() -> None:
    with pytest.raises(RequestError) as caught:
        check_inputs(declare(topic={"default": ""}), {"topc": 1})
    assert (caught.value.code, caught.value.pointer) == ("unknown-input", "/topc")
    assert caught.value.hint == "did you mean 'topic'?"
    assert str(caught.value) == "inputs.topc: there is no such input"


def test_a_pipeline_that_takes_no_inputs_says_so() -> None:
    (problem,) = find_input_problems((), {"a": 1})
    assert problem.hint == "the pipeline takes no inputs"


def test_what_is_given_has_to_be_an_object() -> None:
    with pytest.raises(RequestError, match="expected an object, found a list"):
        check_inputs((), [1])


def test_all_problems_of_what_was_given_come_at_once() -> None:
    definitions = declare(a={"type": "string"}, b={"type": "array", "items": {"type": "integer"}}, c={"enum": [1, 2]})
    problems = find_input_problems(definitions, {"a": 1, "b": [1, "x", None], "c": 3, "d": 0})
    assert [(problem.code, problem.pointer) for problem in problems] == [
        ("unknown-input", "/d"),
        ("bad-input", "/a"),
        ("bad-input", "/b/1"),
        ("bad-input", "/b/2"),
        ("bad-input", "/c"),
    ]
    with pytest.raises(RequestError, match=r"inputs\.d: .*; inputs\.a: expected text, found a number; inputs\.b\.1"):
        check_inputs(definitions, {"a": 1, "b": [1, "x", None], "c": 3, "d": 0})


@pytest.mark.parametrize(
    ("schema", "good", "bad", "message"),
    [
        ({"type": "string"}, "x", 1, "expected text, found a number"),
        ({"type": "number"}, 1.5, "1", "expected a number, found text"),
        ({"type": "integer"}, 3, 3.5, "expected a whole number, found a number"),
        ({"type": "boolean"}, False, 0, "expected true or false, found a number"),
        ({"type": "object"}, {}, [], "expected an object, found a list"),
        ({"type": "array"}, [], {}, "expected a list, found an object"),
        ({"enum": ["a", "b"]}, "a", "c", "expected one of a, b"),
        ({"minimum": 3}, 3, 2, "expected at least 3"),
        ({"maximum": 3}, 3, 4, "expected at most 3"),
        ({"minLength": 2}, "바다", "바", "expected at least 2 characters"),
        ({"maxLength": 2}, "바다", "바다요", "expected at most 2 characters"),
        ({"minItems": 1}, [1], [], "expected at least 1 items"),
        ({"maxItems": 1}, [1], [1, 2], "expected at most 1 items"),
        ({"pattern": "^[가-힣]+$"}, "바다", "sea", "expected text that matches ^[가-힣]+$"),
        ({"format": "date"}, "2026-02-28", "2026-02-30", "expected text in the format date"),
        ({"type": "object", "required": ["k"]}, {"k": 1}, {}, "is required"),
        ({"properties": {"k": {"type": "string"}}}, {"k": ""}, {"k": 1}, "expected text, found a number"),
    ],
)
def test_values_are_held_to_their_schema(schema: dict[str, Any], good: Any, bad: Any, message: str) -> None:
    definitions = declare(v=schema)
    assert check_inputs(definitions, {"v": good}) == {"v": good}
    assert [problem.message for problem in find_input_problems(definitions, {"v": bad})] == [message]


def test_a_missing_property_is_pointed_at() -> None:
    definitions = declare(v={"type": "object", "properties": {"a/b": {}}, "required": ["a/b"]})
    assert [problem.pointer for problem in find_input_problems(definitions, {"v": {}})] == ["/v/a~1b"]


def test_a_pattern_can_not_run_for_ever() -> None:
    definitions = declare(v={"pattern": "^(a+)+$"})
    assert len(find_input_problems(definitions, {"v": "a" * 50_000 + "b"})) == 1


def test_problems_never_show_what_was_given() -> None:
    for schema in ({"type": "integer"}, {"enum": [1]}, {"pattern": "^x$"}, {"format": "date"}, {"maxLength": 1}):
        (problem,) = find_input_problems(declare(v=schema), {"v": "hunter2"})
        assert "hunter2" not in problem.message + problem.hint


@pytest.mark.parametrize(
    ("inputs", "code", "pointer"),
    [
        ({"a b": {}}, "bad-name", "/inputs/a b"),
        ({"1st": {}}, "bad-name", "/inputs/1st"),
        ({"": {}}, "bad-name", "/inputs/"),
        ({"a": "string"}, "wrong-type", "/inputs/a"),
        ({"a": {"type": "text"}}, "bad-value", "/inputs/a/type"),
        ({"a": {"typ": "string"}}, "unknown-key", "/inputs/a/typ"),
        ({"a": {"items": {"properties": {"p": {"typ": "string"}}}}}, "unknown-key", "/inputs/a/items/properties/p/typ"),
        ({"a": {"$ref": "http://x"}}, "unknown-key", "/inputs/a/$ref"),
        ({"a": {"required": True}}, "wrong-type", "/inputs/a/required"),
        (
            {"a": {"items": {"properties": {"p": {"minimum": "3"}}}}},
            "wrong-type",
            "/inputs/a/items/properties/p/minimum",
        ),
        ({"a": {"enum": []}}, "bad-value", "/inputs/a/enum"),
        ({"a": {"minLength": -1}}, "bad-value", "/inputs/a/minLength"),
        ({"a": {"pattern": "("}}, "bad-input", "/inputs/a/pattern"),
        ({"a": {"properties": {"x/y": {"pattern": "(?=a)"}}}}, "bad-input", "/inputs/a/properties/x~1y/pattern"),
        ({"a": {"pattern": "(a{1,1000}){1,1000}"}}, "bad-input", "/inputs/a/pattern"),
        ({"a": {"type": "string", "default": 1}}, "bad-default", "/inputs/a/default"),
        ({"a": {"items": {"type": "string"}, "default": ["", 1]}}, "bad-default", "/inputs/a/default/1"),
        ([], "wrong-type", "/inputs"),
        ({f"i{n}": {} for n in range(201)}, "too-many-inputs", "/inputs"),
    ],
)
def test_wrong_declarations_are_problems_of_the_document(inputs: Any, code: str, pointer: str) -> None:
    assert problems_of(inputs) == [(code, pointer)]


def test_a_broken_input_is_still_known() -> None:
    findings = Findings(Source(None))
    definitions = read_inputs({"a": {"type": "nope", "default": 3}, "b": 5}, "/inputs", findings)
    assert definitions == (InputDefinition("a", {}, False, 3), InputDefinition("b", {}))


@pytest.mark.slow
@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
        lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", ""]), v, max_size=3),
        max_leaves=8,
    )
)
def test_anything_may_be_given(given_value: Any) -> None:
    definitions = declare(a={"type": "string"}, b={"type": "array", "items": {"maximum": 3}, "default": []})
    assert isinstance(find_input_problems(definitions, given_value), list)
