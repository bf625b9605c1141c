from datetime import UTC, datetime

import pytest

from console.models.runs import RunFilters, cause_of, loop_text, node_rows, progress, read_filters, run_row, timing_text

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

SUMMARY = {
    "id": "6b059a000dc30d26cd1da22c",
    "pipeline": "hello",
    "pipelineVersion": 3,
    "status": "running",
    "trigger": {"type": "manual", "id": "manual"},
    "error": None,
    "createdAt": "2026-11-24T11:59:00.000Z",
    "startedAt": "2026-11-24T11:59:00.000Z",
    "completedAt": None,
    "attempt": 1,
    "test": False,
}


def test_the_duration_of_a_run_under_way_counts_to_now():
    row = run_row(SUMMARY, NOW)
    assert row.duration_ms == 60_000
    assert not row.is_ended


def test_filters_are_read_from_an_address_and_give_the_same_address_again():
    filters = read_filters({"pipeline": " hello ", "trigger": "cron", "period": "24h"}, ["failed", "nonsense"])
    assert filters == RunFilters("hello", ("failed",), "cron", "24h")
    assert filters.query() == {
        "pipeline": "hello",
        "status": ["failed"],
        "trigger": "cron",
        "period": "24h",
        "cursor": "",
    }


def test_a_period_becomes_a_moment_for_the_api():
    assert RunFilters(period="1h").api_query(NOW)["since"] == "2026-11-24T11:00:00+00:00"
    assert RunFilters(pipeline="a", cursor="x").bulk_filter(NOW) == {"pipeline": "a"}


def test_a_state_is_added_to_the_filter_or_taken_away_from_the_first_page_on():
    filters = RunFilters(statuses=("failed",), cursor="page 3")
    assert filters.with_status("running") == RunFilters(statuses=("running", "failed"))
    assert filters.with_status("failed") == RunFilters()


def test_an_unknown_period_filters_nothing():
    assert read_filters({"period": "7 weeks"}, []).is_empty


def node(**changes):
    return {
        "type": "delay",
        "status": "completed",
        "phase": None,
        "attempt": 1,
        "attempts": [],
        "error": None,
        "startedAt": "2026-11-24T11:59:00.000Z",
        "completedAt": "2026-11-24T11:59:01.000Z",
        **changes,
    }


def test_a_node_whose_function_starts_is_shown_as_a_cold_start():
    rows = node_rows({"nodes": {"a": node(status="running", phase="starting"), "b": node()}}, NOW)
    assert [(row.id, row.status, row.duration_ms) for row in rows] == [
        ("a", "starting", 1000),
        ("b", "completed", 1000),
    ]


def test_a_node_that_was_tried_again_took_as_long_as_all_its_attempts():
    attempts = [{"startedAt": "2026-11-24T11:58:00.000Z"}, {"startedAt": "2026-11-24T11:59:00.000Z"}]
    (row,) = node_rows({"nodes": {"a": node(attempt=2, attempts=attempts)}}, NOW)
    assert row.duration_ms == 61_000


@pytest.mark.parametrize(
    ("loop", "text"),
    [
        (None, ""),
        ({"total": 1000, "succeeded": 840, "failed": 2}, "842 of 1,000 items, 2 failed"),
        ({"total": None, "succeeded": 3, "failed": 0}, "3 items"),
    ],
)
def test_a_loop_tells_how_far_it_is(loop, text):
    assert loop_text(loop) == text


def test_the_cause_of_a_failure_names_the_node_of_the_top_level():
    error = {"code": "c", "message": "m", "node": "each[3].fetch", "retryable": True}
    cause = cause_of({"status": "failed", "error": error})
    assert cause is not None
    assert (cause.node, cause.top_node) == ("each[3].fetch", "each")
    assert cause_of({"status": "cancelled", "error": error}) is None


def test_nodes_that_are_through_count_as_progress():
    run = {"nodes": {"a": node(), "b": node(status="skipped"), "c": node(status="running")}}
    assert progress(run) == (2, 3)


def test_an_attempt_tells_where_its_time_went():
    assert timing_text({"queuedMs": 2, "coldStartMs": 0, "executeMs": 1400}) == "queued 2 ms, executed 1.4 s"
    assert timing_text(None) == ""


def test_filters_say_in_words_which_runs_they_find():
    assert RunFilters().words == "every run"
    filters = RunFilters(pipeline="hello", statuses=("failed", "cancelled"), trigger="cron", period="24h")
    assert filters.words == "every failed or cancelled run of hello, started by cron, from the last 24 hours"
