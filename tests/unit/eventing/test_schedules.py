from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventing.schedules import MOST_MISSED, due_times, missed_firings, next_due
from flume.errors import RequestError
from flume.pipeline import CronTrigger, IntervalTrigger, MissedFirings

WARSAW, NEW_YORK, LORD_HOWE, SEOUL = "Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Asia/Seoul"
ZONES = (WARSAW, NEW_YORK, LORD_HOWE, SEOUL)
YEAR_START, YEAR_END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def cron(schedule: str, zone: str | None = None, missed: MissedFirings = MissedFirings.SKIP) -> CronTrigger:
    return CronTrigger("cron", schedule, zone, missed=missed)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local_times(schedule: str, zone: str, day: str, hours: int = 24) -> list[str]:
    """Everything due on a local day, as ``HH:MM±hhmm`` in the zone."""
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    found = due_times(cron(schedule, zone), start - timedelta(seconds=1), start + timedelta(hours=hours))
    return [due.astimezone(ZoneInfo(zone)).strftime("%H:%M%z") for due in found]


@pytest.mark.parametrize(
    ("schedule", "after", "due"),
    [
        ("*/5 * * * *", "2026-01-01 00:00:00", "2026-01-01 00:05:00"),
        ("*/5 * * * *", "2026-01-01 00:04:59.999999", "2026-01-01 00:05:00"),
        ("0 9 * * mon-fri", "2026-01-02 09:00:00", "2026-01-05 09:00:00"),
        ("0 9 * * 1-5", "2026-01-02 08:59:59", "2026-01-02 09:00:00"),
        ("*/10 * * * * *", "2026-01-01 00:00:01", "2026-01-01 00:00:10"),
        ("30 0 9 * * *", "2026-01-01 00:00:00", "2026-01-01 09:00:30"),
        ("@daily", "2026-01-01 00:00:00", "2026-01-02 00:00:00"),
        (" @hourly ", "2026-01-01 00:00:00", "2026-01-01 01:00:00"),
        ("@weekly", "2026-01-01 00:00:00", "2026-01-04 00:00:00"),
        ("@monthly", "2026-01-01 00:00:00", "2026-02-01 00:00:00"),
        ("@yearly", "2026-01-01 00:00:00", "2027-01-01 00:00:00"),
        ("0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00:00"),
        ("0 0 l * *", "2026-02-01 00:00:00", "2026-02-28 00:00:00"),
        ("0 0 13 * 5", "2026-02-07 00:00:00", "2026-02-13 00:00:00"),
        ("0 22-2 * * *", "2026-01-01 02:00:00", "2026-01-01 22:00:00"),
        ("0 0 * * 7", "2026-01-01 00:00:00", "2026-01-04 00:00:00"),
        ("0 0 31 * *", "2026-01-31 00:00:00", "2026-03-31 00:00:00"),
    ],
)
def test_the_next_due_moment_follows_the_fields(schedule: str, after: str, due: str) -> None:
    assert next_due(cron(schedule), utc(after)) == utc(due)


def test_a_range_of_one_value_is_that_value() -> None:
    assert next_due(cron("5-5 7-7 * * *"), YEAR_START) == utc("2026-01-01 07:05:00")
    assert next_due(cron("0 0 * * MON-MON"), YEAR_START) == utc("2026-01-05 00:00:00")
    assert next_due(cron("10,5-5/2 0 * * *"), YEAR_START) == utc("2026-01-01 00:05:00")


@pytest.mark.parametrize("sunday", ["7-0", "7-SUN", "7-7", "sun-sun", "7-0/2"])
def test_from_sunday_to_sunday_is_one_day_and_from_0_to_7_the_week(sunday: str) -> None:
    assert next_due(cron(f"0 0 * * {sunday}"), YEAR_START) == utc("2026-01-04 00:00:00")
    assert next_due(cron(f"0 0 * * 1,{sunday}"), utc("2026-01-04 00:00:00")) == utc("2026-01-05 00:00:00")
    assert next_due(cron("0 0 * * 0-7"), YEAR_START) == utc("2026-01-02 00:00:00")


def test_a_range_that_only_begins_like_one_value_stays_a_range() -> None:
    assert next_due(cron("1-15 0 * * *"), utc("2026-01-01 00:14:00")) == utc("2026-01-01 00:15:00")


