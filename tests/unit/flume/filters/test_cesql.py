"""CESQL as the specification's own conformance cases have it, its errors, and its bounds."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flume.errors import ExpressionError
from flume.filters.cesql import MAX_BYTES, MAX_STEPS, CesqlSyntaxError, Scope, compile_tree, parse_cesql, result_type
from flume.filters.cesql.functions import FUNCTIONS, MAX_TEXT
from flume.filters.cesql.parser import MAX_DEPTH
from flume.filters.cesql.patterns import Pattern
from flume.filters.cesql.tokens import KEYWORDS

EVENT = {
    "specversion": "1.0",
    "id": "myId",
    "source": "https://example.com",
    "type": "com.github.error",
    "subject": "Francesco",
    "hop": "5",
    "ttl": "10",
    "sequence": "5",
    "firstname": "Doug",
    "myext": "abc123123%456_dzf",
    "mybool": True,
    "myint": 10,
}


def evaluate(text, attributes=EVENT):
    return compile_tree(parse_cesql(text))(Scope(attributes))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # Literals and attributes
        ("TRUE", True),
        ("false", False),
        ("0", 0),
        ("+7", 7),
        ("-2147483648", -2147483648),
        ("000000000000002", 2),
        ("'aBc'", "aBc"),
        ('"AbC"', "AbC"),
        (r"""'a"b\'c'""", "a\"b'c"),
        (r'''"a'b\"c"''', "a'b\"c"),
        (r"'ab\\c\d'", r"ab\\c\d"),
        ("'글 %'", "글 %"),
        ("id", "myId"),
        ("ID", "myId"),
        ("mybool", True),
        ("myint", 10),
        # Arithmetic
        ("4 * 2 + 4 / 2", 10),
        ("4 * (2 + 4) / 2", 12),
        ("5 / 3", 1),
        ("-5 / 3", -1),
        ("5 / -3", -1),
        ("-6 / -3", 2),
        ("5 % 2", 1),
        ("-5 % 3", -2),
        ("5 % -3", 2),
        ("10 - 4 - 3", 3),
        ("-4 + -1", -5),
        ("4-1", 3),
        ("4 -1", 3),
        ("'5' + '3'", 8),
        ("5 + TRUE", 6),
        ("--10", 10),
        ("--'10'", 10),
        ("-TRUE", -1),
        # Comparisons, with the left side cast to the type of the right one
        ("TRUE = FALSE", False),
        ("2 = 2", True),
        ("'abc' = '123'", False),
        ("'abc' != '123'", True),
        ("'abc' <> 'abc'", False),
        ("'abc' = 'ABC'", False),
        ("true = 'TRUE'", False),
        ("'TRUE' = true", True),
        ("1 = true", True),
        ("'1' = 1", True),
        ("2 <= 2", True),
        ("3 <= 2", False),
        ("1 < 2", True),
        ("2 < 2", False),
        ("2 >= 3", False),
        ("2 > 1", True),
        ("hop < ttl", True),
        ("int(hop) < int(ttl) and INT(hop) < 1000", True),
        ("sequence = 5", True),
        ("sequence = 6", False),
        ("1 + 1 = 2 AND 2 * 2 > 3", True),
        # Logic, which goes from left to right
        ("FALSE AND TRUE", False),
        ("TRUE AND TRUE", True),
        ("FALSE OR TRUE", True),
        ("FALSE OR FALSE", False),
        ("TRUE XOR TRUE", False),
        ("FALSE XOR TRUE", True),
        ("TRUE OR TRUE AND FALSE", False),
        ("TRUE OR (TRUE AND FALSE)", True),
        ("TRUE XOR TRUE OR TRUE", True),
        ("false and (1 != 1 / 0)", False),
        ("true or (1 != 1 / 0)", True),
        ("FALSE AND missing = 'x' OR TRUE", True),
        ("NOT TRUE", False),
        ("NOT 'FALSE'", True),
        ("NOT 10", False),
        ("NOT FALSE AND FALSE", False),
        ("firstname = 'Francesco' OR subject = 'Francesco'", True),
        # LIKE, IN and EXISTS
        ("'abc' LIKE 'abc'", True),
        (r"'ab\c' LIKE 'ab\c'", True),
        ("'abc' NOT LIKE 'abc'", False),
        ("'abc' LIKE 'ABC'", False),
        ("'azzzbzzzc' LIKE 'a%b%c'", True),
        ("'ac' LIKE 'abc'", False),
        ("'' LIKE 'abc'", False),
        ("'' LIKE ''", True),
        ("'' LIKE '%'", True),
        ("'.ab.cde.' LIKE '.%.%.'", True),
        ("'ab.cde' LIKE '.%.%.'", False),
        ("'azbzc' LIKE 'a_b_c'", True),
        ("'abzc' LIKE 'a_b_c'", False),
        ("'abcd' LIKE '_b%'", True),
        ("'b' LIKE '_b%'", False),
        (r"'a_b_c' LIKE 'a\_b\_c'", True),
        (r"'azbzc' LIKE 'a\_b\_c'", False),
        (r"'a%b%c' LIKE 'a\%b\%c'", True),
        (r"'azbzc' LIKE 'a\%b\%c'", False),
        (r"myext LIKE 'abc%123\%456\_d_f'", True),
        ("234 LIKE '23_'", True),
        ("2344 LIKE '23_'", False),
        ("TRUE LIKE 'tr%'", True),
        ("'a\nb' LIKE 'a_b'", True),
        ("'a\nb' LIKE 'a\nb'", True),
        ("source LIKE 'https://%' AND type LIKE '%.error'", True),
        ("'aab' LIKE '%ab'", True),
        ("'abab' LIKE '%ab'", True),
        ("'aba' LIKE '%ab'", False),
        ("id IN ('a', 'myId')", True),
        ("id NOT IN ('a', 'myId')", False),
        ("hop IN (4, 5)", True),
        ("5 IN (4, hop)", True),
        ("5 IN (4, 1 + 4, 1 / 0)", True),
        ("id LIKE 'my%' IN (true)", True),
        ("EXISTS subject", True),
        ("EXISTS missing", False),
        ("NOT EXISTS missing", True),
        ("exists 5", False),
        # Functions
        ("LENGTH('abc')", 3),
        ("length(TRUE)", 4),
        ("LENGTH('글')", 1),
        ("CONCAT()", ""),
        ("CONCAT('a', 1, TRUE)", "a1true"),
        ("CONCAT_WS(',')", ""),
        ("CONCAT_WS(',', 'a')", "a"),
        ("concat_ws(',', 'a', 'b', 'c')", "a,b,c"),
        ("LOWER('AbC')", "abc"),
        ("UPPER('AbC')", "ABC"),
        ("TRIM('\u3000 a b \t')", "a b"),
        ("TRIM('\x1f a')", "\x1f a"),
        ("LEFT('abc', 2)", "ab"),
        ("LEFT('abc', 10)", "abc"),
        ("LEFT('', 0)", ""),
        ("RIGHT('abc', 2)", "bc"),
        ("RIGHT('abc', 10)", "abc"),
        ("RIGHT('abc', 0)", ""),
        ("SUBSTRING('abcdef', 1)", "abcdef"),
        ("SUBSTRING('Quadratically', 5)", "ratically"),
        ("SUBSTRING('Sakila', -3)", "ila"),
        ("SUBSTRING('abcdef', 2, 4)", "bcde"),
        ("SUBSTRING('abcdef', 2, 40)", "bcdef"),
        ("SUBSTRING('Sakila', -5, 3)", "aki"),
        ("SUBSTRING('Quadratically', 0, 1)", ""),
        ("SUBSTRING('abc', 1, 0)", ""),
        ("ABS(-10)", 10),
        ("INT('-1')", -1),
        ("INT(FALSE)", 0),
        ("INT('+0000000000000007')", 7),
        ("BOOL('TRUE')", True),
        ("BOOL(-50)", True),
        ("BOOL(0)", False),
        ("STRING(FALSE)", "false"),
        ("STRING(-1)", "-1"),
        ("IS_INT('5')", True),
        ("IS_INT('ABC')", False),
        ("IS_BOOL('true')", True),
        ("IS_BOOL('yes')", False),
    ],
)
def test_an_expression_gives_what_the_specification_says(text, value):
    result = evaluate(text)
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("missing", "no attribute 'missing'"),
        ("missing != 2", "no attribute"),
        ("NOT missing", "no attribute"),
        ("-missing", "no attribute"),
        ("missing / 0", "no attribute"),
        ("missing LIKE '%'", "no attribute"),
        ("missing IN ('a')", "no attribute"),
        ("id = 'other' OR missing = 'x'", "no attribute"),
        ("LENGTH(missing)", "no attribute"),
        ("5 / 0", "division by zero"),
        ("5 % 0", "division by zero"),
        ("true and (1 != 1 / 0)", "division by zero"),
        ("2147483647 + 1", "beyond 32 bits"),
        ("-2147483648 - 1", "beyond 32 bits"),
        ("65536 * 65536", "beyond 32 bits"),
        ("-2147483648 / -1", "beyond 32 bits"),
        ("--2147483648", "beyond 32 bits"),
        ("ABS(-2147483648)", "beyond 32 bits"),
        ("INT('2147483648')", "beyond 32 bits"),
        ("INT('ABC')", "not an integer"),
        ("INT(' 1')", "not an integer"),
        ("INT('1_0')", "not an integer"),
        ("INT('٣')", "not an integer"),
        ("'abc' = 1", "not an integer"),
        ("'a' < 'b'", "not an integer"),
        ("5 IN ('a', 5)", "not an integer"),
        ("BOOL('ABC')", "neither true nor false"),
        ("NOT 'no'", "neither true nor false"),
        ("'' OR TRUE", "neither true nor false"),
        ("LEFT('abc', -2)", "negative"),
        ("RIGHT('abc', -2)", "negative"),
        ("SUBSTRING('abc', 1, -1)", "negative"),
        ("SUBSTRING('abcdef', 10)", "outside"),
        ("SUBSTRING('abcdef', -10, 10)", "outside"),
    ],
)
def test_what_fails_is_an_error_and_no_value(text, reason):
    with pytest.raises(ExpressionError, match=reason):
        evaluate(text)


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("", 1, "expected a value, found the end", "attribute"),
        ("a = ", 5, "expected a value, found the end", "attribute"),
        ("a b", 3, "found 'b'", "AND"),
        ("a = 1)", 6, "found ')'", "open it"),
        ("(a = 1", 7, "expected ')', found the end", "add ')'"),
        ("a IN 'x'", 6, "expected '('", "add '('"),
        ("a IN ()", 7, "expected a value", "attribute"),
        ("a LIKE b", 8, "a pattern in quotes after LIKE, found 'b'", "LIKE 'com"),
        ("a NOT 5", 7, "expected LIKE or IN after NOT", "AND NOT"),
        ("EXISTS 'a'", 8, "expected an attribute", "subject"),
        ("EXISTS and", 8, "expected an attribute", "subject"),
        ("a = 'b", 5, "does not end", "close it with '"),
        ("a = 'it''s'", 9, "'' does not stand for a quote", r"\'"),
        ("a ! b", 3, "'!' has no meaning here", "!="),
        ("a = `b`", 5, "no meaning", "single quotes"),
        ("a == 1", 4, "expected a value, found '='", "attribute"),
        ("a_b = 1", 1, "'a_b' can't be an attribute's name", "single quotes"),
        ("a = 2147483648", 5, "beyond 32 bits", "2147483647"),
        ("a = " + "9" * 4000, 5, "beyond 32 bits", "2147483647"),
        ("a = 1 AND LENGHT(b) = 1", 11, "no function 'LENGHT'", "did you mean 'LENGTH'?"),
        ("CONCAT_WS()", 1, "can't be called with 0 arguments", "1 or more"),
        ("SUBSTRING(a)", 1, "can't be called with 1 argument", "2 or 3"),
        ("+a", 1, "expected a value, found '+'", "attribute"),
        ("\ud800", 1, "no meaning", "quotes"),
    ],
)
def test_a_mistake_is_told_with_its_column_and_how_to_mend_it(text, column, message, hint):
    with pytest.raises(CesqlSyntaxError) as caught:
        parse_cesql(text)
    assert caught.value.column == column
    assert message in caught.value.message
    assert str(caught.value) == f"column {column}: {caught.value.message}"
    assert hint in caught.value.hint


def test_a_long_text_is_cut_where_a_message_shows_it():
    with pytest.raises(CesqlSyntaxError) as caught:
        parse_cesql(f"a '{'x' * 1000}'")
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a", None),
        ("a = 1", bool),
        ("a AND b", bool),
        ("NOT a", bool),
        ("EXISTS a", bool),
        ("a LIKE 'b'", bool),
        ("-a", int),
        ("a + 1", int),
        ("'a'", str),
        ("LOWER(a)", str),
        ("IS_INT(a)", bool),
    ],
)
def test_the_type_of_a_result_is_known_unless_it_is_an_attribute(text, kind):
    assert result_type(parse_cesql(text)) is kind


def test_an_expression_is_bounded_in_size_and_depth():
    parse_cesql("a" * MAX_BYTES)
    with pytest.raises(CesqlSyntaxError, match="4 KiB"):
        parse_cesql("a" * (MAX_BYTES + 1))
    with pytest.raises(CesqlSyntaxError, match="4 KiB"):
        parse_cesql(f"a = '{'글' * (MAX_BYTES // 3)}'")
    deepest = MAX_DEPTH - 1
    assert evaluate("(" * deepest + "1" + ")" * deepest) == 1
    assert evaluate("-" * deepest + "'1'") == -1
    for text in ("(" * 50 + "1" + ")" * 50, "-" * 50 + "'1'", "ABS(" * 50 + "1" + ")" * 50, "NOT " * 1000 + "a"):
        with pytest.raises(CesqlSyntaxError, match="deeper than 50 levels"):
            parse_cesql(text)
    assert evaluate("(1 + " * 20 + "1" + ")" * 20) == 21
    with pytest.raises(CesqlSyntaxError, match="deeper than 50 levels"):
        parse_cesql("(1 + 2 * " * 30 + "1" + ")" * 30)


@pytest.mark.parametrize(
    ("step", "value"),
    [(" AND TRUE", True), (" OR FALSE", True), (" XOR FALSE", True), (" = TRUE", True), ("+1", 601), ("-0", 1)],
)
def test_a_long_row_of_operators_is_not_deep(step, value):
    assert evaluate(("TRUE" if value is True else "1") + step * (400 if len(step) > 4 else 600)) == value


def test_a_long_row_of_tests_is_not_deep():
    assert evaluate("a" + " LIKE '%'" * 400, {"a": "x"}) is True


@pytest.mark.slow
def test_a_pattern_takes_one_pass_over_the_text_whatever_the_two_are():
    text = "a" * 200_000
    started = time.perf_counter()
    assert not Pattern(f"%{'a%' * 1000}b").matches(text)
    assert not Pattern(f"%{'a_' * 1000}b").matches(text)
    assert time.perf_counter() - started < 5


def test_the_text_that_an_expression_makes_is_bounded():
    attributes = {"a": "x" * (MAX_TEXT // 2)}
    assert evaluate("LENGTH(CONCAT(a, a))", attributes) == MAX_TEXT
    for text in ("CONCAT(a, a, 'x')", "CONCAT_WS(a, '', '', '')"):
        with pytest.raises(ExpressionError, match="longer than"):
            evaluate(text, attributes)


@pytest.mark.parametrize(
    "text",
    [
        f"CONCAT({','.join(['a'] * 15)}) LIKE '%a{'%_' * 1600}c'",
        " OR ".join(["a LIKE '%_%b'"] * 13),
        f"{'UPPER(' * 40}CONCAT({','.join(['a'] * 15)}){')' * 40} = 'x'",
        f"INT(zeros) = 1{' OR zeros = 1' * 250}",
        f"id IN ({','.join(['a'] * 250)})",
    ],
)
def test_what_an_expression_does_about_one_event_is_bounded(text):
    with pytest.raises(ExpressionError, match=f"{MAX_STEPS:,} steps"):
        evaluate(text, {"id": "1", "a": "a" * 4096, "zeros": "0" * 4096})


def test_each_operator_and_member_counts_as_work_too():
    for text, steps in (("1 + 1 + 1 = 3", 3), ("TRUE AND TRUE", 1), ("1 IN (2, 3)", 2), ("id = 'x'", 2)):
        compile_tree(parse_cesql(text))(Scope({"id": "1"}, steps))
        with pytest.raises(ExpressionError, match="steps"):
            compile_tree(parse_cesql(text))(Scope({"id": "1"}, steps - 1))


def test_a_long_pattern_costs_more_for_each_character():
    assert Pattern("%a").steps("ab") == 2
    assert Pattern("_" * 2048).steps("ab") == 6


FRAGMENTS = st.sampled_from([*KEYWORDS, *FUNCTIONS, *"()=,<>+-*/%'\"\\_! ", "a", "id", "1", "2147483648", "'x%'", "글"])


@pytest.mark.slow
@settings(deadline=None, derandomize=True, max_examples=500)
@given(st.lists(FRAGMENTS, max_size=30).map(" ".join) | st.text(max_size=60))
def test_whatever_the_text_it_is_a_syntax_error_or_an_expression_that_ends(text):
    wrong, tree, value = None, None, None
    try:
        tree = parse_cesql(text)
        value = compile_tree(tree)(Scope({"id": "1", "a": "true"}))
    except CesqlSyntaxError as error:
        wrong = error
    except ExpressionError:
        pass
    assert wrong is None or (1 <= wrong.column <= len(text) + 1 and wrong.hint)
    assert value is None or result_type(tree) in (None, type(value))


@st.composite
def patterns_and_texts(draw):
    letters = st.text("ab", max_size=8)
    return draw(st.text("ab%_", max_size=8)), draw(letters)


def likes(pattern, text):
    """LIKE by its definition, in exponential time."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return likes(pattern[1:], text) or (bool(text) and likes(pattern, text[1:]))
    return bool(text) and pattern[0] in ("_", text[0]) and likes(pattern[1:], text[1:])


@pytest.mark.slow
@settings(deadline=None, derandomize=True, max_examples=500)
@given(patterns_and_texts())
def test_a_pattern_matches_what_its_definition_says(pair):
    pattern, text = pair
    assert evaluate(f"a LIKE '{pattern}'", {"a": text}) is likes(pattern, text)
