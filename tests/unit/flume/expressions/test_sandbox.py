"""What a hostile template or hostile data tries, and what it gets."""

import tracemalloc
from datetime import UTC, datetime

import pytest
from jinja2 import nodes

from flume.errors import ExpressionError
from flume.expressions import (
    MAX_ELEMENTS,
    MAX_STEPS,
    MAX_TEXT,
    Budget,
    TemplateSyntaxError,
    parse_expression,
    parse_template,
)
from flume.expressions.checking import check_expression

NONE = frozenset()
BIG_TEXT = "x" * (4 * 1024 * 1024)
BIG_LIST = list(range(100_000))
SCOPE = {"text": BIG_TEXT, "list": BIG_LIST, "a": 1, "big": {"rows": [BIG_LIST] * 3}}


def document(text, scope=SCOPE):
    return parse_template(text, node_ids=NONE, statements=True).evaluate(scope)


def expression(text, scope=SCOPE):
    return parse_expression(text, node_ids=NONE).evaluate(scope)


@pytest.mark.parametrize(
    "text",
    [
        "'x' * 10**9",
        "9**9**9",
        "2**64",
        "(-2)**64",
        "9223372036854775807 * 9223372036854775807",
        "range(10**9)",
        "range(-(10**18), 10**18)",
        "range(10**18, -(10**18), -1)",
        "range(100001)",
        "text ~ text ~ text ~ text ~ text",
        "text + text + text + text + text",
        "(text ~ text)[::1] ~ text ~ text ~ text",
        "text * 5",
        "text | replace('x', 'yyyyy')",
        "text | replace('', 'yyyyy')",
        "list | join('x' * 1000)",
        "[text, text, text, text, text] | join",
        "range(20000) | map('string') | map('replace', '', 'y' * 1000) | join",
        "(text ~ text) | urlencode",
        "('\\u00e9' * 2000000) | urlencode",
        "{'a': text ~ text} | urlencode",
        "(text * 4) | base64encode",
        "('\\u00df' * 10000000) | upper",
        "text | escape | escape | indent(1000000000)",
        "(text | replace('x', '<')) | escape",
        "'a' | indent(10**9)",
        "('\\n' * 100000) | indent(1000)",
        "list + list",
        "[list, list] | flatten",
        "list | batch(1) | map('batch', 1)",
        "[text, text, text, text, text]",
        "'x' ~ [text, text, text, text, text]",
        "[text, text, text, text, text] | json",
        "(text | replace('x', ',')) | split(',')",
        "(text | replace('x', 'y ')) | split",
        "('[' ~ ('[],' * 100000) ~ '[]]') | parse_json",
        "('[' * 200 ~ ']' * 200) | parse_json",
        "('[' * 5000 ~ ']' * 5000) | parse_json",
        "list | map('map', 'map', 'map')",
        "[[big, big], [big, big], [big, big], [big, big], [big, big], [big, big], [big, big]]",
        "[big, big, big, big, big, big, big] | json",
        "big | merge({'a': text}) | string | replace('1', text)",
        "[list] == [list] and [big.rows] * 2",
        "'%999999999d' % 5",
        "'{0.__class__}' | format(5)",
        "text | center(10**9)",
        "text | ljust(10**9)",
    ],
)
def test_an_explosion_is_refused_before_it_takes_memory(text):
    tracemalloc.start()
    try:
        with pytest.raises((ExpressionError, TemplateSyntaxError)):
            expression(text)
        assert tracemalloc.get_traced_memory()[1] < 120 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
        "{% for a in range(99) %}{% for b in range(99) %}{% for c in range(99) %}x{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in list if a < 0 %}{% endfor %}{% for a in list %}{% endfor %}",
        "{% for a in range(20) %}{{ text }}{% endfor %}",
        "{% for a in range(1000) %}{{ list }}{% endfor %}",
        "{% for a in range(100) %}{% set b = text ~ text %}{% endfor %}",
        "{% set x = 'xx' %}" + "{% set x = x ~ x %}" * 40,
        "{% set x = 'xx' %}" + "{% set x = x + x %}" * 40,
        "{% set x = [1, 2] %}" + "{% set x = x + x %}" * 40,
        "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40 + "{{ x }}",
        "{% set x = [1] %}" + "{% set x = [x, x] %}" * 30 + "{{ x | flatten }}",
        "{% set x = [] %}" + "{% set x = [x, x] %}" * 30 + "{{ x | flatten }}",
        "{% set x = [1] %}{% set y = [1] %}"
        + "{% set x = [x, x] %}{% set y = [y, y] %}" * 30
        + "{{ x == y }}{{ x in [y] }}",
        "{% set x = {'a': 1} %}" + "{% set x = {'a': x, 'b': x} %}" * 30 + "{{ [x, x] | unique }}",
        "{% set x = [1] %}" + "{% set x = [x] %}" * 500,
        "{% for r in range(300) %}" + "".join(f"{{% set v{n} = 1 %}}" for n in range(100)) + "{% endfor %}",
        "{% for a, b in [[1, 2]] * 10 %}{% endfor %}",
        "{% for c in text %}{% endfor %}",
    ],
)
def test_loops_and_doubling_end_within_the_budget(text):
    template = parse_template(text, node_ids=NONE, statements=True)
    with pytest.raises(ExpressionError):
        template.evaluate(SCOPE, Budget(MAX_STEPS // 4))


def test_the_costliest_document_holds_no_more_memory_than_a_few_of_its_largest_values():
    text = "{% set x = [1] %}" + "{% set x = [x, x] %}" * 12 + "{% for a in range(50) %}{{ text }}{% endfor %}{{ x }}"
    tracemalloc.start()
    try:
        with pytest.raises(ExpressionError, match="16,777,216 characters"):
            document(text)
        assert tracemalloc.get_traced_memory()[1] < 60 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_what_is_set_in_a_loop_can_not_grow_from_pass_to_pass():
    text = "{% set x = 'ab' %}{% for i in range(40) %}{% set x = x ~ x %}{% endfor %}{{ x }}"
    assert document(text) == "ab"


@pytest.mark.parametrize("payload", ["__class__", "__init__", "__globals__", "__builtins__", "mro", "func_globals"])
def test_attributes_of_python_objects_are_out_of_reach(payload):
    scope = {"x": {"k": 1}, "s": "", "n": 1, "d": datetime(2026, 1, 1, tzinfo=UTC), "l": [1]}
    for name in scope:
        with pytest.raises(ExpressionError, match=r"has no (key|such key|index)"):
            expression(f"{name}['{payload}']", scope)
        assert expression(f"{name} is defined and {name}['{payload}'] is defined", scope) is False
        with pytest.raises(ExpressionError):
            expression(f"[{name}] | map(attribute='{payload}')", scope)


def test_a_key_that_looks_like_a_python_attribute_is_a_key_all_the_same():
    assert (
        expression("x['__class__'] ~ x.__typename", {"x": {"__class__": "first", "__typename": "Post"}}) == "firstPost"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{% import 'os' as os %}",
        "{% from 'os' import system %}",
        "{% include '/etc/passwd' %}",
        "{% extends 'x' %}",
        "{% block x %}{% endblock %}",
        "{% macro f() %}{% endmacro %}",
        "{% call f() %}{% endcall %}",
        "{% filter upper %}x{% endfilter %}",
        "{% with a = 1 %}{% endwith %}",
        "{% autoescape true %}{% endautoescape %}",
        "{% print 1 %}",
        "{% do x.append(1) %}",
        "{% set x %}y{% endset %}",
        "{% set ns.x = 1 %}",
        "{% set a, ns.x = [1, 2] %}",
        "{% set secrets = 1 %}",
        "{% set null = 1 %}",
        "{% for secrets in [1] %}{% endfor %}",
        "{% for x in secrets %}{% endfor %}",
        "{% set x = secrets.TOKEN %}",
        "{% for x in list recursive %}{% endfor %}",
        "{{ self.x() }}",
        "{{ loop.cycle('a', 'b') }}",
        "{{ cycler('a') }}",
        "{{ namespace(x=1) }}",
        "{{ joiner() }}",
        "{{ dict(a=1) }}",
        "{{ [secrets.TOKEN] }}",
        "{{ {'a': secrets.TOKEN} }}",
        "{{ {secrets.TOKEN: 1} }}",
        "{{ secrets.TOKEN ~ '' }}",
        "{{ secrets.TOKEN + 'x' }}",
        "{{ secrets.TOKEN == 'x' }}",
        "{{ secrets.TOKEN[0:1] }}",
        "{{ secrets.TOKEN[0] }}",
        "{{ secrets.TOKEN is string }}",
        "{{ secrets.TOKEN | default('') }}",
        "{{ secrets.TOKEN if a else '' }}",
        "{{ 1 if secrets.TOKEN else 2 }}",
        "{{ not secrets.TOKEN }}",
        "{{ x[secrets.TOKEN] }}",
        "{{ range(secrets.TOKEN) }}",
        "{{ (secrets.TOKEN, 1) }}",
        "{{ (secrets.TOKEN if a else b) is defined }}",
        "{{ (secrets).TOKEN | upper }}",
        "{{ x | map('map', secrets.TOKEN) }}",
        "{{ secrets | map('upper') }}",
        "{{ secrets is defined }}",
    ],
)
def test_what_is_forbidden_is_refused_when_the_template_is_parsed(text):
    with pytest.raises(TemplateSyntaxError):
        parse_template(text, node_ids=NONE, statements=True)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 4_000 + "1" + ")" * 4_000,
        "[" * 4_000 + "]" * 4_000,
        "(" * 33 + "1" + ")" * 33,
        "a" + ".b" * 2_000,
        "a" + "[0]" * 2_000,
        "a" + "[0:1]" * 2_000,
        "a" + "[b" * 40 + "]" * 40,
        "1" + "+1" * 2_000,
        "1" + "**1" * 2_000,
        "a" + " and a" * 2_000,
        "not " * 2_000 + "a",
        "-" * 2_000 + "1",
        "a if b else " * 2_000 + "c",
        "a" + "|upper" * 2_000,
        "a" + " if b" * 2_000,
        "a" + "|default(" * 33 + "1" + ")" * 33,
        "range(" * 40 + "1" + ")" * 40,
        "x" * 70_000,
        "'" + "x" * 70_000 + "'",
        "1" * 5_000,
        "1." + "1" * 70_000,
        "a-" * 6_000 + "a",
        "a" + "-" * 12_000,
        "a.b" + "-" * 12_000,
        "{'a': " * 40 + "1" + "}" * 40,
        "a is in " * 2_000 + "a",
    ],
)
def test_a_monstrous_expression_is_a_syntax_error(text):
    with pytest.raises(TemplateSyntaxError):
        parse_expression(text, node_ids=frozenset({"a", "a-a"}))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 32 + "a" + ")" * 32,
        "1" + " + 1" * 90,
        "a" + " ~ a" * 2_000,
        "[" + "1, " * 10_000 + "]",
        "a < 2" + " < 3" * 2_000,
        "{'a': " * 32 + "1" + "}" * 32,
    ],
)
def test_an_expression_just_within_the_bounds_is_evaluated(text):
    expression(text)