@pytest.mark.parametrize(
    ("schedule", "zone", "day", "times"),
    [
        ("30 2 * * *", WARSAW, "2026-10-25", ["02:30+0200"]),
        ("30 2 * * *", WARSAW, "2026-03-29", ["03:00+0200"]),
        ("*/15 2 * * *", WARSAW, "2026-03-29", ["03:00+0200"]),
        ("*/15 2 * * *", WARSAW, "2026-10-25", ["02:00+0200", "02:15+0200", "02:30+0200", "02:45+0200"]),
        ("0,30 2-3 * * *", WARSAW, "2026-03-29", ["03:00+0200", "03:30+0200"]),
        ("0,30 2-3 * * *", WARSAW, "2026-10-25", ["02:00+0200", "02:30+0200", "03:00+0100", "03:30+0100"]),
        ("0 */2 * * *", WARSAW, "2026-10-25", [f"{h:02}:00+0{2 if h < 3 else 1}00" for h in range(0, 24, 2)]),
        ("30 1 * * *", NEW_YORK, "2026-11-01", ["01:30-0400"]),
        ("30 2 * * *", NEW_YORK, "2026-03-08", ["03:00-0400"]),
        ("45 1 * * *", LORD_HOWE, "2026-04-05", ["01:45+1100"]),
        ("15 2 * * *", LORD_HOWE, "2026-10-04", ["02:30+1100"]),
        ("45 2 * * *", LORD_HOWE, "2026-10-04", ["02:45+1100"]),
        ("30 2 * * *", SEOUL, "2026-10-25", ["02:30+0900"]),
    ],
)
def test_a_schedule_that_names_hours_is_due_once_for_each_wall_clock_time(
    schedule: str, zone: str, day: str, times: list[str]
) -> None:
    hours = 24 if schedule != "0 */2 * * *" else 25
    found = local_times(schedule, zone, day, hours)
    assert [time for time in found if time != "00:00+0100"] == times


@pytest.mark.parametrize(
    ("schedule", "zone", "start", "hours", "times"),
    [
        (
            "*/30 * * * *",
            WARSAW,
            "2026-10-25T01:45",
            4,
            [
                "02:00+0200",
                "02:30+0200",
                "02:00+0100",
                "02:30+0100",
                "03:00+0100",
                "03:30+0100",
                "04:00+0100",
                "04:30+0100",
            ],
        ),
        ("*/30 * * * *", WARSAW, "2026-03-29T01:15", 1, ["01:30+0100", "03:00+0200"]),
        ("30 * * * *", WARSAW, "2026-10-25T01:45", 3, ["02:30+0200", "02:30+0100", "03:30+0100"]),
        ("30 0-23 * * *", WARSAW, "2026-10-25T01:45", 3, ["02:30+0200", "02:30+0100", "03:30+0100"]),
        ("30 * * * *", WARSAW, "2026-03-29T00:45", 3, ["01:30+0100", "03:30+0200", "04:30+0200"]),
        ("45 * * * *", LORD_HOWE, "2026-04-05T01:00", 3, ["01:45+1100", "01:45+1030", "02:45+1030"]),
        ("15 * * * *", LORD_HOWE, "2026-10-04T01:00", 2, ["01:15+1030", "03:15+1100"]),
    ],
)
def test_a_schedule_for_every_hour_goes_by_real_time(
    schedule: str, zone: str, start: str, hours: int, times: list[str]
) -> None:
    assert local_times(schedule, zone, start, hours) == times


def test_a_start_in_the_second_pass_of_a_repeated_hour_finds_what_is_next() -> None:
    second_pass = utc("2026-10-25 01:10:00")  # 02:10 for the second time in Warsaw
    assert next_due(cron("30 2 * * *", WARSAW), second_pass) == utc("2026-10-26 01:30:00")
    assert next_due(cron("30 * * * *", WARSAW), second_pass) == utc("2026-10-25 01:30:00")
    assert next_due(cron("* * 2 * * *", WARSAW), second_pass) == utc("2026-10-26 01:00:00")


def test_a_day_that_a_zone_left_out_is_made_up_when_it_is_over() -> None:
    apia = cron("0 10 30 12 *", "Pacific/Apia")  # there was no 30 December 2011 in Samoa
    assert next_due(apia, utc("2011-12-29 00:00:00")) == utc("2011-12-30 10:00:00")


