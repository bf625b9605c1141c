import pytest

from flume.schedules import ALIASES, check_schedule, check_timezone, has_seconds, nearest_timezone


@pytest.mark.parametrize(
    "schedule",
    [
        "0 9 * * *",
        "*/5 * * * *",
        "0 9 * * MON-FRI",
        "15,45 8-18 1-7 jan,MAR 1",
        "0 0 L * *",
        "30 0 9 * * *",
        "59 59 23 * * *",
        "*/10 * * * * *",
        "0 0 29 2 *",
        *ALIASES,
    ],
)
def test_schedules_that_come_due_are_valid(schedule: str) -> None:
    check_schedule(schedule)


@pytest.mark.parametrize(
    ("schedule", "word"),
    [
        ("", "5 fields"),
        ("* * * *", "5 fields"),
        ("* * * * * * *", "5 fields"),
        ("60 * * * *", "not a valid schedule"),
        ("* 24 * * *", "not a valid schedule"),
        ("* * * 13 *", "not a valid schedule"),
        ("60 0 0 * * *", "not a valid schedule"),
        ("*/0 * * * *", "not a valid schedule"),
        ("x * * * *", "not a valid schedule"),
        ("0 0 30 2 *", "never occur"),
        ("0 0 31 4,6 *", "never occur"),
        ("R * * * *", "random"),
        ("r(0-5) * * * *", "random"),
        ("H * * * *", "random"),
        ("0 H(1-2)/3 * * *", "random"),
        ("0,H * * * *", "random"),
        ("@reboot", "@yearly"),
        ("@every 5m", "@yearly"),
        ("@DAILY", "@yearly"),
        ("1," * 200 + "1 * * * *", "5 fields"),
    ],
)
def test_schedules_that_croniter_would_let_pass_or_fail_on_are_refused(schedule: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        check_schedule(schedule)


def test_six_fields_begin_with_seconds() -> None:
    assert has_seconds("30 0 9 * * *")
    assert not has_seconds("0 9 * * *")


def test_time_zones_are_iana_names_and_no_paths() -> None:
    for name in ("Asia/Seoul", "UTC", "Europe/Warsaw"):
        check_timezone(name)
    for name in ("", "Mars/Base", "../UTC", "/etc/passwd", "Asia", "a\0b", "x" * 5_000, "europe/warsaw"):
        with pytest.raises(ValueError, match="not a time zone"):
            check_timezone(name)


def test_the_nearest_time_zone_is_found_whatever_its_case() -> None:
    assert nearest_timezone("europe/warsaw") == "Europe/Warsaw"
    assert nearest_timezone("America/New York") == "America/New_York"
    assert nearest_timezone("qqqqqq") is None
