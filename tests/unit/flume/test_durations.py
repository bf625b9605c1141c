from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume.durations import LONGEST, format_duration, parse_duration

MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1d2h3m4s5ms", 93_784.005),
        ("1.5h", 5400),
        (" 5m ", 300),
        ("PT30S", 30),
        ("PT1H30M", 5400),
        ("P1DT12H", 129_600),
        ("P1W", 604_800),
        ("PT0.25S", 0.25),
        (90, 90),
        (0.1, 0.1),
        ("90", 90),
        (0, 0),
        ("0s", 0),
    ],
)
def test_every_way_to_write_a_duration_is_read(text: object, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("", "not a duration"),
        ("m", "not a duration"),
        ("5 m", "not a duration"),
        ("5M", "not a duration"),
        ("30m1h", "not a duration"),
        ("1h1h", "not a duration"),
        ("PT", "not a duration"),
        ("P", "not a duration"),
        ("P1Y", "years or months"),
        ("P2M", "years or months"),
        ("P1DT", "not a duration"),
        ("-5m", "negative"),
        (-1, "negative"),
        (float("nan"), "infinite"),
        (float("inf"), "infinite"),
        ("3651d", "longer than 3,650 days"),
        (10**30, "longer"),
        (1e300, "longer"),
        ("9" * 4000 + "s", "not a duration"),
        ("٣s", "not a duration"),
        (True, "expected a duration"),
        (None, "expected a duration"),
        ([], "expected a duration"),
        ("{{ variables.wait }}", "template"),
    ],
)
def test_what_is_not_a_duration_is_told_why(value: object, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_duration(value)


def test_the_longest_duration_is_allowed() -> None:
    assert parse_duration("3650d") == LONGEST


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(hours=1, minutes=30), "1h30m"),
        (timedelta(days=2), "2d"),
        (timedelta(milliseconds=500), "500ms"),
        (timedelta(milliseconds=1, microseconds=500), "1.5ms"),
        (timedelta(seconds=61), "1m1s"),
    ],
)
def test_durations_are_written_short(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


def test_a_negative_duration_has_no_text() -> None:
    with pytest.raises(ValueError, match="negative"):
        format_duration(-MICROSECOND)


@given(st.timedeltas(timedelta(0), LONGEST))
def test_what_is_written_is_read_back_exactly(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.one_of(st.text(), st.floats(), st.integers(), st.text(alphabet="PT0123456789.smhdwHMSDW ")))
def test_any_value_is_a_duration_in_bounds_or_a_value_error(value: object) -> None:
    try:
        duration = parse_duration(value)
    except ValueError:
        return
    assert timedelta(0) <= duration <= LONGEST
