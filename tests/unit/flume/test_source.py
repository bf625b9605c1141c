import json
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flume import json_text, yaml_text
from flume.errors import DefinitionError
from flume.problems import Problem
from flume.source import MAX_BYTES, Position, Source, read_source, read_sources


def problems_of(text: str | bytes, **options: object) -> tuple[Problem, ...]:
    with pytest.raises(DefinitionError) as caught:
        read_source(text, **options)  # type: ignore[arg-type]
    return caught.value.problems


def only_problem(text: str | bytes, **options: object) -> Problem:
    (problem,) = problems_of(text, **options)
    return problem


def outcome(read: Callable[[], list[Source]]) -> tuple[list[Source], tuple[Problem, ...]]:
    try:
        return read(), ()
    except DefinitionError as error:
        return [], error.problems


@pytest.fixture(params=["c", "pure"])
def each_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pure":
        monkeypatch.setattr(yaml_text, "_COMPOSER", yaml_text._PureComposer)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("No", "No"),
        ("12:30", "12:30"),
        ("2020-01-01", "2020-01-01"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("-7", -7),
        ("+7", 7),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-1.5E-1", -0.15),
        ("1.", 1.0),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("!!float 1", 1.0),
        ("9223372036854775807", 2**63 - 1),
    ],
)
@pytest.mark.usefixtures("each_parser")
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    read = read_source(f"a: {text}\n").value["a"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "1e999", "9223372036854775808", "1" * 5000, "0x" + "f" * 17])
def test_numbers_that_json_does_not_have_are_refused_where_they_stand(text: str) -> None:
    problem = only_problem(f"a:\n  b: {text}")
    assert (problem.code, problem.pointer, problem.line, problem.column) == ("bad-value", "/a/b", 2, 6)


@pytest.mark.usefixtures("each_parser")
def test_positions_are_those_of_values_and_of_keys() -> None:
    source = read_source("# 파이프라인\nname: 값\nnodes:\n  - id: a\n    config: {url: x, 'a/b': [1, 2]}\n")
    assert source.position("") == Position(2, 1)
    assert source.position("/name") == Position(2, 7)
    assert source.key_position("/name") == Position(2, 1)
    assert source.position("/nodes/0/config/url") == Position(5, 19)
    assert source.key_position("/nodes/0/config/a~1b") == Position(5, 22)
    assert source.position("/nodes/0/config/a~1b/1") == Position(5, 33)
    assert source.key_position("/nodes/0") == Position(4, 5)
    assert source.position("/nodes/1") is None


def test_positions_do_not_depend_on_line_ends_or_a_byte_order_mark() -> None:
    for text in (b"\xef\xbb\xbfa: 1\r\nb: [\r\n  x]\r\n", b"a: 1\nb: [\n  x]\n", b"a: 1\rb: [\r  x]\r"):
        source = read_source(text)
        assert source.value == {"a": 1, "b": ["x"]}
        assert source.position("/b/0") == Position(3, 3)


def test_line_separators_of_yaml_1_1_are_ordinary_characters() -> None:
    source = read_source('a: "x\u2028y\u0085z"\nb: p\u2029q\n')
    assert source.value == {"a": "x\u2028y\u0085z", "b": "p\u2029q"}
    assert source.position("/b") == Position(2, 4)


def test_json_keeps_its_own_rules_and_positions() -> None:
    text = '{\n\t"a": {"b\\n~/": [1, 2.0, "x\u2028y"]},\n\t"c": "1e3"}'
    source = read_source(text)
    assert source.format == "json"
    assert source.value == {"a": {"b\n~/": [1, 2.0, "x\u2028y"]}, "c": "1e3"}
    assert source.position("/a/b\n~0~1/2") == Position(2, 26)
    assert source.key_position("/c") == Position(3, 2)


def test_positions_in_json_do_not_depend_on_line_ends() -> None:
    for end in ("\n", "\r\n", "\r"):
        source = read_source(end.join(["{", '"a": [', "", '  "x"],', '"b": 1}']), format="json")
        assert source.position("/a/0") == Position(4, 3)
        assert source.key_position("/b") == Position(5, 1)


def test_json_that_is_called_yaml_is_read_as_well() -> None:
    assert read_source('{\n\t"a": 1}', format="yaml").value == {"a": 1}


