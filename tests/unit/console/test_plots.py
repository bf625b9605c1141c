from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from console.models.runs import RunRow
from console.models.statistics import (
    WINDOWS,
    Interval,
    intervals_of,
    node_times,
    pipeline_times,
    totals_of,
    window_end,
    window_start,
)
from console.plots import Line, plot_lines, plot_outcomes, plot_spark, plot_trend
from console.plots.drawing import nice_ceiling, time_labels

NOW = datetime(2026, 11, 24, 12, 10, tzinfo=UTC)


def count(status, number, p50=None):
    durations = None if p50 is None else {"p50": p50, "p90": 2 * p50, "p99": 3 * p50}
    return {"pipeline": "hello", "status": status, "count": number, "durationMs": durations}


STATISTICS = {
    "intervals": [
        {"since": "2026-11-24T11:30:00.000Z", "counts": [count("completed", 3, 100), count("failed", 1, 50)]},
    ],
    "totals": [count("completed", 3, 100), count("failed", 1, 50), count("cancelled", 2)],
    "nodes": [
        {"node": "quick", "count": 4, "failures": 0, "durationMs": {"p50": 1, "p90": 2, "p99": 3}},
        {"node": "slow", "count": 4, "failures": 1, "durationMs": {"p50": 90, "p90": 91, "p99": 92}},
    ],
}


def elements(markup, name):
    return list(ElementTree.fromstring(markup).iter(name))


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_has_the_same_intervals_wherever_in_one_now_is(window):
    length, step, _ = WINDOWS[window]
    first = intervals_of({"intervals": []}, window, NOW)
    assert len(first) == round(length / step)
    assert first[-1].since <= NOW < first[-1].since + step
    assert window_start(window, NOW) == window_start(window, NOW + timedelta(seconds=1))


def test_intervals_without_runs_are_there_too():
    intervals = intervals_of(STATISTICS, "24h", NOW)
    filled = [each for each in intervals if each.total]
    assert len(filled) == 1
    assert filled[0].since == datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
    assert (filled[0].counts["completed"], filled[0].counts["failed"], filled[0].p50) == (3, 1, 100)


def test_cancelled_runs_do_not_lower_the_rate_of_success():
    totals = totals_of(STATISTICS)
    assert (totals.ended, totals.judged) == (6, 4)


@pytest.mark.parametrize("counts", [[count("completed", 3, 100), count("completed", 1, 500)], [count("failed", 1, 7)]])
def test_several_pipelines_have_no_common_percentile(counts):
    statistics = {"intervals": [{"since": "2026-11-24T11:30:00.000Z", "counts": counts}]}
    (filled,) = [each for each in intervals_of(statistics, "24h", NOW) if each.total]
    assert filled.p50 is None


def test_nodes_are_listed_by_the_time_they_take_with_how_it_changed():
    parts = [{"since": "", "nodes": []}, {"since": "", "nodes": STATISTICS["nodes"]}]
    slow, quick = node_times({**STATISTICS, "nodeParts": parts})
    assert (slow.name, slow.trend, slow.failures) == ("slow", (None, 90), 1)
    assert quick.name == "quick"


def test_pipelines_are_listed_by_the_time_that_their_completed_runs_take():
    totals = [count("completed", 3, 100), {**count("completed", 1, 500), "pipeline": "slow"}, count("failed", 1, 900)]
    slow, other = pipeline_times({"totals": totals})
    assert (slow.name, slow.count, slow.p50) == ("slow", 1, 500)
    assert other.p50 == 100


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_ends_with_the_interval_that_now_is_in(window):
    length, interval, _ = WINDOWS[window]
    end = window_end(window, NOW)
    assert NOW < end <= NOW + interval
    assert end - window_start(window, NOW) == length


def test_failed_runs_stand_at_the_bottom_of_a_bar():
    picture = plot_outcomes(intervals_of(STATISTICS, "24h", NOW), NOW)
    bars = {each.get("class"): float(each.get("y")) for each in elements(picture, "rect")}
    assert bars["bar bar--failed"] > bars["bar bar--completed"]


def test_one_failure_among_thousands_can_be_seen():
    picture = plot_outcomes([Interval(NOW, {"completed": 9000, "failed": 1})], NOW + timedelta(hours=1))
    heights = {each.get("class"): float(each.get("height")) for each in elements(picture, "rect")}
    assert heights["bar bar--failed"] >= 1.5


def test_a_plot_says_in_words_what_is_to_be_seen():
    picture = plot_outcomes(intervals_of(STATISTICS, "24h", NOW), NOW)
    assert ElementTree.fromstring(picture).get("aria-label") == "4 runs ended, 1 of them failed"


def test_a_line_has_a_gap_where_nothing_is_known():
    picture = plot_lines([Line("half", "p50", [1, 2, None, 4, 5])], NOW - timedelta(hours=5), NOW)
    assert len(elements(picture, "polyline")) == 2
    assert len(elements(picture, "circle")) == 4


def test_nothing_to_plot_is_a_plot_all_the_same():
    assert "none yet" in plot_lines([Line("half", "p50", [None])], NOW - timedelta(hours=5), NOW)
    assert "0 runs" in plot_outcomes([], NOW)
    assert "No runs yet" in plot_spark([])
    assert "Not known" in plot_trend([None, None])


def test_the_newest_run_stands_on_the_right():
    runs = [
        RunRow("1", "hello", 1, status, "manual", "", duration, "", False, 1)
        for status, duration in (("failed", 10), ("completed", 100))
    ]
    old, new = elements(plot_spark(runs), "rect")
    assert (old.get("class"), new.get("class")) == ("bar bar--failed", "bar bar--completed")
    assert float(old.get("x")) < float(new.get("x"))
    assert float(old.get("height")) < float(new.get("height"))


def test_texts_in_a_plot_are_escaped():
    picture = plot_lines([Line("<b>&", "p50", [1, 2])], NOW - timedelta(hours=5), NOW)
    assert "<b>" not in picture


@pytest.mark.parametrize(("value", "ceiling"), [(0, 1), (1, 1), (3, 5), (7, 10), (11, 20), (0.3, 0.5), (100, 100)])
def test_axes_end_at_numbers_that_people_count_by(value, ceiling):
    assert nice_ceiling(value) == ceiling


def test_times_are_labelled_at_whole_hours_or_days():
    assert [text for _, text in time_labels(NOW - timedelta(hours=20), NOW)] == [
        "20:00",
        "00:00",
        "04:00",
        "08:00",
    ], "a label at the very edge would be cut off"
    days = [text for _, text in time_labels(NOW - timedelta(days=7), NOW)]
    assert days[0] == "Nov 18"
