from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from flume.errors import ExpressionError
from flume.expressions import Reference, TemplateSyntaxError, as_text, is_true, parse_expression, parse_template
from flume.expressions.budget import Budget

IDS = frozenset({"fetch-topic", "a-b", "node-1", "a", "range", "not-found", "default-1"})
NOW = datetime(2026, 1, 31, 9, 5, 7, tzinfo=UTC)
SCOPE = {
    "fetch-topic": {
        "output": {"topic": "바다", "items": [1, 2, 3], "rows": [{"n": 1}, {"n": 2}]},
        "meta": {"status": 200},
    },
    "headers": {"content-type": "text/plain", "x-2": "two", "n": 5, "404": "gone"},
    "a-b": {"output": 7},
    "a": 5,
    "b": 2,
    "zip": "00123",
    "sci": "1e5",
    "listlike": "[1]",
    "none_yet": None,
    "yes": True,
    "text": "abc",
    "empty": {},
    "range": {"output": "a node"},
    "not-found": {"output": 404},
    "default-1": 1,
    "$now": NOW,
    "주제": "달",
    "schema": {"$ref": "#/x"},
}


def evaluate(text, scope=SCOPE, **options):
    return parse_template(text, node_ids=IDS, **options).evaluate(scope)


def expression(text, scope=SCOPE):
    return parse_expression(text, node_ids=IDS).evaluate(scope)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ fetch-topic.output.topic }}", "바다"),
        ("{{fetch-topic.output.topic}}", "바다"),
        ("{{ fetch-topic.output['topic'] }}", "바다"),
        ("{{ fetch-topic.output.items }}", [1, 2, 3]),
        ("{{ fetch-topic.output.items[0] }}", 1),
        ("{{ fetch-topic.output.items[-1] }}", 3),
        ("{{ fetch-topic.output.rows.1.n }}", 2),
        ("{{ fetch-topic.output.items[b - 1] }}", 2),
        ("{{ fetch-topic.meta.status }}", 200),
        ("{{ headers.content-type }}", "text/plain"),
        ("{{ headers.404 }}", "gone"),
        ("{{ headers[404] }}", "gone"),
        ("{{ headers['x-2'] }}", "two"),
        ("{{ zip }}", "00123"),
        ("{{ sci }}", "1e5"),
        ("{{ listlike }}", "[1]"),
        ("{{ none_yet }}", None),
        ("{{ null }}", None),
        ("{{ none }}", None),
        ("{{ true }}", True),
        ("{{ $now }}", NOW),
        ("{{ 주제 }}", "달"),
        ("{{ schema.$ref }}", "#/x"),
        ("{{ 1.5e3 }}", 1500.0),
        ("{{ {'a': [1, {'b': null}]} }}", {"a": [1, {"b": None}]}),
        ("{{ (1, 2) }}", [1, 2]),
        ("{{ [1, 2, 3][1:] }}", [2, 3]),
        ("{{ text[:2] }}", "ab"),
        ("{{ text[::-1] }}", "cba"),
    ],
)
def test_a_template_that_is_exactly_one_expression_keeps_the_type_of_its_result(text, value):
    result = evaluate(text)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        (" {{ a }}", " 5"),
        ("{{ a }}\n", "5\n"),
        ("{{ a }}{{ b }}", "52"),
        ("주제: {{ fetch-topic.output.topic }}!", "주제: 바다!"),
        ("a{{ null }}b", "ab"),
        ("is {{ yes }}, {{ not yes }}", "is true, false"),
        ("n = {{ 3.0 }}", "n = 3.0"),
        ("at {{ $now }}", "at 2026-01-31T09:05:07Z"),
        ("{{ fetch-topic.output.rows }} ", '[{"n":1},{"n":2}] '),
        ("x{{ {'b': null, 'a': [true, $now]} }}", 'x{"b":null,"a":[true,"2026-01-31T09:05:07Z"]}'),
        ("}} {# text #} { {", "}} {# text #} { {"),
        ("{% raw %}{{ a }} {% if %}{% endraw %}", "{{ a }} {% if %}"),
        ("a {% raw %}b{% endraw %} {{ a }}", "a b 5"),
        ("  {{- a -}}  !", "5!"),
        ("x  {{- ' y' -}}  !", "x y!"),
        ("x  {{ - 1 }}", "x  -1"),
    ],
)
def test_anything_else_is_text(text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ a - b }}", 3),
        ("{{ a-b.output }}", 7),
        ("{{ a -b }}", 3),
        ("{{ b-a }}", -3),
        ("{{ headers.n-1 }}", 4),
        ("{{ headers.n - 1 }}", 4),
        ("{{ not-found.output }}", 404),
        ("{{ not not-found.output }}", False),
        ("{{ range.output }}", "a node"),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ 'a-b' }}", "a-b"),
        ("{{ nothing|default(9)-1 }}", 8),
        ("{{-1}}", -1),
    ],
)
def test_a_hyphen_is_a_minus_unless_it_belongs_to_a_node_id_or_a_key(text, value):
    assert evaluate(text) == value