def test_a_date_that_never_comes_is_refused_and_one_behind_the_calendar_is_none() -> None:
    with pytest.raises(RequestError):
        next_due(cron("0 0 30 2 *"), YEAR_START)
    assert next_due(cron("@yearly"), datetime(9999, 6, 1, tzinfo=UTC)) is None
    assert next_due(cron("@yearly", "Pacific/Kiritimati"), datetime(9999, 12, 31, 23, tzinfo=UTC)) is None
    assert next_due(cron("30 * 31 12 *"), datetime(9999, 12, 31, 23, 45, tzinfo=UTC)) is None
    assert next_due(cron("0 * 29 2 *"), datetime(9997, 1, 1, tzinfo=UTC)) is None
    assert next_due(IntervalTrigger("i", timedelta(days=400)), datetime(9999, 6, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "* * * *",
        "* * * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "R * * * *",
        "H(0-5) * * * *",
        "r/5 * * * *",
        "-5 * * * *",
        "1,,2 * * * *",
        "a * * * *",
        "@every 5m",
        "@reboot",
        "0 0 31 4,6 *",
        "60 * * * * *",
        "１ * * * *",
    ],
)
def test_what_is_no_schedule_is_refused_with_its_text(schedule: str) -> None:
    with pytest.raises(RequestError) as refusal:
        next_due(cron(schedule), YEAR_START)
    assert refusal.value.code == "bad-schedule"
    assert f"schedule '{schedule}'" in str(refusal.value)


@pytest.mark.parametrize(
    "zone", ["Europe", "Nowhere/Atlantis", "../etc/passwd", "/etc/localtime", "UTC+2", "x" * 5000, "a\0b"]
)
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(RequestError, match="time zone") as refusal:
        next_due(cron("@daily", zone), YEAR_START)
    assert refusal.value.code == "bad-timezone"


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(RequestError, match="no time zone"):
        next_due(cron("@daily"), datetime(2026, 1, 1))


def test_the_default_time_zone_serves_triggers_that_name_none() -> None:
    assert next_due(cron("@daily"), YEAR_START, default_timezone=SEOUL) == utc("2026-01-01 15:00:00")
    assert next_due(cron("@daily", WARSAW), YEAR_START, default_timezone=SEOUL) == utc("2026-01-01 23:00:00")


MINUTES = {"0": {0}, "30": {30}, "*/15": {0, 15, 30, 45}, "15,45": {15, 45}, "30-45/15": {30, 45}}
HOURS = {"*": set(range(24)), "2": {2}, "1-3": {1, 2, 3}, "*/3": set(range(0, 24, 3)), "0,12,23": {0, 12, 23}}
DAYS = {"*": set(range(1, 32)), "1": {1}, "25-31": set(range(25, 32)), "*/7": set(range(1, 32, 7))}
WEEKDAYS = {"*": set(range(7)), "sun": {0}, "mon-fri": {1, 2, 3, 4, 5}, "6,7": {6, 0}}


def _shows(wall: datetime, minute: str, hour: str, day: str, weekday: str) -> bool:
    if wall.minute not in MINUTES[minute] or wall.hour not in HOURS[hour]:
        return False
    on_weekday = wall.isoweekday() % 7 in WEEKDAYS[weekday]
    both_named = day != "*" and weekday != "*"
    return any((wall.day in DAYS[day], on_weekday)) if both_named else all((wall.day in DAYS[day], on_weekday))