def test_braces_that_are_not_json_are_read_as_yaml() -> None:
    source = read_source('{"a": yes, # why\n b: [c,]}')
    assert (source.format, source.value) == ("yaml", {"a": "yes", "b": ["c"]})


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        ('{"a": 1,}', 1, 9, "comma"),
        ("{'a': 1}", 1, 2, "double quotes"),
        ('{"a": 1} x', 1, 10, "after the end"),
        ('{"a": 1, // no\n}', 1, 10, "comments"),
        ('{"a":\n "x', 2, 2, "never closed"),
        ('{"a": "\t"}', 1, 8, "control"),
        ('{"a": "\\x"}', 1, 8, "backslash"),
        ('{"a": [1', 1, 9, "too early"),
        ('{"a": NaN}', 1, 7, "NaN"),
        ("", 1, 1, "nothing"),
    ],
)
def test_bad_json_is_told_with_its_place(text: str, line: int, column: int, word: str) -> None:
    problem = only_problem(text, format="json")
    assert (problem.line, problem.column) == (line, column)
    assert word in f"{problem.message} {problem.hint}"


def test_text_that_looks_like_json_but_is_neither_is_called_bad_json() -> None:
    assert only_problem('{"a": "b" "c"}').code == "bad-json"


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", '{"a": 1,\n"b": 2,\n"a": 3}'])
@pytest.mark.usefixtures("each_parser")
def test_a_key_that_stands_twice_is_an_error_at_its_second_place(text: str) -> None:
    problem = only_problem(text)
    assert (problem.code, problem.pointer, problem.line, problem.column) == ("duplicate-key", "/a", 3, 1)


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a:\n  true: 1", "bad-key", 2, 3),
        ("a:\n  1: 1", "bad-key", 2, 3),
        ("? [a]\n: b", "bad-key", 1, 3),
        ('"a\\0b": 1', "bad-key", 1, 1),
        ("a:\n  <<: {b: 1}", "merge-key", 2, 3),
        ("a: !env HOME", "bad-tag", 1, 4),
        ("a: !!binary aGk=", "bad-tag", 1, 4),
        ("a: !!int x", "bad-tag", 1, 4),
        ("a: !x [1]", "bad-tag", 1, 4),
        ("!x a: 1", "bad-tag", 1, 1),
        ("a: !x {b: 1}", "bad-tag", 1, 4),
        ("a: &x [*x]", "bad-alias", 1, 4),
        ("a: *x", "bad-alias", 1, 4),
        ("a: &x 1\nb: &x 2", "bad-alias", 2, 4),
        ("a:\n\tb: 1", "bad-yaml", 2, 1),
        ("a: b: c", "bad-yaml", 1, 5),
        ("b: 'x\n", "bad-yaml", 1, 4),
        ('b: "\\q"', "bad-yaml", 1, 5),
        ("a: [1, 2\n", "bad-yaml", 1, 4),
        ("a: {b: 1\n", "bad-yaml", 1, 4),
        ("a:\n  b: 1\n c: 2", "bad-yaml", 3, 2),
        ('a: "x" y', "bad-yaml", 1, 8),
        ("a: - b", "bad-yaml", 1, 4),
        ("a: ]", "bad-yaml", 1, 4),
        ("  a: 1\nb: 2", "bad-yaml", 2, 1),
        ("a: \x07", "bad-character", 1, 4),
        ("a: x\x00", "bad-character", 1, 5),
        ("a: \ud800", "bad-character", 1, 4),
        (b"a: 1\nb: \xff", "bad-encoding", 2, 4),
        ("a: 1".encode("utf-16"), "bad-encoding", 1, 1),
        ("", "empty-document", 1, 1),
        ("# nothing\n---\n", "empty-document", 1, 1),
    ],
)
def test_what_is_not_yaml_is_told_with_code_and_place(text: str | bytes, code: str, line: int, column: int) -> None:
    problem = only_problem(text)
    assert (problem.code, problem.line, problem.column) == (code, line, column)
    assert problem.hint


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: {{x}}", "{{x}}"),
        ("a: {{ x.y }} and more", "{{ x.y }} and more"),
        ("a: {{ x['y'] }}", "{{ x['y'] }}"),
        ("a: {{x}}{{y}} # note", "{{x}}{{y}}"),
        ("a: {% if x %}", "{% if x %}"),
        ("- {{x}} y", "{{x}} y"),
        ("a: {b: {{x}}}", "{{x}}"),
        ("a: {b: {{x[1]}}}", "{{x[1]}}"),
        ("a: [{{x}}]", "{{x}}"),
    ],
)
@pytest.mark.usefixtures("each_parser")
def test_an_unquoted_template_gets_the_hint_to_quote_it(text: str, value: str) -> None:
    problem = only_problem(text)
    assert problem.code == "unquoted-template"
    assert problem.column == text.index("{{" if "{{" in text else "{%") + 1
    assert f'"{value}' in problem.hint or value in problem.hint