def test_a_hyphenated_name_that_is_no_node_is_a_subtraction():
    assert parse_template("{{ fetch-topic.n }}", node_ids=frozenset()).evaluate({"fetch": 5, "topic": {"n": 2}}) == 3


def test_the_longest_known_node_id_wins():
    template = parse_template("{{ a-b-c }} {{ a-b-1 }}", node_ids=frozenset({"a-b", "a-b-c", "a"}))
    assert template.evaluate({"a": 1, "a-b": 10, "a-b-c": 100}) == "100 9"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("7 // 2", 3),
        ("7 / 2", 3.5),
        ("-7 % 3", 2),
        ("2 ** 10", 1024),
        ("2 ** -1", 0.5),
        ("+a", 5),
        ("-(-a)", 5),
        ("'a' + 'b'", "ab"),
        ("[1] + [2]", [1, 2]),
        ("'ab' * 2", "abab"),
        ("'ab' * -2", ""),
        ("a ~ null ~ true ~ [1]", "5true[1]"),
        ("1 < 2 < 3", True),
        ("1 < 2 > 3", False),
        ("2 <= 2 and 2 >= 2", True),
        ("'a' < 'b'", True),
        ("$now <= $now", True),
        ("1 == 1.0", True),
        ("1 == true", False),
        ("[true] == [1]", False),
        ("[1, {'a': 2}] == [1, {'a': 2.0}]", True),
        ("{'a': 1} != {'a': 2}", True),
        ("{'a': 1} == {'b': 1}", False),
        ("[1] == [1, 2]", False),
        ("'1' == 1", False),
        ("2 in [1, 2]", True),
        ("'n' in headers", True),
        ("1 in headers", False),
        ("'b' in text", True),
        ("3 not in [1, 2]", True),
        ("'x' if yes else 'y'", "x"),
        ("'x' if not yes else 'y'", "y"),
        ("'x' if not yes", None),
        ("none_yet or 'fallback'", "fallback"),
        ("yes and text", "abc"),
        ("{{ a > 1 }}", True),
        ("  a > 1  ", True),
        ("[1, 2] | length", 2),
        ("headers.n is defined", True),
        ("headers.nope is defined", False),
        ("headers.nope.deeper is undefined", True),
        ("nope is not defined", True),
        ("(a if yes else nope) is defined", True),
        ("(nope if yes else a) | default(3)", 3),
        ("nope.x[a].y | default('d')", "d"),
        ("none_yet.x | d('d')", "d"),
        ("none_yet | default('d')", None),
        ("none_yet | default('d', true)", "d"),
        ("none_yet | default('d', boolean=true)", "d"),
        ("nope | default", ""),
        ("nope | default(default_value=1)", 1),
        ("nope | default(nope | default(2))", 2),
        ("a | default(nope)", 5),
        ("nope | upper | default('d')", "d"),
        ("[] | first | default('d')", "d"),
        ("nope[1:] | default('d')", "d"),
        ("[][0] | default('d')", "d"),
        ("[3][0]", 3),
        ("null.x | default(1)", 1),
        ("4 is even and 3 is odd", True),
        ("9 is divisibleby 3", True),
        ("text is string and a is number and yes is boolean", True),
        ("yes is true and (not yes) is false", True),
        ("a is integer and 1.5 is float", True),
        ("headers is mapping and [] is list", True),
        ("none_yet is null and none_yet is empty", True),
        ("$now is date", True),
        ("text is startingwith 'ab'", True),
        ("text is endingwith('bc')", True),
        ("a is in [5]", True),
        ("a is gt 4 and a is ge 5 and a is lt 6 and a is le 5 and a is ne 6 and a is eq 5", True),
        ("min(3, 1, 2) + max([4, 9]) + len('abc')", 13),
        ("range(5, 0, -2)", [5, 3, 1]),
        ("range(1, 3)", [1, 2]),
        ("range(3, 1)", []),
        ("{'a': {'b': {}}}", {"a": {"b": {}}}),
        ("'\\u00e9\\n\\t\\x41\\U0001F600\\d'", "é\n\tA😀\\d"),
        ("'\\ud83d\\ude00'", "😀"),
        ('"it\'s \\"ok\\""', 'it\'s "ok"'),
        ("'a' 'b'", "ab"),
    ],
)
def test_expressions_give_what_they_say(text, value):
    result = expression(text)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "nope",
            "'nope' is not defined; defined are: fetch-topic, headers, a-b, a, b, zip, sci, listlike, none_yet, yes and 8 more",
        ),
        ("header.n", "'header' is not defined; defined are: headers, "),
        ("fetch-topic.output.topc", "'fetch-topic.output' has no key 'topc'; its keys are: topic, items, rows"),
        ("fetch-topic.output.rows[1].m", "'fetch-topic.output.rows[1]' has no key 'm'; its keys are: n"),
        ("fetch-topic.output.items[3]", "'fetch-topic.output.items' is a list of 3 and has no index 3"),
        ("fetch-topic.output.items[-4]", "has no index -4"),
        ("fetch-topic.output.items[a * 7]", "'fetch-topic.output.items' is a list of 3 and has no such index"),
        ("headers[text]", "'headers' has no such key; its keys are: content-type"),
        ("headers[text].x", "'headers' has no such key"),
        ("fetch-topic.output.rows[b - 1].m", "'fetch-topic.output.rows[…]' has no key 'm'"),
        ("none_yet.x", "'none_yet' is null and has no key 'x'"),
        ("null.x", "'null' is null and has no key 'x'"),
        ("text.upper", "'text' is text and has no key 'upper'"),
        ("text[0]", "'text' is text and has no indexes; a slice such as [0:1] takes part of it"),
        ("text['length']", "is text"),
        ("empty.x", "'empty' is an empty object and has no key 'x'"),
        ("$now.year", "is a date"),
        ("yes.x", "is true or false"),
        ("[1][2]", "is a list of 1 and has no index 2"),
        ("headers[[1]]", "no such key"),
        ("headers[true]", "no such key"),
        ("1 + 'a'", "can't add a number and text; ~ joins anything as text"),
        ("1 + null", "can't add a number and null"),
        ("true + 1", "can't add true or false and a number"),
        ("'%s' % 1", "'%' needs two numbers, not text and a number"),
        ("[1] * 2", "'*' needs two numbers, not a list and a number"),
        ("-text", "'-' needs a number, not text"),
        ("+text", "'+' needs a number, not text"),
        ("1 / 0", "division by zero"),
        ("1 % 0", "division by zero"),
        ("1e308 * 10", "not a finite number"),
        ("10.0 ** 400", "not a finite number"),
        ("(-8) ** 0.5", "not a finite number"),
        ("0 ** -1", "division by zero"),
        ("9223372036854775807 + 1", "beyond 64 bits"),
        ("1 < 'a'", "a number and text have no order; the filters int and float"),
        ("[1] < [2]", "a list and a list have no order"),
        ("1 in 'abc'", "text is looked for in text, not a number"),
        ("1 in 5", "'in' needs a list, an object or text"),
        ("{1: 2}", "the keys of an object are text, not a number"),
        ("a[1:]", "a slice needs a list or text, not a number"),
        ("text['a':]", "the bounds of a slice are whole numbers"),
        ("text[::0]", "its step is not 0"),
        ("range('a')", "range(): range needs whole numbers"),
        ("range(1, 5, 0)", "a step other than 0"),
        ("min([])", "min(): min gives nothing for an empty list"),
        ("len(5)", "len(): a number has no length"),
        ("'a' is even", "test 'even': a number is needed, not text"),
        ("[] | first", "filter 'first': it gives nothing for an empty list"),
        ("5 | upper", "filter 'upper': text is needed, not a number"),
        ("nope | upper", "'nope' is not defined"),
        ("a | default(1) | upper", "filter 'upper': text is needed"),
        ("nope is empty", "'nope' is not defined"),
    ],
)
def test_what_fails_on_its_data_says_why_and_shows_no_data(text, message):
    with pytest.raises(ExpressionError) as caught:
        expression(text)
    assert message in str(caught.value)
    assert caught.value.source == text
    assert "바다" not in str(caught.value)


