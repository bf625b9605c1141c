import pytest

from flume.errors import DefinitionError
from flume.filters import DIALECTS, parse_filters
from flume.filters.reading import MAX_DEPTH

EVENT = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "com.example.order", "size": 10, "urgent": True}

ORDER = {"exact": {"type": "com.example.order"}}
OTHER = {"exact": {"type": "com.example.other"}}
MISSING = {"exact": {"missing": "x"}}


def nested(levels):
    filters = ORDER
    for _ in range(levels):
        filters = {"not": filters}
    return filters


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ([], True),
        ([ORDER], True),
        ([OTHER], False),
        ([ORDER, OTHER], False),
        ([{"exact": {"type": "com.example.order", "source": "/shop"}}], True),
        ([{"exact": {"type": "com.example.order", "source": "/other"}}], False),
        ([{"exact": {"type": "COM.example.order"}}], False),
        ([{"exact": {"size": "10", "urgent": "true"}}], True),
        ([MISSING], False),
        ([{"prefix": {"type": "com.example.", "source": "/"}}], True),
        ([{"prefix": {"type": "com.example.", "source": "shop"}}], False),
        ([{"prefix": {"missing": "x"}}], False),
        ([{"suffix": {"type": ".order"}}], True),
        ([{"suffix": {"type": "com"}}], False),
        ([{"suffix": {"missing": "x"}}], False),
        ([{"all": [ORDER, {"prefix": {"source": "/"}}]}], True),
        ([{"all": [ORDER, OTHER]}], False),
        ([{"any": [OTHER, ORDER]}], True),
        ([{"any": [OTHER, MISSING]}], False),
        ([{"not": OTHER}], True),
        ([{"not": ORDER}], False),
        ([{"not": MISSING}], True),
        ([{"not": {"any": [OTHER, {"not": ORDER}]}}], True),
        ([{"cesql": "type LIKE 'com.%' AND size > 9"}], True),
        ([{"cesql": "size > 10"}], False),
        ([{"cesql": "urgent"}], True),
        ([{"cesql": "urgent = 'true'"}], True),
        ([{"not": {"cesql": "size > 10"}}], True),
        ([nested(MAX_DEPTH - 2)], True),
    ],
)
def test_a_filter_matches_the_events_that_it_asks_for(filters, matches):
    assert parse_filters(filters).matches(EVENT) is matches


def test_an_expression_that_fails_or_gives_no_boolean_matches_nothing():
    for text in ("missing = 'x'", "size / 0 = 1", "source = 1", "size", "type"):
        assert not parse_filters([{"cesql": text}]).matches(EVENT)


def test_filters_that_take_too_much_work_match_nothing_whatever_stands_around_them():
    event = {**EVENT, "long": "a" * 4096}
    costly = {"cesql": " OR ".join(["long LIKE '%b'"] * 13)}
    within_bounds = [{"cesql": "long LIKE '%a'"}, {"not": {"cesql": " OR ".join(["long LIKE '%b'"] * 8)}}]
    assert parse_filters(within_bounds).matches(event)
    assert not parse_filters([{"not": costly}]).matches(event)
    assert not parse_filters([{"any": [costly, {"cesql": "TRUE"}, {"exact": {"long": event["long"]}}]}]).matches(event)
    assert not parse_filters([*within_bounds, *within_bounds]).matches(event), "one budget for all of them"


@pytest.mark.parametrize(
    ("filters", "pointer", "message", "hint"),
    [
        ([5], "/0", "expected an object, found a number", "exact"),
        ([{}], "/0", "exactly one dialect", "exact, prefix, suffix, all, any, not, cesql"),
        ([{**ORDER, "prefix": {"type": "com"}}], "/0", "exactly one dialect", "`all` or `any`"),
        ([{"exakt": {"type": "x"}}], "/0/exakt", "no key 'exakt'", "did you mean 'exact'?"),
        ([{"exact": {}}], "/0/exact", "expected attributes", "type"),
        ([{"exact": ["type"]}], "/0/exact", "expected attributes", "type"),
        ([{"prefix": {"my-attr": "x"}}], "/0/prefix/my-attr", "'my-attr' can't be", "lower-case letters and digits"),
        ([{"suffix": {"a": 5}}], "/0/suffix/a", "expected text, found a number", "quotes"),
        ([{"exact": {"a": ""}}], "/0/exact/a", "not empty", "EXISTS a"),
        ([{"all": ORDER}], "/0/all", "at least one filter", "add a filter"),
        ([{"any": []}], "/0/any", "at least one filter", "add a filter"),
        ([{"any": [ORDER, {"not": None}]}], "/0/any/1/not", "expected an object, found nothing", "exact"),
        ([{"cesql": 5}], "/0/cesql", "expected a CESQL expression", "LIKE"),
        ([{"cesql": "type = 'x"}], "/0/cesql", "column 8: the text that begins here does not end", "close it"),
        ([{"cesql": "size + 1"}], "/0/cesql", "gives a number, so that no event would match", "compare it"),
        ([{"cesql": "LOWER(type)"}], "/0/cesql", "gives text, so that no event would match", "compare it"),
    ],
)
def test_a_wrong_filter_is_told_with_place_and_hint(filters, pointer, message, hint):
    with pytest.raises(DefinitionError) as caught:
        parse_filters(filters)
    (problem,) = caught.value.problems
    assert problem.pointer == pointer
    assert problem.code == ("unknown-key" if pointer == "/0/exakt" else "bad-filter")
    assert message in problem.message
    assert hint in problem.hint


def test_all_problems_are_told_at_once():
    with pytest.raises(DefinitionError) as caught:
        parse_filters([{"exact": {"A": ""}}, {"all": [{"cesql": "("}, {"not": 5}]}])
    assert [problem.pointer for problem in caught.value.problems] == [
        "/0/exact/A",
        "/0/exact/A",
        "/1/all/0/cesql",
        "/1/all/1/not",
    ]


def test_filters_within_filters_are_bounded():
    parse_filters([nested(MAX_DEPTH - 1)])
    with pytest.raises(DefinitionError, match="more than 50 levels deep"):
        parse_filters([nested(MAX_DEPTH)])
    with pytest.raises(DefinitionError, match="more than 50 levels deep"):
        parse_filters([nested(5000)])


def test_the_dialects_are_those_of_knative():
    assert DIALECTS == ("exact", "prefix", "suffix", "all", "any", "not", "cesql")