def test_blocks_nest_to_a_depth_that_is_bounded():
    def nested(levels):
        return "{% if a %}{% for i in [1] %}" * levels + "{{ a }}" + "{% endfor %}{% endif %}" * levels

    assert document(nested(16)) == "1"
    with pytest.raises(TemplateSyntaxError, match="nested"):
        document(nested(17))
    with pytest.raises(TemplateSyntaxError, match="nested"):
        document(nested(1_000))


def test_a_template_longer_than_its_bound_is_refused():
    with pytest.raises(TemplateSyntaxError, match="1,048,576"):
        parse_template("{{ a }}" + "x" * 1024 * 1024, node_ids=NONE)


def test_a_very_long_document_of_small_pieces_is_parsed_in_linear_time():
    parse_template("{% raw %}a{% endraw %}" * 5_000, node_ids=NONE)
    names = "".join(f"{{% set v{number} = 1 %}}" for number in range(1_000))
    assert document(names + "{{ v999 }}") == "1"


def test_an_elif_chain_of_any_length_is_flat():
    text = (
        "{% if a == 0 %}0" + "".join(f"{{% elif a == {n + 2} %}}{n}" for n in range(500)) + "{% else %}end{% endif %}"
    )
    assert document(text) == "end"


def test_deep_data_is_refused_where_all_of_it_is_needed_and_passed_on_where_not():
    deep = []
    for _ in range(50_000):
        deep = [deep]
    scope = {"deep": deep, "other": [[]]}
    assert expression("deep", scope) is deep
    for text in ["'' ~ deep", "deep | json", "[deep]", "deep == [deep]", "[deep] | unique", "deep in [deep]"]:
        with pytest.raises(ExpressionError, match="nested deeper than 64 levels"):
            expression(text, scope)
    assert expression("deep == other", scope) is False
    assert expression("deep is list", scope) is True