def test_keys_are_found_in_any_mapping():
    scope = MappingProxyType({"x": MappingProxyType({"items": [1], "7": "seven"})})
    assert evaluate("{{ x.items }}", scope) == [1]
    assert evaluate("{{ x[7] }}", scope) == "seven"
    assert evaluate("j {{ x }}", scope) == 'j {"items":[1],"7":"seven"}'
    with pytest.raises(ExpressionError, match="no key 'keys'"):
        evaluate("{{ x.keys }}", scope)
    with pytest.raises(ExpressionError, match="no such key"):
        evaluate("{{ x[[1]] }}", scope)


def test_a_message_lists_no_more_than_ten_names_of_bounded_length():
    scope = {f"k{number}" + "x" * 500: 1 for number in range(5000)}
    with pytest.raises(ExpressionError) as caught:
        evaluate("{{ nope }}", scope)
    assert str(caught.value).endswith("and 4990 more")
    assert len(str(caught.value)) < 800


def test_data_that_looks_like_a_template_stays_text():
    scope = {"x": "{{ a }}{% if %}", "a": 1}
    assert evaluate("{{ x }}", scope) == "{{ a }}{% if %}"
    assert evaluate("<{{ x }}>", scope) == "<{{ a }}{% if %}>"


def test_values_of_the_scope_are_passed_on_not_copied():
    assert evaluate("{{ fetch-topic.output }}") is SCOPE["fetch-topic"]["output"]


