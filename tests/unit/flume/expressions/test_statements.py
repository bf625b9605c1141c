import orjson
import pytest

from flume.errors import ExpressionError
from flume.expressions import Reference, TemplateSyntaxError, parse_template

SCOPE = {"rows": [{"n": 1}, {"n": 2}, {"n": 3}], "a": 5, "name": "바다", "none_yet": None, "object": {"x": 1, "y": 2}}


def document(text, scope=SCOPE):
    return parse_template(text, node_ids=frozenset({"fetch-topic"}), statements=True).evaluate(scope)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{% if a > 3 %}yes{% endif %}", "yes"),
        ("{% if a > 9 %}yes{% endif %}", ""),
        ("{% if a > 9 %}1{% elif a > 4 %}2{% else %}3{% endif %}", "2"),
        ("{% if a > 9 %}1{% elif a > 8 %}2{% else %}3{% endif %}", "3"),
        ("{% if name %}text may be a condition here{% endif %}", "text may be a condition here"),
        ("{% for row in rows %}{{ row.n }},{% endfor %}", "1,2,3,"),
        (
            "{% for row in rows if row.n != 2 %}{{ loop.index }}/{{ loop.length }}:{{ row.n }} {% endfor %}",
            "1/2:1 2/2:3 ",
        ),
        ("{% for row in [] %}x{% else %}none{% endfor %}", "none"),
        ("{% for row in rows if row.n > 9 %}x{% else %}none{% endfor %}", "none"),
        (
            "{% for row in rows %}{{ loop.index0 }}{{ loop.first }}{{ loop.last }} {% endfor %}",
            "0truefalse 1falsefalse 2falsetrue ",
        ),
        ("{% for key in object %}{{ key }}{% endfor %}", "xy"),
        ("{% for key, value in object | items %}{{ key }}={{ value }};{% endfor %}", "x=1;y=2;"),
        (
            "{% for a in [1, 2] %}{% for b in [3, 4] %}{{ a }}{{ b }}{{ loop.index }} {% endfor %}{{ loop.index }}|{% endfor %}",
            "131 142 1|231 242 2|",
        ),
        ("{% set x = a + 1 %}{{ x }}", "6"),
        ("{% set x, y = [1, 2] %}{{ x }}{{ y }}", "12"),
        ("{% set a = a + 1 %}{{ a }}", "6"),
        ("{% for row in rows %}{% set a = row.n %}{{ a }}{% endfor %}{{ a }}", "1235"),
        ("{% if true %}{% set x = 1 %}{% endif %}{{ x }}", "1"),
        ("{% if false %}{% set x = 1 %}{% endif %}{{ x | default('unset') }}", "unset"),
        ("{% set x = {'k': [1]} %}{{ x.k[0] }}{{ x['k'] }}{{ x.nope is defined }}", "1[1]false"),
        ("{% for rows in rows %}{{ rows.n }}{% endfor %}{{ rows | length }}", "1233"),
        ("{# a comment #}x{# {{ nope }} #}", "x"),
        ("a  {#- gone -#}  b", "ab"),
        ("a\n{%- if true -%}\n b \n{%- endif %}\nc", "ab\nc"),
        ("a\r\n{{ a }}\r\n", "a\r\n5\r\n"),
        ("{% raw %}{% if %}{{ {# {% endraw %}", "{% if %}{{ {# "),
        ("{%- raw -%} x {%- endraw -%} y", "xy"),
        ("{% for r in rows %}{% endfor %}", ""),
        ("{{ null }}{% if true %}{{ null }}{% endif %}", ""),
        ("{% if fetch-topic is defined %}x{% else %}-{% endif %}", "-"),
    ],
)
def test_statements_write_what_they_say(text, result):
    assert document(text) == result


def test_a_document_is_text_even_if_it_is_exactly_one_expression():
    assert document("{{ rows }}") == orjson.dumps(SCOPE["rows"]).decode()
    assert document("{# #}{{ a }}") == "5"
    assert document("{{ null }}") == ""


