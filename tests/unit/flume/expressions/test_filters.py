from datetime import UTC, datetime, timedelta, timezone

import pytest

from flume.errors import ExpressionError
from flume.expressions import parse_expression
from flume.expressions.callables import FILTERS, FUNCTIONS
from flume.expressions.dates import MAX_FORMAT, format_date, iso_text

SCOPE = {
    "rows": [{"name": "b", "n": 2, "tags": ["x"]}, {"name": "a", "n": 1, "tags": []}, {"name": "c", "n": 2}],
    "words": ["b", "a", "B", "a"],
    "object": {"b": 1, "a": [2]},
    "text": "Hello, World",
    "korean": "바다 이야기",
    "$now": datetime(2026, 1, 31, 15, 5, 7, 250_000, tzinfo=UTC),
}


def evaluate(text, scope=SCOPE):
    return parse_expression(text, node_ids=frozenset()).evaluate(scope)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("text | upper", "HELLO, WORLD"),
        ("text | lower", "hello, world"),
        ("'a bc' | title", "A Bc"),
        ("'aB' | capitalize", "Ab"),
        ("'  x ' | trim", "x"),
        ("'--x-' | trim('-')", "x"),
        ("text | replace('l', 'L')", "HeLLo, WorLd"),
        ("text | replace('l', 'L', 1)", "HeLlo, World"),
        ("text | replace('l', '', count=2)", "Heo, World"),
        ("'a b  c' | split", ["a", "b", "c"]),
        ("'a,b,c' | split(',')", ["a", "b", "c"]),
        ("'a,b,c' | split(',', 1)", ["a", "b,c"]),
        ("'one two three' | truncate(9)", "one..."),
        ("'one two three' | truncate(9, true)", "one tw..."),
        ("'one two three' | truncate(9, end='…')", "one two…"),
        ("'one' | truncate(9)", "one"),
        ("'onetwothree' | truncate(2)", "..."),
        ("'a\\nb\\n\\nc' | indent", "a\n    b\n\n    c"),
        ("'a\\nb' | indent(1, true)", " a\n b"),
        ("'<a href=\"x\">&' | escape", "&lt;a href=&quot;x&quot;&gt;&amp;"),
        ("[1] | e", "[1]"),
        ("'a b/é?' | urlencode", "a%20b/%C3%A9%3F"),
        ("{'q': 'a b', 'n': 1, 'x': null} | urlencode", "q=a%20b&n=1&x="),
        ("korean | base64encode", "67CU64ukIOydtOyVvOq4sA=="),
        ("'67CU64ukIOydtOyVvOq4sA' | base64decode", "바다 이야기"),
        ("'_-8' | base64decode | default('x')", None),
        ("'abc' | sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("[1, null] | string", "[1,null]"),
        ("{'b': 1, 'a': 'é'} | json", '{"b":1,"a":"é"}'),
        ("'a\"' | tojson", '"a\\""'),
        ("{'a': [1]} | json(indent=2)", '{\n  "a": [\n    1\n  ]\n}'),
        ("'{\"a\": [1, 2.5, null]}' | parse_json", {"a": [1, 2.5, None]}),
        ("' 42 ' | int", 42),
        ("4.9 | int", 4),
        ("true | int", 1),
        ("'x' | int(0)", 0),
        ("null | int(default=7)", 7),
        ("'1.5' | float", 1.5),
        ("2 | float", 2.0),
        ("'nan' | float(0)", 0),
        ("'x' | float(0)", 0),
        ("' TRUE ' | bool", True),
        ("'false' | bool", False),
        ("0 | bool", False),
        ("null | bool", False),
        ("'yes' | bool(true)", True),
        ("-5 | abs", 5),
        ("(-5) | abs", 5),
        ("2.567 | round(2)", 2.57),
        ("2.6 | round", 3),
        ("7 | round", 7),
        ("2.1 | round(0, 'ceil')", 3),
        ("2.19 | round(1, 'floor')", 2.1),
        ("1250 | round(-2, 'floor')", 1200),
        ("1250 | round(-2)", 1200),
        ("1.5 | round(18)", 1.5),
        ("rows | length", 3),
        ("object | count", 2),
        ("'abc' | length", 3),
        ("words | first", "b"),
        ("words | last", "a"),
        ("words | sort", ["B", "a", "a", "b"]),
        ("[3, 1, 2.5] | sort(reverse=true)", [3, 2.5, 1]),
        ("rows | sort(attribute='name') | map(attribute='name')", ["a", "b", "c"]),
        ("rows | sort(attribute='n') | map(attribute='name') | join", "abc"),
        ("[] | sort", []),
        ("words | reverse", ["a", "B", "a", "b"]),
        ("'abc' | reverse", "cba"),
        ("words | unique", ["b", "a", "B"]),
        ("[1, true, 1.0, '1', [1], [1]] | unique", [1, True, "1", [1]]),
        ("rows | unique(attribute='n') | map(attribute='name')", ["b", "a"]),
        ("[1, null, true, [2]] | join(', ')", "1, , true, [2]"),
        ("rows | join('-', attribute='name')", "b-a-c"),
        ("[1, 2.5] | sum", 3.5),
        ("rows | sum(attribute='n', start=10)", 15),
        ("[2, 1] | min", 1),
        ("rows | max(attribute='name')", {"name": "c", "n": 2}),
        ("[1, 2, 3] | batch(2)", [[1, 2], [3]]),
        ("[1, [2, [3, []]]] | flatten", [1, 2, 3]),
        ("[1, [2, [3]]] | flatten(1)", [1, 2, [3]]),
        ("object | list", ["b", "a"]),
        ("words | list", ["b", "a", "B", "a"]),
        ("object | keys", ["b", "a"]),
        ("object | values", [1, [2]]),
        ("object | items", [["b", 1], ["a", [2]]]),
        ("object | merge({'a': 3, 'c': 4})", {"b": 1, "a": 3, "c": 4}),
        ("words | map('upper') | join", "BABA"),
        ("words | map('replace', 'a', 'x')", ["b", "x", "B", "x"]),
        ("rows | map(attribute='tags.0', default='-')", ["x", "-", "-"]),
        ("rows | map(attribute='tags', default=[]) | map('first') | list", None),
        ("[1, 0, '', 'x', null] | select", [1, "x"]),
        ("[1, 0, '', null] | reject", [0, "", None]),
        ("[1, 2, 3, 4] | select('even')", [2, 4]),
        ("[1, 2, 3, 4] | reject('gt', 2)", [1, 2]),
        ("rows | selectattr('n', 'eq', 2) | map(attribute='name')", ["b", "c"]),
        ("rows | rejectattr('n', 'eq', 2) | map(attribute='name')", ["a"]),
        ("rows | selectattr('tags') | map(attribute='name')", ["b"]),
        ("rows | selectattr('tags', 'undefined') | map(attribute='name')", ["c"]),
        ("rows | selectattr('tags', 'defined') | map(attribute='name')", ["b", "a"]),
        ("rows | selectattr('tags', 'null') | map(attribute='name')", ["c"]),
        ("[[1, 2], [3, 4]] | map(attribute='1')", [2, 4]),
        ("[[1, 2], [3, 4]] | map(attribute='-1')", [2, 4]),
        ("[{'1': 'one'}] | map(attribute='1')", ["one"]),
        ("[{'a': 1}, {}] | map('default', 2)", [{"a": 1}, {}]),
        ("[0, 1] | map('default', 2, true)", [2, 1]),
        ("$now | date('%Y-%m-%d')", "2026-01-31"),
        ("$now | date", "2026-01-31T15:05:07Z"),
        ("$now | date('%Y-%m-%d %H:%M', '+09:00')", "2026-02-01 00:05"),
        ("'2026-01-31T15:05:07+09:00' | date('%T')", "06:05:07"),
        ("'2026-01-31' | date('%A')", "Saturday"),
        ("[$now, $now] | max | date('%Y')", "2026"),
    ],
)
def test_filters_give_what_they_say(text, value):
    if value is None:
        with pytest.raises(ExpressionError):
            evaluate(text)
        return
    result = evaluate(text)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5 | upper", "filter 'upper': text is needed, not a number"),
        ("rows | keys", "filter 'keys': an object is needed, not a list"),
        ("object | join", "a list is needed, not an object; the filters keys, values and items"),
        ("'abc' | join", "a list is needed, not text"),
        ("words | join(1)", "a text as separator is needed, not a number"),
        ("'a' | split('')", "the separator is empty"),
        ("'a' | split(',', -1)", "limit is a whole number of at least 0"),
        ("words | batch(0)", "size is a whole number of at least 1"),
        ("words | batch(true)", "size is a whole number"),
        ("[1, 'a'] | sort", "a number and text have no order"),
        ("[[1]] | sort", "a list and a list have no order"),
        ("[null] | min", "null and null have no order"),
        ("['a'] | sum", "a number is needed, not text"),
        ("[9223372036854775807, 1] | sum", "beyond 64 bits"),
        ("rows | map(attribute='tags')", "an element of the list has no 'tags'; map(attribute=…, default=…)"),
        ("rows | sum(attribute='m')", "an element of the list has no 'm'"),
        ("rows | map(attribute=1)", "the name of an attribute is needed, not a number"),
        ("words | map", "a filter's name is needed, not null"),
        ("words | map(words | first)", "unknown filter 'b'"),
        ("words | select(words | last)", "unknown test 'a'"),
        ("words | map('upper' ~ '', 1)", "filter 'upper': too many positional arguments"),
        ("[[]] | map('first')", "filter 'first' gives nothing for an empty list"),
        ("[] | first", "filter 'first': it gives nothing for an empty list; default(…) gives a value"),
        ("[] | min", "gives nothing for an empty list"),
        ("'x' | int", "text that is not a whole number; a default can be given"),
        ("'9223372036854775808' | int", "beyond 64 bits"),
        ("1e300 | int", "beyond 64 bits"),
        ("'inf' | float", "text that is not a number"),
        ("'maybe' | bool", "text that is not true or false"),
        ("[] | bool", "a list that is not true or false"),
        ("[] | int", "a list that is not a whole number"),
        ("('1' * 100) | int", "text that is not a whole number"),
        ("('1' * 1000) | float", "text that is not a number"),
        ("5 | round(1, 'up')", "the method is 'common', 'ceil' or 'floor'"),
        ("5 | round(-20)", "precision is a whole number of at least -18"),
        ("1e308 | round(10, 'ceil')", "not a finite number"),
        ("'x' | abs", "a number is needed"),
        ("null | length", "null has no length"),
        ("'{' | parse_json", "the text is not JSON: line 1, column 2"),
        ("5 | parse_json", "JSON text is needed"),
        ("'!' | base64decode", "not Base64 of UTF-8 text"),
        ("'/w==' | base64decode", "not Base64 of UTF-8 text"),
        ("$now | date('%Q')", "'%Q' is no part of a date; there are: %Y %y"),
        ("$now | date('%')", "'%' is no part of a date"),
        ("$now | date('%Y', 'Asia/Seoul')", "an offset from UTC such as '+09:00'"),
        ("5 | date", "a date or ISO 8601 text is needed, not a number"),
        ("'yesterday' | date", "the text is not a date in ISO 8601"),
        ("'0001-01-01' | date('%Y', '-01:00')", "outside the years 1 to 9999"),
        ("object | merge(1)", "an object is needed"),
        ("lone | sha256", "half of a character"),
        ("lone | urlencode", "half of a character"),
        ("{'a': lone} | urlencode", "half of a character"),
    ],
)
def test_a_filter_that_fails_says_why(text, message):
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, {**SCOPE, "lone": "\ud800"})
    assert message in str(caught.value)