def test_milliseconds_of_now_show_in_text_unless_they_are_zero():
    scope = {"$now": datetime(2026, 1, 31, 9, 5, 7, 45_999, tzinfo=UTC)}
    assert evaluate("t={{ $now }}", scope) == "t=2026-01-31T09:05:07.045Z"


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("plain", ()),
        ("{{ fetch-topic.output.topic }}", (Reference("fetch-topic", ("output", "topic")),)),
        ("{{ x.rows[0]['a b'][-1].c }}", (Reference("x", ("rows", 0, "a b", -1, "c")),)),
        ("{{ x.rows[i].c }}", (Reference("i"), Reference("x", ("rows",)))),
        ("{{ x.a | default(y.b) }}", (Reference("x", ("a",), True), Reference("y", ("b",)))),
        ("{{ x.a is defined and x.a > 1 }}", (Reference("x", ("a",), True), Reference("x", ("a",)))),
        ("{{ x.a | upper | default('') }}", (Reference("x", ("a",), True),)),
        ("{{ (x if c else y) | default(1) }}", (Reference("c"), Reference("x", (), True), Reference("y", (), True))),
        ("{{ (x + y) | default(1) }}", (Reference("x"), Reference("y"))),
        ("{{ x.rows[1:n] }}", (Reference("x", ("rows",)), Reference("n"))),
        ("{{ (x | first).a is defined }}", (Reference("x", (), True),)),
        ("{{ $now | date('%Y') }}", (Reference("$now"),)),
        ("{{ a-b.c - d }} {{ a-b.c }} {{ null }}", (Reference("a-b", ("c",)), Reference("d"))),
        ("{{ secrets.TOKEN }}", (Reference("secrets", ("TOKEN",)),)),
        ("{{ 1 if secrets.TOKEN is defined else 0 }}", (Reference("secrets", ("TOKEN",), True),)),
        ("{{ range(n) }}", (Reference("n"),)),
        ("{{ {'a': x, 'b': [y]} }}", (Reference("x"), Reference("y"))),
        ("{{ x | join(sep, attribute=z) }}", (Reference("x"), Reference("sep"), Reference("z"))),
    ],
)
def test_references_are_the_names_and_static_paths_that_a_template_reads(text, references):
    assert parse_template(text, node_ids=IDS).references == references


