"""Whatever text is parsed and whatever data it meets: two kinds of error, an end, and no other way out."""

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flume.errors import ExpressionError
from flume.expressions import MAX_STEPS, Budget, SecretNames, TemplateSyntaxError, parse_expression, parse_template
from flume.expressions.budget import MAX_TEXT
from flume.expressions.callables import FILTERS, FUNCTIONS
from flume.expressions.predicates import PREDICATES
from flume.values import check_value

pytestmark = pytest.mark.slow

NODE_IDS = frozenset({"fetch-topic", "a-b", "if-else", "x"})
NAMES = r"""
x a-b fetch-topic $now secrets.TOKEN secrets loop null true 0 1 -1 2.5 9223372036854775807 1000000000 'a' "b" '' '%s'
"""
SIGNS = r"""
.output .items .rows [0] [-1] [1:2] [::-1] [x] ( ) [ ] { } , : = | ~ + - * / // % ** == != < <= > >= in not and or if
else is {{ }} {% %} {# #} {{- -}} {%if x%} {%else%} {%endif%} {%endfor%} .__class__ \u
"""
TAGS = ["{% for a in x %}", "{% for a, b in x|items %}", "{% set a = ", "{% raw %}", "{% endraw %}", " ", "\n"]
FRAGMENTS = st.sampled_from([*FILTERS, *FUNCTIONS, *PREDICATES, *NAMES.split(), *SIGNS.split(), *TAGS])
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "and", "or"]
# What every store can hold: no NUL in keys, no lone surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
RELAXED = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
THOROUGH = settings(RELAXED, max_examples=250)


def scope_of(value):
    secrets = SecretNames(["TOKEN"], "n0nce")
    return {"x": value, "a-b": {"output": value, "items": [value]}, "fetch-topic": {"rows": [1, 2]}, "secrets": secrets}


def check(parse, text, value):
    budget = Budget()
    try:
        result = parse(text).evaluate(scope_of(value), budget)
    except (TemplateSyntaxError, ExpressionError):
        return
    assert 0 <= budget.steps_left < MAX_STEPS
    check_value(result)
    assert len(orjson.dumps(result)) < 8 * MAX_TEXT


def as_template(text):
    return parse_template(text, node_ids=NODE_IDS)


def as_document(text):
    return parse_template(text, node_ids=NODE_IDS, statements=True)


def as_expression(text):
    return parse_expression(text, node_ids=NODE_IDS)


@RELAXED
@given(text=st.text(max_size=60), value=JSON)
def test_any_text_is_a_template_or_a_clear_error(text, value):
    for parse in (as_template, as_document, as_expression):
        check(parse, text, value)


@THOROUGH
@given(parts=st.lists(FRAGMENTS, max_size=14), value=JSON)
def test_any_row_of_fragments_is_an_expression_or_a_clear_error(parts, value):
    text = " ".join(parts)
    check(as_expression, text, value)
    check(as_template, f"{{{{ {text} }}}}", value)
    check(as_document, text, value)


@THOROUGH
@given(
    name=st.sampled_from(sorted(FILTERS)),
    given_to=JSON,
    arguments=st.lists(JSON.map(lambda value: orjson.dumps(value).decode()), max_size=3),
)
def test_any_filter_takes_any_value_or_says_why_not(name, given_to, arguments):
    check(as_expression, f"x | {name}({', '.join(arguments)})", given_to)
    check(as_expression, f"x | map('{name}')", [given_to])


@RELAXED
@given(left=JSON, right=JSON, sign=st.sampled_from(OPERATORS))
def test_any_operator_takes_any_values_or_says_why_not(left, right, sign):
    check(as_expression, f"x[0] {sign} x[1]", [left, right])


@RELAXED
@given(value=JSON)
def test_a_value_that_is_only_passed_on_is_the_same_object(value):
    assert as_template("{{ x }}").evaluate({"x": value}) is value


@RELAXED
@given(value=JSON)
def test_json_and_parse_json_undo_each_other(value):
    assert as_expression("x | json | parse_json == x").evaluate({"x": value}) is True


@RELAXED
@given(text=st.text(alphabet="ab-. xn1", min_size=1, max_size=20))
def test_hyphens_never_change_what_a_literal_says(text):
    assert as_template("{{ '" + text + "' }}").evaluate({}) == text