def test_a_document_of_a_comment_alone_is_constant():
    template = parse_template("a{# b #}", node_ids=frozenset(), statements=True)
    assert template.is_constant
    assert template.evaluate({}) == "a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{% for x in 5 %}{% endfor %}", "a loop needs a list or an object (its keys), not a number"),
        ("{% for x in name %}{% endfor %}", "not text"),
        ("{% for x, y in rows %}{% endfor %}", "x, y take a list of 2 elements, not an object"),
        ("{% set x, y = [1] %}", "x, y take a list of 2 elements, not one of 1"),
        ("{% if nope %}{% endif %}", "'nope' is not defined"),
        ("{% for r in rows %}{{ loop.nope }}{% endfor %}", "'loop' has no key 'nope'; its keys are: index"),
        ("{{ loop.index }}{% for r in rows %}{% endfor %}", "'loop' is not defined"),
        ("{% if false %}{% set x = 1 %}{% endif %}{{ x }}", "'x' is not defined"),
        ("{% set x = rows %}{{ x[0].m }}", "'x[0]' has no key 'm'"),
    ],
)
def test_what_fails_in_a_statement_says_why(text, message):
    with pytest.raises(ExpressionError) as caught:
        document(text)
    assert message in str(caught.value)
    assert caught.value.source == text


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("{% if a %}", "template-syntax", "Unexpected the end"),
        ("{% endif %}", "template-syntax", "unknown tag 'endif'"),
        ("{% for a in b %}{% endif %}", "template-syntax", "unknown tag 'endif'"),
        ("{% fi a %}", "template-syntax", "unknown statement '{% fi %}'"),
        ("{% zzzzzzz %}", "template-syntax", "unknown statement '{% zzzzzzz %}'"),
        ("{% %}", "template-syntax", "unknown statement '{%  %}'"),
        ("{% 5 %}", "template-syntax", "unknown statement '{% 5 %}'"),
        ("{% if a", "template-syntax", "'{%' is never closed"),
        ("{% if a }}", "template-syntax", "unexpected '}'"),
        ("{# a", "template-syntax", "begins a comment that is never closed"),
        ("{% include 'a' %}", "forbidden", "'{% include %}' is not allowed"),
        ("{% for x in a recursive %}{% endfor %}", "forbidden", "recursive loops are not allowed"),
        ("{% set x %}1{% endset %}", "forbidden", "'{% set %}' without '='"),
        ("{% set x.y = 1 %}", "forbidden", "only plain names can be set"),
        ("{% set x|upper %}", "forbidden", "without '='"),
        ("{% set 5 = 1 %}", "template-syntax", "can't assign"),
        ("{% set $now = 1 %}", "forbidden", "'$now' can't be set"),
        ("{% if a %}{{ x.y() }}{% endif %}", "forbidden", "methods can't be called"),
    ],
)
def test_what_is_wrong_with_a_document_is_found_when_it_is_parsed(text, code, message):
    with pytest.raises(TemplateSyntaxError) as caught:
        document(text)
    assert message in str(caught.value)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("{% for row in rows %}{{ row.n }}{{ loop.index }}{% endfor %}", (Reference("rows"),)),
        ("{% for row in rows %}{% endfor %}{{ row.n }}", (Reference("rows"), Reference("row", ("n",)))),
        (
            "{% for x in xs if x > y %}{% set z = x %}{% else %}{{ z }}{% endfor %}",
            (Reference("xs"), Reference("y"), Reference("z")),
        ),
        ("{% set x = y.z %}{{ x.a }}", (Reference("y", ("z",)),)),
        (
            "{% if a %}{% set x = 1 %}{% elif b %}{{ c }}{% else %}{{ d }}{% endif %}{{ x }}",
            (Reference("a"), Reference("b"), Reference("c"), Reference("d")),
        ),
        ("{{ x }}{% set x = 1 %}{{ x }}", (Reference("x"),)),
        ("{% for a, b in pairs %}{{ a }}{{ b }}{% endfor %}", (Reference("pairs"),)),
        ("{% if fetch-topic.output.x %}{% endif %}", (Reference("fetch-topic", ("output", "x")),)),
    ],
)
def test_what_a_template_sets_itself_is_no_reference(text, references):
    assert parse_template(text, node_ids=frozenset({"fetch-topic"}), statements=True).references == references