def test_only_text_without_expressions_is_constant():
    assert parse_template("a {% raw %}{{{% endraw %}", node_ids=IDS).is_constant
    assert not parse_template("{{ 1 }}", node_ids=IDS).is_constant
    assert not parse_expression("true", node_ids=IDS).is_constant


def test_a_template_can_be_evaluated_again_with_another_scope():
    template = parse_template("{{ n + 1 }}", node_ids=IDS)
    assert [template.evaluate({"n": n}) for n in (1, 2)] == [2, 3]


@pytest.mark.parametrize("value", [True, 1, -0.5, [0], {"a": 1}])
def test_a_condition_holds_for(value):
    assert is_true(value)


@pytest.mark.parametrize("value", [False, None, 0, 0.0, [], {}])
def test_a_condition_does_not_hold_for(value):
    assert not is_true(value)


@pytest.mark.parametrize(("value", "kind"), [("false", "text"), ("", "text"), (NOW, "a date")])
def test_a_condition_refuses(value, kind):
    with pytest.raises(ExpressionError, match=f"not {kind}"):
        is_true(value)


def test_text_of_a_value_that_is_no_json_is_an_error():
    with pytest.raises(ExpressionError, match="can't be written as JSON"):
        as_text(["\ud800"], Budget())
    with pytest.raises(ExpressionError, match="can't be written as JSON"):
        as_text([2**70], Budget())
    with pytest.raises(ExpressionError, match="can't be written as JSON"):
        as_text([object()], Budget())