def test_every_date_directive_is_formatted_without_a_locale():
    moment = datetime(2026, 1, 4, 0, 5, 7, 45_000, tzinfo=UTC)
    directives = "%Y|%y|%m|%d|%e|%H|%I|%p|%M|%S|%f|%j|%B|%b|%A|%a|%u|%w|%G|%V|%F|%T|%s|%z|%Z|%%"
    date, week = "2026|26|01|04| 4|00|12|AM|05|07|045000|004|January|Jan|Sunday|Sun|7|0", "2026|01"
    assert format_date(moment, directives) == f"{date}|{week}|2026-01-04|00:05:07|1767485107|+0000|UTC|%"
    assert format_date(moment.replace(hour=13), "%I %p") == "01 PM"


def test_an_offset_may_be_on_either_side_of_utc():
    moment = datetime(2026, 1, 4, tzinfo=UTC)
    assert format_date(moment, "%F %H:%M %z %Z", "-03:30") == "2026-01-03 20:30 -0330 -03:30"
    assert format_date(moment, "%H%z", "Z") == "00+0000"
    assert format_date(datetime(2026, 1, 4, 9), "%H") == "09"


def test_a_date_format_is_bounded():
    with pytest.raises(ExpressionError, match="at most 256 characters"):
        format_date(datetime(2026, 1, 4, tzinfo=UTC), "x" * (MAX_FORMAT + 1))


def test_iso_text_is_always_utc():
    assert iso_text(datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=9)))) == "2025-12-31T20:00:00Z"
    assert iso_text(datetime(26, 1, 1)) == "0026-01-01T00:00:00Z"


def test_what_can_be_called_is_documented():
    assert all(function.__doc__ for function in (*FILTERS.values(), *FUNCTIONS.values()))


def test_dates_with_and_without_a_zone_are_ordered_in_utc():
    scope = {"a": datetime(2026, 1, 1, 5), "b": datetime(2026, 1, 1, 6, tzinfo=UTC)}
    assert evaluate("a < b", scope) is True
    assert evaluate("[b, a] | sort | first | date('%H')", scope) == "05"
