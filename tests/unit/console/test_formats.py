from datetime import UTC, datetime, timedelta

import pytest

from console import formats

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (321.4, "321 ms"),
        (1000, "1.0 s"),
        (10_440, "10.4 s"),
        (59_960, "1 m 00 s"),
        (242_000, "4 m 02 s"),
        (3 * 3_600_000 + 5 * 60_000, "3 h 05 m"),
        (52 * 3_600_000, "2 d 04 h"),
    ],
)
def test_durations_have_one_or_two_units(milliseconds, text):
    assert formats.duration(milliseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (4.4, "now"),
        (4.5, "5 s ago"),
        (59.6, "1 min ago"),
        (61, "1 min ago"),
        (90 * 60, "1 h ago"),
        (47 * 3600, "1 d ago"),
        (2 * 3600, "2 h ago"),
        (3 * 86400, "3 d ago"),
        (-600, "in 10 min"),
    ],
)
def test_how_long_ago_is_told_in_one_unit(seconds, text):
    assert formats.ago((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == text


def test_what_never_happened_is_a_dash():
    assert formats.ago(None, NOW) == "–"
    assert formats.clock(None, NOW) == "–"
    assert formats.moment(None) == "–"


def test_the_clock_shows_the_date_of_another_day():
    assert formats.clock("2026-11-24T03:04:05.678Z", NOW) == "03:04:05"
    assert formats.clock("2026-11-23T03:04:05Z", NOW) == "2026-11-23 03:04:05"


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "–"), (5, 5, "100 %"), (0, 5, "0 %"), (9999, 10_000, "99.9 %"), (1, 100_000, "0.1 %"), (1, 3, "33.3 %")],
)
def test_a_share_is_whole_only_if_it_really_is(part, whole, text):
    assert formats.share(part, whole) == text


def test_json_in_a_page_cannot_end_its_script():
    text = formats.island_json({"a": "</script><!-- \u2028"})
    assert "<" not in text
    assert "\u2028" not in text


def test_counts_know_their_singular():
    assert formats.count(1, "run") == "1 run"
    assert formats.count(1234, "run") == "1,234 runs"


def test_code_marks_in_a_description_become_code_and_nothing_else_does():
    assert formats.prose("by ``<a>`` or `b` <i>") == "by <code>&lt;a&gt;</code> or <code>b</code> &lt;i&gt;"