@pytest.mark.parametrize(
    ("text", "code", "message", "hint"),
    [
        ("{{ x|uper }}", "unknown-filter", "unknown filter 'uper'", "did you mean upper?"),
        ("{{ x|zzzzzz }}", "unknown-filter", "unknown filter 'zzzzzz'", "there are: abs,"),
        ("{{ x|a.b }}", "unknown-filter", "unknown filter 'a.b'", ""),
        ("{{ rang(3) }}", "unknown-function", "unknown function 'rang'", "did you mean range?"),
        ("{{ upper(x) }}", "unknown-function", "unknown function 'upper'", "write … | upper"),
        ("{{ lipsum() }}", "unknown-function", "unknown function 'lipsum'", ""),
        ("{{ x is defind }}", "unknown-test", "unknown test 'defind'", "did you mean defined?"),
        ("{{ x|map('uper') }}", "unknown-filter", "unknown filter 'uper'", "did you mean upper?"),
        ("{{ x|selectattr('a', 'eqq', 1) }}", "unknown-test", "unknown test 'eqq'", ""),
        (
            "{{ x|replace('a') }}",
            "template-syntax",
            "filter 'replace': missing a required argument: 'new'",
            "(old, new, count=null)",
        ),
        ("{{ x|upper(1) }}", "template-syntax", "filter 'upper': too many positional arguments", "it takes ()"),
        ("{{ x|map(attribute='a', nope=1) }}", "template-syntax", "nope", "(name=null, …, attribute=null, default=…)"),
        ("{{ x|truncate(end='', end='') }}", "template-syntax", "an argument is given twice", ""),
        ("{{ x is divisibleby }}", "template-syntax", "missing a required argument", ""),
        ("{{ x.append(1) }}", "forbidden", "'.append(…)': methods can't be called", "filters do such work"),
        ("{{ x.upper() }}", "forbidden", "'.upper(…)': methods can't be called", "write … | upper"),
        ("{{ x()() }}", "forbidden", "only functions can be called", ""),
        ("{{ (x|upper)() }}", "forbidden", "only functions can be called", ""),
        ("{{ range(*x) }}", "forbidden", "'*' and '**' are not allowed in calls", "one by one"),
        ("{{ x|join(**y) }}", "forbidden", "'*' and '**' are not allowed in calls", ""),
        ("{{ x.__class__ }}", "forbidden", "'.__class__' is not allowed", "['__class__']"),
        ("{{ ''.__class__.__mro__ }}", "forbidden", "'.__class__' is not allowed", ""),
        ("{% if a %}x{% endif %}", "template-syntax", "'{% … %}' is not allowed here", "{{ a if b else c }}"),
        ("{% include 'x' %}", "template-syntax", "'{% … %}' is not allowed here", ""),
        ("{{ }}", "template-syntax", "the expression is empty", ""),
        ("{{ a", "template-syntax", "'{{' is never closed", "}}"),
        ("{{ (a }}", "template-syntax", "unexpected '}', ')' was expected (character 7)", ""),
        ("{{ a) }}", "template-syntax", "unexpected ')' (character 5)", ""),
        ("{{ (a", "template-syntax", "')' is missing at the end of the expression", ""),
        ("{{ a b }}", "template-syntax", "unexpected 'b' (character 6)", ""),
        ("{{ a + }}", "template-syntax", "unexpected 'the end'", ""),
        ("{{ 'a }}", "template-syntax", "the text that begins with ' (character 4) is never closed", ""),
        ("{{ a && b }}", "template-syntax", "unexpected character '&'", "write and"),
        ("{{ !a }}", "template-syntax", "unexpected character '!'", "write not"),
        ("{{ $ }}", "template-syntax", "unexpected character '$'", "$now"),
        ("{{ a ? b }}", "template-syntax", "unexpected character '?'", "b if a else c"),
        ("{{ $inputs.n }}", "template-syntax", "unknown name '$inputs'", "written without: inputs"),
        ("{{ 99999999999999999999 }}", "template-syntax", "beyond 64 bits", "in quotes"),
        ("{{ 9223372036854775808 }}", "template-syntax", "beyond 64 bits", "in quotes"),
        ("{{ 1e999 }}", "template-syntax", "too large", "in quotes"),
        ("{{ '\\ud800' }}", "template-syntax", "half of a character", "both halves"),
        ("{{ '\\UFFFFFFFF' }}", "template-syntax", "beyond the last Unicode character", ""),
        ("{% raw %}x", "template-syntax", "'{% raw %}' is never closed", "{% endraw %}"),
        ("{{ secrets }}", "forbidden", "a secret is read by its name", "secrets.NAME"),
        ("{{ secrets[name] }}", "forbidden", "a secret is read by its name", ""),
        ("{{ secrets.A.b }}", "forbidden", "a secret is read by its name", ""),
        (
            "{{ secrets.A | upper }}",
            "forbidden",
            "a secret can be joined with text and nothing else",
            "{{ secrets.A }}",
        ),
    ],
)
def test_what_is_wrong_with_the_text_is_found_when_it_is_parsed(text, code, message, hint):
    with pytest.raises(TemplateSyntaxError) as caught:
        parse_template(text, node_ids=IDS)
    assert caught.value.code == code
    assert message in str(caught.value)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the expression is empty"),
        ("   ", "the expression is empty"),
        ("{{ a }} > {{ b }}", "text beside the braces"),
        ("a > {{ b }}", "braces within an expression"),
        ("{% if a %}", "unexpected"),
        ("a >", "unexpected"),
        ("[a", "']' is missing"),
    ],
)
def test_a_whole_field_expression_is_one_expression(text, message):
    with pytest.raises(TemplateSyntaxError, match=message):
        parse_expression(text, node_ids=IDS)


def test_an_object_within_an_object_needs_no_space_between_its_closing_braces():
    assert expression('{"a": {"b": {"c": 1}}}') == {"a": {"b": {"c": 1}}}
    assert evaluate("{{ {'a': {'b': 1}}}}") == {"a": {"b": 1}}