def test_bounds_are_what_they_say():
    assert len(expression(f"'x' * {MAX_TEXT}")) == MAX_TEXT
    assert len(expression(f"range({MAX_ELEMENTS})")) == MAX_ELEMENTS
    with pytest.raises(ExpressionError, match="16,777,217 characters"):
        expression(f"'x' * {MAX_TEXT + 1}")


def test_a_budget_is_shared_by_all_that_are_given_it():
    budget = Budget()
    template = parse_template("{{ range(50000) | length }}", node_ids=NONE)
    for _ in range(31):
        assert template.evaluate({}, budget) == 50_000
    with pytest.raises(ExpressionError, match="too many steps"):
        template.evaluate({}, budget)
    assert template.evaluate({}) == 50_000


def test_an_ordinary_template_takes_few_steps():
    budget = Budget()
    parse_template("{{ a }} and {{ a + 1 }}", node_ids=NONE).evaluate({"a": 1}, budget)
    assert MAX_STEPS - budget.steps_left < 10


def test_the_text_of_a_document_is_bounded_as_it_grows():
    with pytest.raises(ExpressionError, match="more than 16,777,216 characters"):
        parse_template("{{ text }}" * 5, node_ids=NONE).evaluate(SCOPE)


def test_escapes_can_not_make_json_larger_than_the_bound():
    with pytest.raises(ExpressionError, match="at most"):
        expression("'' ~ [text, text]", {"text": "\0" * (2 * 1024 * 1024)})


def test_two_texts_of_great_length_are_compared_within_the_budget():
    assert expression("text == other and not text < other", {"text": BIG_TEXT, "other": BIG_TEXT + ""}) is True


def test_a_kind_of_expression_that_is_not_known_does_not_pass():
    with pytest.raises(TemplateSyntaxError, match="'nsref' is not allowed in expressions"):
        check_expression(nodes.NSRef("a", "b"))


def test_a_tag_longer_than_its_bound_is_refused():
    with pytest.raises(TemplateSyntaxError, match="longer than 65,536 characters"):
        parse_template("{{ [" + "1," * 40_000 + "] }}", node_ids=NONE)


def test_a_text_beyond_the_bound_is_passed_on_alone_but_not_by_an_operator():
    scope = {"huge": "x" * (MAX_TEXT + 1)}
    assert expression("huge", scope) is scope["huge"]
    with pytest.raises(ExpressionError, match="16,777,217 characters"):
        expression("huge or ''", scope)