def test_the_hint_for_a_template_with_double_quotes_uses_single_ones() -> None:
    assert only_problem('a: {{ x["y"] }}').hint == "put the value in quotes: '{{ x[\"y\"] }}'"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("trigger: {type: cron, schedule: @daily}", "@daily"),
        ("trigger: {schedule: @daily, type: cron}", "@daily"),
        ("trigger: {schedule: */5 1,2 * * *, type: cron}", "*/5 1,2 * * *"),
        ("a: {b: {c: @d}}", "@d"),
        ("a: [@x, y]", "@x"),
        ("a: [@x,", "@x"),
        ("a: {b: {{ x }} {{ y }}}", "{{ x }} {{ y }}"),
        ("a: @x, y}", "@x, y}"),
        ("{a: 1}: @x]", "@x]"),
    ],
)
@pytest.mark.usefixtures("each_parser")
def test_the_hint_to_quote_a_value_shows_the_value_and_not_what_encloses_it(line: str, value: str) -> None:
    problem = problems_of(line)[0]
    assert problem.hint == f'put the value in quotes: "{value}"'


@pytest.mark.parametrize("value", ["@daily", "*/5 * * * *", "* * * * *", "%x", "`x`", "|x", "&", ">>x"])
@pytest.mark.usefixtures("each_parser")
def test_a_value_that_begins_with_a_sign_of_yaml_gets_the_hint_to_quote_it(value: str) -> None:
    problem = only_problem(f"a:\n  b: {value}  # every day\n")
    assert (problem.code, problem.line, problem.column) == ("unquoted-text", 2, 6)
    assert problem.hint == f'put the value in quotes: "{value}"'


def test_all_problems_that_can_be_read_past_come_at_once() -> None:
    codes = [problem.code for problem in problems_of("a: {{x}}\nb: 1\nb: 2\nc: !x 1\n1: .inf\n")]
    assert codes == ["unquoted-template", "duplicate-key", "bad-tag", "bad-key", "bad-value"]


def test_a_tolerant_reading_keeps_the_problems_and_the_rest_of_the_value() -> None:
    source = read_source("a: {{x}}\nb: 1\nb: 2\n", tolerant=True)
    assert source.value == {"a": "{{x}}", "b": 1}
    assert [problem.code for problem in source.problems] == ["unquoted-template", "duplicate-key"]


def test_aliases_are_written_out_up_to_a_bound() -> None:
    assert read_source("a: &x [1]\nb: *x\n").value == {"a": [1], "b": [1]}
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert only_problem("\n".join(lines)).code == "too-many-values"


ALIASED = f"a: &a {'[' * 40}{']' * 40}\nb: {'[' * 40}*a{']' * 40}\n"


@pytest.mark.usefixtures("each_parser")
def test_nesting_is_bounded_and_the_bound_itself_is_allowed() -> None:
    assert read_source("[" * 64 + "]" * 64).position("/0/0") == Position(1, 3)
    assert read_source("- " * 63 + "[]").value
    for text in (
        "[" * 65 + "]" * 65,
        "- " * 65 + "x",
        "{a: " * 65 + "}" * 65,
        "{a: " * 64 + "{}" + "}" * 64,
        ALIASED,
        "[" * 100_000,
    ):
        problem = only_problem(text)
        assert problem.code == "too-deep"
        assert problem.line is not None


def test_nesting_of_json_is_bounded_too() -> None:
    problem = only_problem('{"a":' * 3000 + "1" + "}" * 3000)
    assert (problem.code, problem.line, problem.column) == ("too-deep", 1, 64 * 5 + 1)


