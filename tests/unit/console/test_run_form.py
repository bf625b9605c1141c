import pytest

from console.models.pipelines import sample_inputs
from console.models.run_form import PREFIX, make_fields, read_form

INPUTS = {
    "name": {"type": "string", "title": "Your name", "description": "Who is greeted"},
    "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 2},
    "ratio": {"type": "number", "default": 0.5},
    "loud": {"type": "boolean", "default": True},
    "tone": {"type": "string", "enum": ["kind", "short"], "default": "short"},
    "level": {"enum": [1, 2, "three"], "default": 1},
    "tags": {"type": "array", "default": ["a"]},
    "text": {"type": "string", "maxLength": 5000, "default": ""},
    "any": None,
}


def typed(**values):
    return {PREFIX + name: text for name, text in values.items()}


def test_every_input_gets_the_field_that_fits_its_schema():
    fields = {field.name: field for field in make_fields(INPUTS)}
    kinds = {name: field.kind for name, field in fields.items()}
    assert kinds == {
        "name": "text",
        "count": "number",
        "ratio": "number",
        "loud": "check",
        "tone": "choice",
        "level": "choice",
        "tags": "json",
        "text": "area",
        "any": "json",
    }
    assert (fields["name"].label, fields["name"].is_required) == ("Your name", True)
    assert (fields["count"].minimum, fields["count"].maximum, fields["count"].step) == ("1", "9", "1")
    assert fields["count"].text == "2"
    assert fields["loud"].text == "on"
    assert fields["tags"].text == '[\n  "a"\n]'
    assert fields["level"].choices == ("1", "2", "three")


def test_what_was_typed_becomes_values_of_their_types():
    values, errors = read_form(
        INPUTS,
        typed(name="Ada", count="3", ratio="0.25", loud="on", tone="kind", level="2", tags='["x", 1]', text="a\r\nb"),
    )
    assert errors == {}
    assert values == {
        "name": "Ada",
        "count": 3,
        "ratio": 0.25,
        "loud": True,
        "tone": "kind",
        "level": 2,
        "tags": ["x", 1],
        "text": "a\nb",
    }


def test_an_empty_field_is_left_to_its_default():
    values, errors = read_form(INPUTS, typed(name="Ada"))
    assert errors == {}
    assert values == {"name": "Ada", "loud": False}


def test_an_empty_text_without_default_is_an_empty_text():
    assert read_form({"name": {"type": "string"}}, typed(name="")) == ({"name": ""}, {})


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [("count", "many", "expected a number"), ("tags", "[1,", "not JSON: Expecting value in line 1, column 4")],
)
def test_what_can_not_be_read_is_told_at_its_field(field, text, told):
    _, errors = read_form(INPUTS, typed(name="Ada", **{field: text}))
    assert errors == {field: told}


def test_what_was_typed_stands_in_the_form_again():
    fields = {field.name: field for field in make_fields(INPUTS, typed(count="many"))}
    assert fields["count"].text == "many"
    assert fields["loud"].text == ""


def test_a_large_whole_number_keeps_its_last_digit():
    assert read_form({"id": {"type": "integer"}}, typed(id="9007199254740993")) == ({"id": 9007199254740993}, {})


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_what_json_can_not_say_is_no_number(text):
    _, errors = read_form({"ratio": {"type": "number"}}, typed(ratio=text))
    assert list(errors) == ["ratio"]


@pytest.mark.parametrize(
    "inputs", [["a"], "text", None, {"city": "text"}, {"city": {"type": ["string"], "enum": 3, "title": {"a": 1}}}]
)
def test_inputs_of_a_draft_that_make_no_sense_still_give_a_form(inputs):
    assert all(field.kind == "json" and field.label == "city" for field in make_fields(inputs))
    assert read_form(inputs, {}) == ({}, {})
    assert set(sample_inputs(inputs).values()) <= {"<city>"}
