"""Checks of cron schedules and time zones: what `flume.document` refuses and what fires later agree through this module.

croniter alone is too kind: it takes seven fields, random ``R`` fields and dates that never come.
"""

import re
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

ALIASES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
"""Names for schedules, written instead of fields."""

_LONGEST_SCHEDULE = 200
_RANDOM = re.compile(r"(?:^|[,\s/-])[rRhH](?=$|[(,\s/-])")


def has_seconds(schedule: str) -> bool:
    """Whether a schedule has six fields, of which the first is seconds."""
    return len(schedule.split()) == 6


def check_schedule(schedule: str) -> None:
    """Raise ValueError, with a sentence that says what is wrong, unless the schedule is valid and comes due some day."""
    # Costs 60 ms of start-up, which a document without schedules should not pay.
    from croniter import CroniterError, croniter

    stripped = schedule.strip()
    if stripped.startswith("@"):
        if stripped not in ALIASES:
            raise ValueError(f"'{stripped[:40]}' is not one of {', '.join(ALIASES)}")
        return
    _check_fields(stripped)
    try:
        croniter.expand(stripped, strict=True, second_at_beginning=True)
    except (CroniterError, ValueError, KeyError, ArithmeticError) as error:
        raise ValueError(_reason(str(error), stripped)) from error


def _check_fields(schedule: str) -> None:
    count = len(schedule.split())
    if count not in (5, 6) or len(schedule) > _LONGEST_SCHEDULE:
        raise ValueError(
            f"a schedule has 5 fields (minute hour day month weekday) or 6 with seconds first, not {count}"
        )
    if _RANDOM.search(schedule):
        raise ValueError("random (R) and hashed (H) fields are not supported; write the minute or hour out")


def _reason(message: str, schedule: str) -> str:
    text = message.replace(f"[{schedule}] is not acceptable", "").strip(" ,.:")
    return f"not a valid schedule: {text[:1].lower()}{text[1:160]}" if text else "not a valid schedule"


def check_timezone(name: str) -> None:
    """Raise ValueError unless ``name`` is an IANA time zone such as ``Europe/Warsaw``."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"'{name[:40]}' is not a time zone") from error


def nearest_timezone(name: str) -> str | None:
    """The time zone that ``name`` was probably meant to be. Slow, since it lists all zones."""
    by_lower = {zone.lower(): zone for zone in sorted(available_timezones())}
    found = get_close_matches(name.lower()[:40].replace(" ", "_"), by_lower, n=1, cutoff=0.7)
    return by_lower[found[0]] if found else None