@pytest.mark.slow
def test_size_and_number_of_values_are_bounded() -> None:
    assert only_problem("a" * (MAX_BYTES + 1)).code == "too-large"
    assert only_problem("가" * (MAX_BYTES // 3 + 1)).code == "too-large"
    assert only_problem(b"\xff" * (MAX_BYTES + 1)).code == "too-large"
    assert only_problem("[" + "0," * 100_001 + "0]").code == "too-many-values"


def test_values_are_counted_in_both_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (yaml_text, json_text):
        monkeypatch.setattr(module, "MAX_VALUES", 4)
    for text in ("[1, 2, 3]", '["1", "2", "3"]', "{a: {b: {c: 1}}}"):
        assert read_source(text).value
    for text in ("[1, 2, 3, 4]", '["1", "2", "3", "4"]', '{"a": 1, "b": 2, "c": {"d": 3}}', "[" + "1, " * 9 + "1]"):
        assert only_problem(text).code == "too-many-values"


def test_a_number_of_too_many_digits_is_refused() -> None:
    assert only_problem('{"a": ' + "1" * 5_000 + "}", format="json").code == "bad-value"


def test_json_values_that_no_store_holds_are_refused_where_they_stand() -> None:
    for value in ("1e999", "99999999999999999999", '"\\ud800"'):
        problem = only_problem('{"a":\n [1, ' + value + "]}", format="json")
        assert (problem.code, problem.pointer, problem.line, problem.column) == ("bad-value", "/a/1", 2, 6)


def test_a_second_document_is_refused_where_it_begins() -> None:
    problem = only_problem("a: 1\n---\nb: 2\n")
    assert (problem.code, problem.line, problem.column) == ("several-documents", 2, 1)
    assert read_source("%YAML 1.2\n# intro\n--- # start\na: 1\n...\n---\n# end\n").value == {"a": 1}


def test_a_file_of_several_documents_keeps_text_and_lines_of_each() -> None:
    sources = read_sources("# one\na: 1\n---\n# two\nb: [1,\n 2]\n--- # empty\n---\nc: |\n  ---x\n")
    assert [source.value for source in sources] == [{"a": 1}, {"b": [1, 2]}, {"c": "---x\n"}]
    assert sources[0].text == "# one\na: 1\n"
    assert sources[1].text == "---\n# two\nb: [1,\n 2]\n"
    assert sources[1].position("/b/1") == Position(6, 2)
    assert sources[2].position("/c") == Position(9, 4)


def test_problems_of_all_documents_of_a_file_come_at_once_with_lines_of_the_file() -> None:
    with pytest.raises(DefinitionError) as caught:
        read_sources("a: 1\na: 2\n---\nb: @x\n---\nc: {{x}}\n")
    found = [(problem.code, problem.line) for problem in caught.value.problems]
    assert found == [("duplicate-key", 2), ("unquoted-text", 4), ("unquoted-template", 6)]


def test_a_json_file_is_one_document() -> None:
    (source,) = read_sources('{"a":\n"---"}', name="x.json")
    assert (source.value, source.name) == ({"a": "---"}, "x.json")


def test_a_value_has_no_positions_and_must_be_json() -> None:
    source = Source.from_value({"a": [1]})
    assert source.position("/a/0") is None
    assert source.locate(Problem("x", "/a", "m")) == Problem("x", "/a", "m")
    with pytest.raises(DefinitionError) as caught:
        Source.from_value({"a": float("nan")})
    assert caught.value.problems[0].pointer == "/a"


def test_a_problem_at_something_absent_is_located_at_what_would_hold_it() -> None:
    source = read_source("a:\n  b: {c: 1}\n")
    located = source.locate(Problem("x", "/a/b/missing/deeper", "m"))
    assert (located.line, located.column) == (2, 3)


@given(st.text() | st.binary())
@example("{{")
@example("? ")
@example("--- |\n")
@example("[{")
@example("\ufeff")
def test_any_text_is_read_or_refused_with_a_definition_error(text: str | bytes) -> None:
    for options in ({}, {"format": "json"}, {"format": "yaml"}):
        sources, problems = outcome(lambda options=options: [read_source(text, **options)])
        assert all(problem.code and problem.message for problem in problems)
        assert all(source.position("") for source in sources)


@given(st.text(alphabet="ab:-{}[]\"'#&*!|>%@`\n ,?~1.<", max_size=40))
def test_any_soup_of_yaml_signs_is_read_or_refused(text: str) -> None:
    _, problems = outcome(lambda: read_sources(text))
    assert all(problem.line for problem in problems)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES.filter(lambda value: not _has_nul_key(value)))
def test_every_json_value_comes_back_as_it_was_and_every_part_has_a_position(value: object) -> None:
    source = read_source(json.dumps(value, indent=1), format="json")
    assert source.value == value
    for pointer in _pointers(value, ""):
        assert source.position(pointer) is not None


def _has_nul_key(value: object) -> bool:
    if isinstance(value, dict):
        return any("\0" in key or _has_nul_key(inner) for key, inner in value.items())
    return isinstance(value, list) and any(map(_has_nul_key, value))


def _pointers(value: object, base: str) -> list[str]:
    items: list[tuple[object, object]] = []
    if isinstance(value, dict):
        items = [(key.replace("~", "~0").replace("/", "~1"), inner) for key, inner in value.items()]
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [base, *(pointer for key, inner in items for pointer in _pointers(inner, f"{base}/{key}"))]
