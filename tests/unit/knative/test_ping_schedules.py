"""A schedule as a PingSource reads it means what it meant in Flume; what can't be told in its terms is None."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.cron import CronSchedule
from flume.schedules import check_schedule
from knative.ping_schedules import ping_schedule

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

KNATIVE = re.compile(r"(\*(/\d+)?|\d+(-\d+(/\d+)?)?)(,(\*(/\d+)?|\d+(-\d+(/\d+)?)?))*")


def due_times(schedule, count=12):
    cron, moment, found = CronSchedule(schedule, UTC), BEGIN, []
    while len(found) < count and (moment := cron.next_due(moment)) is not None:
        found.append(moment)
    return found


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ("30 2 * * 1-5", "30 2 * * 1-5"),
        (" @daily ", "@daily"),
        ("0 9 * JAN,mar mon-fri", "0 9 * 1,3 1-5"),
        ("*/15 * * * ?", "*/15 * * * *"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * * 5-7", "0 0 * * 0,5-6"),
        ("0 22-4 * * *", "0 0-4,22-23 * * *"),
        ("5/20 * * * *", "5-59/20 * * * *"),
        ("0 0 1-31/10 * *", "0 0 1-31/10 * *"),
        ("0 0 5-5 * *", "0 0 5 * *"),
        ("0 0 * * 7-0", "0 0 * * 0"),
        ("0 0 * * 0-7", "0 0 * * 0-6"),
    ],
)
def test_what_knative_would_read_differently_is_written_differently(schedule, told):
    assert ping_schedule(schedule) == told
    if not told.startswith("@"):
        assert due_times(schedule) == due_times(told)


@pytest.mark.parametrize("schedule", ["0 30 2 * * *", "0 0 L * *", "0 0 * * 5#2", "0 0 * * L5", "0 22-4/2 * * *"])
def test_what_knative_can_not_do_is_none(schedule):
    check_schedule(schedule)
    assert ping_schedule(schedule) is None


def fields(least, most):
    number = st.integers(least, most)
    item = st.one_of(
        st.just("*"),
        st.integers(1, most or 1).map(lambda step: f"*/{step}"),
        number.map(str),
        st.tuples(number, number).map(lambda both: f"{both[0]}-{both[1]}"),
        st.tuples(number, number, st.integers(1, 5)).map(lambda all: f"{all[0]}-{all[1]}/{all[2]}"),
    )
    return st.lists(item, min_size=1, max_size=3).map(",".join)


@given(st.tuples(fields(0, 59), fields(0, 23), fields(1, 28), fields(1, 12), fields(0, 7)).map(" ".join))
def test_any_schedule_is_told_in_knatives_terms_and_due_at_the_same_times(schedule):
    try:
        check_schedule(schedule)
    except ValueError:
        return
    told = ping_schedule(schedule)
    if told is None:
        # Steps in a range over the end of its field.
        assert any(int(first) > int(last) for first, last in re.findall(r"(\d+)-(\d+)/", schedule))
        return

    assert all(KNATIVE.fullmatch(field) for field in told.split())
    assert due_times(told, 4) == due_times(schedule, 4)