@lru_cache(maxsize=8)
def _clock(zone: ZoneInfo, moment: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Every quarter of an hour, with what a clock on the wall shows then."""
    shown = []
    while moment < end + QUARTER:
        shown.append((moment, moment.astimezone(zone).replace(tzinfo=None)))
        moment += QUARTER
    return shown


def _by_stepping(
    minute: str, hour: str, day: str, weekday: str, zone: ZoneInfo, start: datetime, end: datetime
) -> list[datetime]:
    """What is due in (start, end], found by watching the clock every quarter of an hour and keeping note of its changes."""
    found: list[datetime] = []
    (_, furthest), *quarters = _clock(zone, start - timedelta(days=2), end)
    for moment, shown in quarters:
        if hour == "*":
            due = _shows(shown, minute, hour, day, weekday)
        else:
            unseen = []
            wall = furthest + QUARTER
            while wall <= shown:
                unseen.append(wall)
                wall += QUARTER
            due = any(_shows(wall, minute, hour, day, weekday) for wall in unseen)
            furthest = max(furthest, shown)
        if due and start < moment <= end:
            found.append(moment)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("fields", ["30 2 * *", "30 * * sun", "15,45 1-3 25-31 sun"])
@pytest.mark.parametrize("zone", ZONES)
def test_a_whole_year_is_due_when_stepping_through_it_says_so(zone: str, fields: str) -> None:
    minute, hour, day, weekday = fields.split()
    wanted = _by_stepping(minute, hour, day, weekday, ZoneInfo(zone), YEAR_START, YEAR_END)
    trigger = cron(f"{minute} {hour} {day} * {weekday}", zone)
    assert due_times(trigger, YEAR_START, YEAR_END, limit=50_000) == wanted


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    fields=st.tuples(*(st.sampled_from(sorted(choices)) for choices in (MINUTES, HOURS, DAYS, WEEKDAYS))),
    zone=st.sampled_from(ZONES),
    start=st.sampled_from(
        ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01", "2026-06-30"]
    ),
    minutes_before=st.integers(0, 3 * 24 * 60),
)
def test_due_times_agree_with_stepping_around_every_change_of_the_clocks(
    fields: tuple[str, str, str, str], zone: str, start: str, minutes_before: int
) -> None:
    minute, hour, day, weekday = fields
    quarters = timedelta(minutes=minutes_before // 15 * 15)
    after = utc(start) + timedelta(days=1) - quarters
    until = utc(start) + timedelta(days=2)
    wanted = _by_stepping(minute, hour, day, weekday, ZoneInfo(zone), after, until)
    assert due_times(cron(f"{minute} {hour} {day} * {weekday}", zone), after, until) == wanted


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    schedule=st.sampled_from(
        ["* * * * *", "30 2 * * *", "*/7 */5 * * *", "0 0 1 * 1", "*/20 59 1-2 * * *", "@monthly", "0 0 l * *"]
    ),
    zone=st.sampled_from([*ZONES, "Africa/Casablanca", "Europe/Dublin", "Pacific/Apia", "America/Nuuk"]),
    after=st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),
)
def test_the_next_due_moment_is_later_repeatable_and_never_stepped_over(
    schedule: str, zone: str, after: datetime
) -> None:
    trigger = cron(schedule, zone)
    due = next_due(trigger, after)
    assert due is not None
    assert due > after
    assert due == next_due(trigger, after)
    assert next_due(trigger, due - timedelta(microseconds=1)) == due
    assert next_due(trigger, after + (due - after) / 2) == due


@pytest.mark.slow
@settings(max_examples=200)
@given(
    every=st.timedeltas(timedelta(milliseconds=1), timedelta(days=900)),
    anchor=st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    after=st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
)
def test_an_interval_stays_on_the_grid_of_its_first_firing(every: timedelta, anchor: datetime, after: datetime) -> None:
    due = next_due(IntervalTrigger("interval", every), after, anchor=anchor)
    assert due is not None
    assert due > after
    assert due >= anchor
    assert (due - anchor) % every == timedelta(0)
    assert due == anchor or due - every <= after


def test_an_interval_without_an_anchor_is_counted_from_where_it_is_asked() -> None:
    every_90_s = IntervalTrigger("interval", timedelta(seconds=90))
    assert next_due(every_90_s, YEAR_START) == utc("2026-01-01 00:01:30")
    assert due_times(every_90_s, YEAR_START, utc("2026-01-01 00:05:00")) == [
        utc("2026-01-01 00:01:30"),
        utc("2026-01-01 00:03:00"),
        utc("2026-01-01 00:04:30"),
    ]


def test_an_interval_of_no_length_is_refused() -> None:
    with pytest.raises(RequestError, match="above zero"):
        next_due(IntervalTrigger("interval", timedelta(0)), YEAR_START)


def test_due_times_stop_at_their_limit_and_include_their_end() -> None:
    assert len(due_times(cron("* * * * *"), YEAR_START, YEAR_END, limit=7)) == 7
    assert due_times(cron("@hourly"), YEAR_START, utc("2026-01-01 01:00:00")) == [utc("2026-01-01 01:00:00")]
    assert due_times(cron("@hourly"), YEAR_START, YEAR_START) == []


def test_skipped_firings_are_none_unless_they_are_only_a_little_late() -> None:
    now = utc("2026-01-05 00:00:03")
    assert missed_firings(cron("@daily"), YEAR_START, now) == []
    assert missed_firings(cron("@daily"), YEAR_START, now, grace=timedelta(seconds=10)) == [utc("2026-01-05 00:00:00")]
    assert missed_firings(cron("@daily"), YEAR_START, now, grace=timedelta(seconds=2)) == []
    assert missed_firings(cron("@daily"), utc("2026-01-05 00:00:00"), now, grace=timedelta(seconds=10)) == []


def test_once_makes_up_the_latest_alone() -> None:
    once = cron("@daily", missed=MissedFirings.ONCE)
    assert missed_firings(once, YEAR_START, utc("2026-01-05 12:00:00")) == [utc("2026-01-05 00:00:00")]
    assert missed_firings(once, utc("2026-01-05 00:00:00"), utc("2026-01-05 12:00:00")) == []


def test_all_makes_up_every_one_in_order() -> None:
    every = cron("@daily", missed=MissedFirings.ALL)
    assert missed_firings(every, YEAR_START, utc("2026-01-04 00:00:00")) == [
        utc("2026-01-02 00:00:00"),
        utc("2026-01-03 00:00:00"),
        utc("2026-01-04 00:00:00"),
    ]


def test_all_keeps_the_newest_when_there_are_too_many() -> None:
    every_second = cron("* * * * * *", missed=MissedFirings.ALL)
    now = utc("2026-06-01 00:00:00.5")
    found = missed_firings(every_second, YEAR_START, now)
    assert len(found) == MOST_MISSED
    assert found[-1] == utc("2026-06-01 00:00:00")
    assert found[0] == found[-1] - timedelta(seconds=MOST_MISSED - 1)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    schedule=st.sampled_from(["*/15 * * * *", "30 2 * * *", "*/20 2 * * *", "0 1-3 * * sun", "*/5 2 29 3 *"]),
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"]),
    minutes=st.integers(0, 2 * 24 * 60),
    limit=st.integers(1, 30),
)
def test_the_newest_missed_firings_are_the_end_of_all_due_times(
    schedule: str, zone: str, day: str, minutes: int, limit: int
) -> None:
    start, now = utc(day) - timedelta(days=2), utc(day) + timedelta(minutes=minutes)
    everything = due_times(cron(schedule, zone), start, now)
    trigger = cron(schedule, zone, MissedFirings.ALL)
    assert missed_firings(trigger, start, now, limit=limit) == everything[-limit:]


def test_a_rare_schedule_is_made_up_as_far_back_as_it_was_missed() -> None:
    yearly = cron("@yearly", WARSAW, MissedFirings.ALL)
    assert missed_firings(yearly, utc("2023-06-01 00:00:00"), YEAR_END) == [
        utc("2023-12-31 23:00:00"),
        utc("2024-12-31 23:00:00"),
        utc("2025-12-31 23:00:00"),
        utc("2026-12-31 23:00:00"),
    ]
    assert missed_firings(yearly, utc("0001-01-03 00:00:00"), utc("0001-06-01 00:00:00")) == []


def test_firings_before_the_calendar_are_not_looked_for() -> None:
    leap_days = cron("0 0 29 2 *", missed=MissedFirings.ALL)
    assert missed_firings(leap_days, utc("0001-01-03 00:00:00"), utc("0004-03-01 00:00:00")) == [
        utc("0004-02-29 00:00:00")
    ]


def test_firings_that_fall_together_where_clocks_go_forward_count_as_one() -> None:
    every_minute_from_2_to_3 = cron("* 2 * * *", WARSAW, MissedFirings.ALL)
    found = missed_firings(every_minute_from_2_to_3, YEAR_START, utc("2026-03-29 12:00:00"), limit=3)
    assert found == [utc("2026-03-28 01:58:00"), utc("2026-03-28 01:59:00"), utc("2026-03-29 01:00:00")]


@pytest.mark.slow
def test_a_firing_late_in_a_repeated_hour_is_the_newest() -> None:
    every_second = cron("* * * * * *", WARSAW, MissedFirings.ONCE)
    second_pass = utc("2026-10-25 01:00:01")  # 02:00:01 for the second time
    assert missed_firings(every_second, YEAR_START, second_pass) == [second_pass]


def test_an_interval_makes_up_one_firing_at_most() -> None:
    every_10_min = IntervalTrigger("interval", timedelta(minutes=10))
    now = utc("2026-01-03 04:05:00")
    assert missed_firings(every_10_min, YEAR_START, now) == [utc("2026-01-03 04:00:00")]
    assert missed_firings(every_10_min, YEAR_START, now, anchor=utc("2026-01-01 00:03:00")) == [
        utc("2026-01-03 04:03:00")
    ]
    assert missed_firings(every_10_min, utc("2026-01-03 04:00:00"), now) == []
    assert missed_firings(every_10_min, YEAR_START, now, anchor=utc("2027-01-01 00:00:00")) == []
